import { Packr } from "msgpackr";
import { WebSocket, WebSocketServer } from "ws";

/**
 * A process of the baseline: what `ws` and `msgpackr` do by themselves for a batch that goes from a
 * driver by a coordinator to a worker and back, without any of our code.
 *   echo-process.js middle            listens, prints its port, passes batches between its two ends
 *   echo-process.js end <port>        connects to the middle and answers every batch
 */
const packr = new Packr({ useRecords: true });
const [role, port] = process.argv.slice(2);

if (role === "middle") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  const ends: WebSocket[] = [];
  server.on("connection", (socket) => {
    ends.push(socket);
    socket.on("message", (data) => {
      const messages: unknown = packr.unpack(data as Buffer);
      const other = ends.find((end) => end !== socket);
      other?.send(packr.pack(messages));
    });
  });
  server.on("listening", () => process.send!((server.address() as { port: number }).port));
} else {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
  socket.on("open", () => process.send!("ready"));
  socket.on("message", (data) => {
    const tasks = packr.unpack(data as Buffer) as { task: string; args: Uint8Array }[];
    const results = tasks.map(({ task, args }) => ({
      type: "task-done",
      task,
      attempt: 0,
      sizeBytes: args.length,
      inline: args,
      ranForMs: 0,
    }));
    socket.send(packr.pack(results));
  });
}
