import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import type { Order, Report } from "./child.ts";

/**
 * A bare `ws` stream, as somebody would write it who has nothing else to do.
 *   socket-process.js sender <message bytes>    listens, and sends when it is told to
 *   socket-process.js receiver <port>           reports each buffer that has arrived whole
 * Each buffer is announced by its size in a text message; the receiver puts it together in memory of
 * its own, as a value that is read afterwards has to be.
 */

/** Bytes handed to the socket and not yet to the kernel, before the sender waits. */
const HIGH_WATER_BYTES = 4 * 2 ** 20;

/** Made in the round that warms up, as the mesh's object is there before the clock runs. */
let source = new Uint8Array(0);

const [role, setting] = process.argv.slice(2);
const say = (report: Report) => process.send!(report);

if (role === "sender") listen(Number(setting));
else receive(new WebSocket(`ws://127.0.0.1:${setting}`, { perMessageDeflate: false }));

/** The sender is the server, because what clients send is masked byte by byte. */
function listen(messageBytes: number): void {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (socket) => {
    process.on("message", (order: Order) => {
      if (order.type === "send") send(socket, order.sizeBytes, messageBytes);
    });
    say({ type: "open" });
  });
  server.on("listening", () => say({ type: "port", port: (server.address() as AddressInfo).port }));
}

function send(socket: WebSocket, sizeBytes: number, messageBytes: number): void {
  if (source.length !== sizeBytes) source = new Uint8Array(sizeBytes).fill(7);
  socket.send(String(sizeBytes));
  let offset = 0;
  const pump = () => {
    while (offset < sizeBytes && socket.bufferedAmount < HIGH_WATER_BYTES) {
      const end = Math.min(offset + messageBytes, sizeBytes);
      // The callback comes when the kernel has it: the moment to send more.
      socket.send(source.subarray(offset, end), pump);
      offset = end;
    }
  };
  pump();
}

function receive(socket: WebSocket): void {
  let buffer = new Uint8Array(0);
  let receivedBytes = 0;
  socket.on("message", (data: Buffer, isBinary) => {
    if (!isBinary) {
      buffer = new Uint8Array(Number(data.toString()));
      receivedBytes = 0;
      return;
    }
    buffer.set(data, receivedBytes);
    receivedBytes += data.length;
    if (receivedBytes === buffer.length) say({ type: "received", sizeBytes: receivedBytes });
  });
}
