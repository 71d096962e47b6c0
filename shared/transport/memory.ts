import type { Transport } from "./transport.ts";
import { WindowedTransport, type Wire } from "./windowed-transport.ts";

/** Two connected in-process transports. Delivery is one microtask later, as over a real socket. */
export function memoryTransportPair(): [Transport, Transport] {
  const left: WindowedTransport = new WindowedTransport(
    "memory",
    wireTo(() => right),
  );
  const right = new WindowedTransport(
    "memory",
    wireTo(() => left),
  );
  return [left, right];
}

const wireTo = (other: () => WindowedTransport): Wire => ({
  send(message) {
    // A copy, as from a network: the receiver may keep views on what it gets.
    const copy = message.slice();
    queueMicrotask(() => other().received(copy));
  },
  acknowledge: (consumedBytes) => queueMicrotask(() => other().acknowledged(consumedBytes)),
  close: (reason) => queueMicrotask(() => other().ended(reason)),
});
