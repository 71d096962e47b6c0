import type { Transport, TransportPath } from "./transport.ts";
import { joined, WindowedTransport, type Wire } from "./windowed-transport.ts";

/**
 * Two connected in-process transports. Delivery is one microtask later, as over a real socket.
 * @param path what they say they are; tests put them in place of others.
 */
export function memoryTransportPair(path: TransportPath = "memory"): [Transport, Transport] {
  const left: WindowedTransport = new WindowedTransport(
    path,
    wireTo(() => right),
  );
  const right = new WindowedTransport(
    path,
    wireTo(() => left),
  );
  return [left, right];
}

const wireTo = (other: () => WindowedTransport): Wire => ({
  send(message, tail) {
    // A copy, as from a network: the receiver may keep views on what it gets.
    const copy = tail ? joined(message, tail) : message.slice();
    queueMicrotask(() => other().received(copy));
  },
  acknowledge: (consumedBytes) => queueMicrotask(() => other().acknowledged(consumedBytes)),
  close: (reason) => queueMicrotask(() => other().ended(reason)),
});
