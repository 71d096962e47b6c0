import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../shared/clock.ts";
import { Signalling } from "./signalling.ts";

/** Time that passes when the test says so. */
class TestClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  pass(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= untilMs);
      const [next] = due.toSorted((left, right) => left.atMs - right.atMs);
      if (!next) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

/** A client that speaks the protocol by hand; PeerJS itself is in signalling-peerjs.test.ts. */
class Client {
  readonly socket: WebSocket;
  readonly closed: Promise<unknown>;
  readonly #messages: unknown[] = [];
  #onMessage: (() => void) | undefined;

  constructor(id: string, { key = `key of ${id}`, token = "t" } = {}) {
    const query = new URLSearchParams({ key, id, token, version: "1.5.5" });
    this.socket = new WebSocket(`${url}/signal/peerjs?${query}`);
    this.closed = once(this.socket, "close");
    this.socket.on("message", (data) => {
      this.#messages.push(JSON.parse((data as Buffer).toString()));
      this.#onMessage?.();
    });
    clients.push(this);
  }

  async next(): Promise<unknown> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve) => (this.#onMessage = resolve));
    }
    return this.#messages.shift();
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Resolves when the server has handled everything sent before. */
  async settled(): Promise<void> {
    const pong = once(this.socket, "pong");
    this.socket.ping();
    await pong;
  }
}

const clock = new TestClock();
let signalling: Signalling;
let server: WebSocketServer;
let url = "";
const clients: Client[] = [];

beforeEach(async () => {
  signalling = new Signalling({ authorize: (id, key) => key === `key of ${id}`, clock });
  server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("connection", (socket, request) => {
    signalling.accept(socket, new URL(request.url ?? "", "http://any").searchParams);
  });
  await once(server, "listening");
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  signalling.close();
  for (const { socket } of clients.splice(0)) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
});

async function connected(id: string, options?: { token: string }): Promise<Client> {
  const client = new Client(id, options);
  expect(await client.next()).toEqual({ type: "OPEN" });
  return client;
}

const candidate = (dst: string, text = "candidate:1") => ({
  type: "CANDIDATE",
  dst,
  payload: { connectionId: "dc_1", candidate: { candidate: text, sdpMid: "0" }, type: "data" },
});

test("messages reach the peer they are for, from who really sent them", async () => {
  const ada = await connected("ada");
  const bob = await connected("bob");
  ada.send({ ...candidate("bob"), src: "eve" });
  expect(await bob.next()).toEqual({ ...candidate("bob"), src: "ada" });
  expect(signalling.size).toBe(2);
});

test("a key that does not fit the id is refused", async () => {
  const eve = new Client("ada", { key: "key of eve" });
  expect(await eve.next()).toEqual({ type: "ERROR", payload: { msg: "Invalid key provided" } });
  await eve.closed;
  expect(signalling.size).toBe(0);
});

test("an id in use is taken for another token, and replaced for the same", async () => {
  const first = await connected("ada", { token: "one" });
  const other = new Client("ada", { token: "two" });
  expect(await other.next()).toMatchObject({ type: "ID-TAKEN" });
  await other.closed;
  const reloaded = await connected("ada", { token: "one" });
  await first.closed;
  const bob = await connected("bob");
  bob.send(candidate("ada"));
  expect(await reloaded.next()).toMatchObject({ src: "bob" });
  expect(signalling.size).toBe(2);
});

test("what is for an absent peer waits for it, in order", async () => {
  const ada = await connected("ada");
  ada.send(candidate("bob", "first"));
  ada.send(candidate("bob", "second"));
  await ada.settled();
  const bob = await connected("bob");
  expect(await bob.next()).toEqual({ ...candidate("bob", "first"), src: "ada" });
  expect(await bob.next()).toEqual({ ...candidate("bob", "second"), src: "ada" });
});

test("what nobody fetched in 5 s expires once per sender, and is gone", async () => {
  const ada = await connected("ada");
  ada.send(candidate("bob"));
  ada.send(candidate("bob"));
  await ada.settled();
  clock.pass(5_001);
  expect(await ada.next()).toEqual({ type: "EXPIRE", src: "bob", dst: "ada" });
  const bob = await connected("bob");
  ada.send(candidate("bob", "new"));
  expect(await bob.next()).toEqual({ ...candidate("bob", "new"), src: "ada" });
});

test("the queue for an absent peer is bounded: what is too much expires at once", async () => {
  const ada = await connected("ada");
  for (let index = 0; index < 65; index++) ada.send(candidate("bob"));
  expect(await ada.next()).toMatchObject({ type: "EXPIRE" });
});

test.each([
  ["not JSON", "{"],
  ["no object", "7"],
  ["an unknown type", { type: "SHOUT", dst: "bob" }],
  ["a server's type", { type: "EXPIRE", dst: "bob" }],
  ["a server's type", { type: "ID-TAKEN", dst: "bob" }],
  ["an offer that would make PeerJS throw", { ...offer(), payload: { type: "data" } }],
  ["a class PeerJS does not have", offer({ serialization: "toString" })],
  ["a candidate without its text", { ...candidate("bob"), payload: { connectionId: "dc_1" } }],
  ["no receiver", { ...candidate("bob"), dst: undefined }],
  ["too long a message", { ...candidate("bob"), pad: "x".repeat(65_536) }],
])("%s is answered with ERROR, and repeated it ends the connection", async (_name, message) => {
  const ada = await connected("ada");
  const bob = await connected("bob");
  ada.send(message);
  expect(await ada.next()).toMatchObject({ type: "ERROR", payload: { msg: expect.any(String) } });
  ada.send(candidate("bob", "well-formed"));
  expect(await bob.next()).toMatchObject({ src: "ada" });
  ada.send(message);
  ada.send(message);
  await ada.closed;
  expect(signalling.size).toBe(1);
});

test("a client that floods is dropped and others are not", async () => {
  const ada = await connected("ada");
  const bob = await connected("bob");
  for (let index = 0; index < 1_100; index++) ada.send({ type: "HEARTBEAT" });
  await ada.closed;
  bob.send(candidate("bob"));
  expect(await bob.next()).toMatchObject({ src: "bob" });
});

test("a client that is silent for a minute and does not answer pings is gone", async () => {
  const ada = await connected("ada");
  const bob = await connected("bob");
  const frozen = (ada.socket as unknown as { _socket: { pause(): void } })._socket;
  frozen.pause();
  for (let second = 0; second < 90; second += 10) {
    clock.pass(10_000);
    bob.send({ type: "HEARTBEAT" });
    await bob.settled();
  }
  expect(signalling.size).toBe(1);
});

test("a client that says LEAVE is gone", async () => {
  const ada = await connected("ada");
  ada.send({ type: "LEAVE" });
  await ada.closed;
  expect(signalling.size).toBe(0);
});

function offer(changes: object = {}) {
  const sdp = { type: "offer", sdp: "v=0" };
  const payload = { type: "data", connectionId: "dc_1", sdp, label: "dc_1", serialization: "raw" };
  return { type: "OFFER", dst: "bob", payload: { ...payload, ...changes } };
}
