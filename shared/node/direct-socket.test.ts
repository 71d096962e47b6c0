import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import type { IncomingMessage } from "node:http";
import { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import { SOCKET_CHUNK_BYTES, SOCKET_WINDOW_BYTES } from "../protocol/limits.ts";
import { transportContract } from "../transport/contract.ts";
import type { Transport } from "../transport/transport.ts";
import { acceptDirectSocket, dialDirectSocket } from "./direct-socket.ts";
import { frameHead, OPCODE } from "./socket-frames.ts";
import { listenWebSocket, type WebSocketListener } from "./websocket-for-node.ts";

let listener: WebSocketListener;
let accept: (transport: Transport) => void = () => {};

beforeAll(async () => {
  const onTransport = (transport: Transport) => accept(transport);
  listener = await listenWebSocket({ host: "127.0.0.1", port: 0, path: "/link", onTransport });
});
afterAll(() => listener.close());

const accepted = () => new Promise<Transport>((resolve) => (accept = resolve));
const connect = () => Promise.all([dialDirectSocket(listener.url, 5_000), accepted()]);

transportContract("direct socket", { connect, windowBytes: SOCKET_WINDOW_BYTES });

/** An object's bytes as the store has them: in shared memory. */
function stored(sizeBytes: number, seed: number): Uint8Array<SharedArrayBuffer> {
  const bytes = new Uint8Array(new SharedArrayBuffer(sizeBytes));
  for (let at = 0; at < sizeBytes; at += 97) bytes[at] = at + seed;
  return bytes;
}

test("messages with tails out of shared memory arrive whole, both ways, however slowly they are read", async () => {
  const ends = await connect();
  const tails = Array.from({ length: 24 }, (_, seed) =>
    stored([SOCKET_CHUNK_BYTES, 0, 70_000, SOCKET_CHUNK_BYTES + 5][seed % 4]!, seed),
  );
  const read = (transport: Transport) =>
    new Promise<number>((resolve) => {
      let count = 0;
      transport.onMessage = async ([number], tail) => {
        await new Promise((turn) => setImmediate(turn));
        // A tail is the reader's until now, whatever else has arrived.
        const isRight = Buffer.compare(tail!, Buffer.from(tails[number!]!)) === 0;
        expect([number, isRight]).toEqual([count++, true]);
        if (count === tails.length) resolve(count);
      };
    });
  const reading = Promise.all(ends.map(read));
  for (const [number, tail] of tails.entries()) {
    await Promise.all(ends.map((end) => end.send(Uint8Array.of(number), tail)));
  }
  expect(await reading).toEqual([24, 24]);
  for (const end of ends) end.close({ code: "done" });
});

test("a server of another kind understands what is sent, and is understood", async () => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => {
      socket.ping();
      socket.on("pong", () => socket.send(data));
    });
  });
  const transport = await dialDirectSocket(`ws://127.0.0.1:${port}/`, 5_000);
  const answer = new Promise<Uint8Array>(
    (resolve) => (transport.onMessage = (got) => resolve(got)),
  );
  const tail = stored(SOCKET_CHUNK_BYTES, 3);
  void transport.send(Uint8Array.of(1, 2), tail);
  const got = await answer;
  expect(got.subarray(0, 2)).toEqual(Uint8Array.of(1, 2));
  expect(Buffer.compare(got.subarray(2), Buffer.from(tail))).toBe(0);
  transport.close({ code: "done" });
  expect(await transport.closed).toEqual({ code: "done" });
  server.close();
});

/** A server that answers whatever is asked with these bytes. */
async function answering(answer: string): Promise<{ url: string; close(): void }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => {}));
    socket.write(answer);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: `ws://127.0.0.1:${port}/link`, close };
}

test.each([
  ["HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"],
  ["HTTP/1.1 101 Switching Protocols\r\n\r\n", "not that of a WebSocket"],
  ["HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: mine\r\n\r\n", "not that of a WebSocket"],
  ["x".repeat(9 * 1024), "does not answer as a WebSocket"],
  ["", "not open after 50 ms"],
])("who answers %.60j is unreachable, and the error says why", async (answer, why) => {
  const server = await answering(answer);
  const dialling = dialDirectSocket(server.url, answer === "" ? 50 : 5_000);
  await expect(dialling).rejects.toMatchObject({
    code: "PEER_UNREACHABLE",
    message: expect.stringContaining(why),
  });
  server.close();
});

test("a port where nobody listens is unreachable", async () => {
  const server = await answering("");
  server.close();
  await expect(dialDirectSocket(server.url, 5_000)).rejects.toMatchObject({
    code: "PEER_UNREACHABLE",
    message: expect.stringContaining("ECONNREFUSED"),
  });
});

test.each(["nonsense", "http://127.0.0.1/", "wss://127.0.0.1/"])(
  "%s is not the URL of a peer's WebSocket",
  async (url) => {
    await expect(dialDirectSocket(url, 5_000)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  },
);

/** A client's socket that does not take anything. */
class DeafSocket extends Duplex {
  override _read(): void {}
  override _write(): void {}
  setNoDelay(): this {
    return this;
  }
}

test("who sends pings and does not read is not answered without end", () => {
  const socket = new DeafSocket();
  const headers = {
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": `${"A".repeat(22)}==`,
  };
  const request = { method: "GET", headers } as unknown as IncomingMessage;
  const limits = { messageBytesMax: 1_000, firstMessageBytesMax: 1_000 };
  acceptDirectSocket(request, socket, Buffer.alloc(0), limits);
  const ping = Buffer.concat([
    frameHead(OPCODE.ping, 125, { isLast: true, isMasked: true }),
    Buffer.alloc(125),
  ]);
  for (let n = 0; n < 10_000; n++) socket.emit("data", ping);
  expect(socket.writableLength).toBeGreaterThan(1_000);
  expect(socket.writableLength).toBeLessThan(100_000);
});
