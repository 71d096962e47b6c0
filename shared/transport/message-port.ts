import { reasonToText, textToReason } from "./close-reason.ts";
import { dataOf, type EventSourceLike } from "./event-source.ts";
import type { Transport } from "./transport.ts";
import { joined, WindowedTransport } from "./windowed-transport.ts";

/** A `MessagePort` of a browser or of Node. */
export interface MessagePortLike extends EventSourceLike {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  start(): void;
  close(): void;
}

/**
 * A transport over one end of a `MessageChannel`; the port is its own from now on. On the port, an
 * ArrayBuffer is a message, a number acknowledges, and a string closes.
 */
export function messagePortTransport(port: MessagePortLike): Transport {
  const transport = new WindowedTransport("message-port", {
    send(message, tail) {
      // Copied, because the message may be a view on a buffer that others use; then moved.
      const { buffer } = tail ? joined(message, tail) : message.slice();
      port.postMessage(buffer, [buffer]);
    },
    acknowledge: (consumedBytes) => port.postMessage(consumedBytes, []),
    close(reason) {
      port.postMessage(reasonToText(reason), []);
      port.close();
    },
  });
  port.addEventListener("message", (event) => {
    const data = dataOf(event);
    if (data instanceof ArrayBuffer) transport.received(new Uint8Array(data));
    else if (typeof data === "number") transport.acknowledged(data);
    else if (typeof data === "string") {
      transport.ended(textToReason(data));
      port.close();
    } else transport.violated("posted something that is not a message");
  });
  // Browsers and Node both fire it when the other end goes, the former not always.
  port.addEventListener("close", () => transport.ended({ code: "peer-left" }));
  port.addEventListener("messageerror", () => transport.violated("posted what cannot be read"));
  port.start();
  return transport;
}
