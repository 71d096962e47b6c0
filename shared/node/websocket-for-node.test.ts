import { once } from "node:events";
import { connect, type Socket, type TcpNetConnectOpts } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { SOCKET_WINDOW_BYTES } from "../protocol/limits.ts";
import { transportContract } from "../transport/contract.ts";
import type { Transport } from "../transport/transport.ts";
import { dialWebSocket, listenWebSocket, type WebSocketListener } from "./websocket-for-node.ts";

let listener: WebSocketListener;
let accept: (transport: Transport) => void = () => {};

beforeAll(async () => {
  listener = await listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    path: "/link",
    maxPayload: 8 * 2 ** 20,
    onTransport: (transport) => accept(transport),
  });
});
afterAll(() => listener.close());

const accepted = () => new Promise<Transport>((resolve) => (accept = resolve));
const dial = (deadlineMs = 5_000) => dialWebSocket(listener.url, { deadlineMs });

transportContract("websocket", {
  connect: () => Promise.all([dial(), accepted()]),
  windowBytes: SOCKET_WINDOW_BYTES,
});

/** A stranger that speaks WebSocket, but not our rules. */
async function stranger(): Promise<[WebSocket, Transport]> {
  const socket = new WebSocket(listener.url);
  socket.on("error", () => {});
  const opened = new Promise((resolve) => socket.once("open", resolve));
  const [transport] = await Promise.all([accepted(), opened]);
  return [socket, transport];
}

test.each(["a1", "a-1", "a1e3", "a", "aNaN", "a99999999999999999999", "hello", ""])(
  "the text %j from a stranger ends the connection as a violation",
  async (text) => {
    const [socket, transport] = await stranger();
    socket.send(text);
    expect((await transport.closed).code).toBe("protocol-violation");
    socket.terminate();
  },
);

test("a message over the limit ends the connection as a violation", async () => {
  const [socket, transport] = await stranger();
  socket.send(new Uint8Array(9 * 2 ** 20));
  expect((await transport.closed).code).toBe("protocol-violation");
  socket.terminate();
});

test("a connection that is cut ends as peer-left", async () => {
  const [socket, transport] = await stranger();
  socket.terminate();
  expect((await transport.closed).code).toBe("peer-left");
});

test("a sender that never waits for a reader that takes nothing is cut off", async () => {
  const [socket, transport] = await stranger();
  transport.onMessage = () => new Promise(() => {});
  for (let index = 0; index < 20; index++) socket.send(new Uint8Array(4 * 2 ** 20));
  expect((await transport.closed).code).toBe("protocol-violation");
  socket.terminate();
});

test("a port where nobody listens is unreachable, and the error says where", async () => {
  const gone = await listenWebSocket({
    host: "127.0.0.1",
    port: 0,
    path: "/link",
    onTransport: () => {},
  });
  await gone.close();
  await expect(dialWebSocket(gone.url, { deadlineMs: 5_000 })).rejects.toMatchObject({
    code: "PEER_UNREACHABLE",
    message: expect.stringContaining(gone.url),
  });
});

test("a port that is taken is START_FAILED", async () => {
  const port = Number(new URL(listener.url).port);
  const taken = listenWebSocket({ host: "127.0.0.1", port, path: "/", onTransport: () => {} });
  await expect(taken).rejects.toMatchObject({ code: "START_FAILED" });
});

test("what is not a WebSocket URL is INVALID_ARGUMENT", async () => {
  const dialling = dialWebSocket("nonsense", { deadlineMs: 5_000 });
  await expect(dialling).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

const BAD_UPGRADE =
  "GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

/** Somebody who asks for what there is not. */
async function refused(options: Partial<TcpNetConnectOpts> = {}): Promise<Socket> {
  const { hostname, port } = new URL(listener.url);
  const socket = connect({ port: Number(port), host: hostname, ...options });
  socket.on("error", () => {});
  socket.write(BAD_UPGRADE);
  await once(socket, "data");
  return socket;
}

test("strangers who are refused and reset their connections harm nobody", async () => {
  // An error that nobody hears would end the process, and fail this file.
  for (let n = 0; n < 20; n++) (await refused()).resetAndDestroy();
  const [socket, transport] = await stranger();
  socket.terminate();
  await transport.closed;
});

test("the connection of a stranger who was refused does not stay open", async () => {
  // It does not close its half, as one would that wants to keep a place taken.
  const socket = await refused({ allowHalfOpen: true });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  // What is sent to an end that is gone is answered by a reset.
  const sending = setInterval(() => socket.write("x"), 10);
  socket.resume();
  await closed;
  clearInterval(sending);
});
