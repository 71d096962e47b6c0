import type { CloseReason, Transport } from "../transport/transport.ts";
import { joined } from "../transport/windowed-transport.ts";

/** A transport from this peer to itself: what is sent arrives one microtask later. */
export function loopTransport(): Transport {
  let isOpen = true;
  let settle!: (reason: CloseReason) => void;
  const closed = new Promise<CloseReason>((resolve) => (settle = resolve));
  const transport: Transport = {
    path: "memory",
    arrivals: 0,
    unreadBytes: 0,
    takenBytes: 0,
    closed,
    onMessage: undefined,
    async send(message, tail) {
      await Promise.resolve();
      if (isOpen) await transport.onMessage?.(joined(message, tail));
    },
    close(reason) {
      isOpen = false;
      settle(reason);
    },
  };
  return transport;
}
