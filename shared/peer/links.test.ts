import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import { decodeBatch, encodeBatch } from "../protocol/batch.ts";
import { encodeFrame } from "../protocol/frame.ts";
import { signTicket } from "../protocol/tickets.ts";
import { memoryTransportPair } from "../transport/memory.ts";
import type { CloseReason } from "../transport/transport.ts";
import type { Dialer } from "./dialer.ts";
import { Links } from "./links.ts";
import { quiet, TestMesh, type TestPeer } from "./test-mesh.ts";

const object = "x.1" as ObjectId;
const actor = "x.a" as ActorId;

const failing = (path: Dialer["path"], why: string): Dialer => ({
  path,
  obstacle: () => undefined,
  dial: () => Promise.reject(new MeshError("PEER_UNREACHABLE", why)),
});
const impossible = (path: Dialer["path"], why: string): Dialer => ({
  ...failing(path, "must not be dialled"),
  obstacle: () => why,
});
const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "fine",
    (error: unknown) => (MeshError.is(error) ? error.code : error),
  );

function pairOfPeers(): { mesh: TestMesh; a: TestPeer; b: TestPeer } {
  const mesh = new TestMesh();
  return { mesh, a: mesh.add("a"), b: mesh.add("b") };
}

/** A transport to `peer` that the test speaks on by hand. */
function stranger(peer: TestPeer, from?: PeerId) {
  const [mine, theirs] = memoryTransportPair();
  const heard: { type: string; error?: { code: string; message: string } }[] = [];
  mine.onMessage = (bytes) => {
    heard.push(...(decodeBatch(bytes) as typeof heard).filter(({ type }) => type !== "link-ping"));
  };
  peer.links.accept(theirs, from);
  return {
    transport: mine,
    heard,
    say: (...messages: object[]) => mine.send(encodeBatch(messages)),
  };
}

const helloFor = (mesh: TestMesh, peer: TestPeer, from = "a") => ({
  type: "link-hello",
  from,
  ticket: mesh.introduction(from as PeerId, peer.id).ticket,
});

test("takes the first path that works, and both ends know why no better one", async () => {
  const mesh = new TestMesh();
  const b = mesh.add("b");
  const a = mesh.add("a", {
    dialers: [
      impossible("websocket", "it listens nowhere"),
      failing("webrtc", "ICE failed"),
      mesh.dialer("a" as PeerId),
      failing("relay", "must not be dialled"),
    ],
  });
  const link = await a.links.to(b.id);
  const reason = "websocket: it listens nowhere; webrtc: ICE failed";
  expect([link.peer, link.path, link.reason]).toEqual(["b", "local", reason]);
  expect(b.links.openTo(a.id)?.reason).toBe(reason);
  expect(mesh.clock.pending).toBe(0);
});

test("callers at the same time share one attempt, and later ones its link", async () => {
  const { a, b } = pairOfPeers();
  const links = await Promise.all([a.links.to(b.id), a.links.to(b.id)]);
  expect(links[0]).toBe(links[1]);
  expect(await a.links.to(b.id)).toBe(links[0]);
  expect(a.links.counters()).toHaveLength(1);
});

test("without a path the error names every one of them and why", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a", {
    dialers: [impossible("websocket", "it is a browser"), failing("relay", "over quota")],
  });
  const b = mesh.add("b");
  await expect(a.links.to(b.id)).rejects.toMatchObject({
    code: "PEER_UNREACHABLE",
    message: expect.stringMatching(/^b .*websocket: it is a browser; relay: over quota; check/),
  });
});

test("what the coordinator says against a peer reaches the caller", async () => {
  const { a } = pairOfPeers();
  await expect(a.links.to("z" as PeerId)).rejects.toThrow("z is not in the mesh");
});

test.each([
  [
    "forged",
    (mesh: TestMesh) => signTicket(new Uint8Array(32).fill(99), pair("a", "b"), soon(mesh)),
  ],
  ["expired", (mesh: TestMesh) => mesh.introduction("a" as PeerId, "b" as PeerId, -1).ticket],
  ["another peer's", (mesh: TestMesh) => mesh.introduction("c" as PeerId, "b" as PeerId).ticket],
  ["for another peer", (mesh: TestMesh) => mesh.introduction("a" as PeerId, "c" as PeerId).ticket],
  ["cut short", () => new Uint8Array(3)],
])("a ticket that is %s opens nothing", async (_, ticketOf) => {
  const { mesh, b } = pairOfPeers();
  mesh.add("c");
  const { heard, say, transport } = stranger(b);
  void say({ type: "link-hello", from: "a", ticket: ticketOf(mesh) });
  expect(await transport.closed).toMatchObject({ code: "refused" });
  expect(heard).toMatchObject([{ type: "link-refused", error: { code: "UNAUTHENTICATED" } }]);
  expect(b.links.openTo("a" as PeerId)).toBeUndefined();
});
const pair = (from: string, to: string) => ({ from: from as PeerId, to: to as PeerId });
const soon = (mesh: TestMesh) => mesh.nowEpochMs + 1_000;

test("who was refused learns why", async () => {
  const mesh = new TestMesh();
  const b = mesh.add("b");
  const links = new Links({
    self: "a" as PeerId,
    ticketKey: new Uint8Array(32),
    clock: mesh.clock,
    dialers: [mesh.dialer("a" as PeerId)],
    introduce: (peer) => Promise.resolve(mesh.introduction("a" as PeerId, peer, -1)),
  });
  await expect(links.to(b.id)).rejects.toThrow(/local: the ticket of a for b has expired/);
});

test.each([
  ["a message that is not a hello", () => ({ type: "fetch", object, offset: 0 })],
  ["something unknown", () => ({ type: "launch" })],
  ["a hello without its fields", () => ({ type: "link-hello" })],
])("%s instead of a hello is refused", async (_, message) => {
  const { b } = pairOfPeers();
  const { heard, say, transport } = stranger(b);
  void say(message());
  await transport.closed;
  expect(heard).toMatchObject([{ type: "link-refused", error: { code: "PROTOCOL_VIOLATION" } }]);
});

test("a stranger's first message is not read if it is too long for a hello", async () => {
  const { mesh, b } = pairOfPeers();
  const { heard, say, transport } = stranger(b);
  void say({ ...helloFor(mesh, b), more: new Uint8Array(20_000) });
  await transport.closed;
  expect(heard).toMatchObject([{ type: "link-refused", error: { code: "PROTOCOL_VIOLATION" } }]);
});

test("a stranger that says nothing is put out after a deadline", async () => {
  const { mesh, b } = pairOfPeers();
  const { transport } = stranger(b);
  mesh.clock.advance(10_000);
  expect(await transport.closed).toMatchObject({ code: "refused" });
});

test("strangers beyond a number are sent away at once, and there is room again later", async () => {
  const { mesh, b } = pairOfPeers();
  for (let n = 0; n < 256; n++) stranger(b);
  const oneTooMany = stranger(b);
  await oneTooMany.transport.closed;
  expect(oneTooMany.heard[0]?.error?.code).toBe("QUOTA_EXCEEDED");
  mesh.clock.advance(10_000);
  await quiet();
  const { heard, say } = stranger(b);
  void say(helloFor(mesh, b));
  await quiet();
  expect(heard).toEqual([{ type: "link-welcome" }]);
});

test("a relayed peer that opens connections and says nothing takes nobody else's room", async () => {
  const { mesh, b } = pairOfPeers();
  const eve = "eve" as PeerId;
  const silent = Array.from({ length: 300 }, () => stranger(b, eve));
  await silent[4]!.transport.closed;
  expect(silent[4]!.heard[0]?.error).toMatchObject({
    code: "QUOTA_EXCEEDED",
    message: expect.stringContaining("4 connections of eve wait"),
  });
  for (const from of [undefined, "a" as PeerId]) {
    const { heard, say } = stranger(b, from);
    void say(helloFor(mesh, b));
    await quiet();
    expect(heard).toEqual([{ type: "link-welcome" }]);
  }
  mesh.clock.advance(10_000);
  await quiet();
  const { heard, transport } = stranger(b, eve);
  void transport.send(encodeBatch([helloFor(mesh, b, "eve")]));
  await quiet();
  expect(heard).toEqual([{ type: "link-welcome" }]);
});

test("two that dial each other at once both get a link, and nothing is lost or heard twice", async () => {
  const { a, b } = pairOfPeers();
  const heard: string[] = [];
  for (const peer of [a, b]) {
    peer.links.onMessage("call-ack", (_link, { acknowledged }) => {
      heard.push(`${peer.id} ${acknowledged}`);
    });
  }
  const [toB, toA] = await Promise.all([a.links.to(b.id), b.links.to(a.id)]);
  for (let n = 0; n < 3; n++) {
    toB.send({ type: "call-ack", actor, lane: 0, acknowledged: n });
    toA.send({ type: "call-ack", actor, lane: 0, acknowledged: n });
  }
  await quiet();
  expect(heard.toSorted()).toEqual(["a 0", "a 1", "a 2", "b 0", "b 1", "b 2"]);
});

test("whoever waits while this peer dials gets the link that the other opened meanwhile", async () => {
  const mesh = new TestMesh();
  const never: Dialer = {
    path: "webrtc",
    obstacle: () => undefined,
    dial: () => new Promise(() => {}),
  };
  const a = mesh.add("a", { dialers: [never] });
  const b = mesh.add("b");
  const waiting = a.links.to(b.id);
  await quiet();
  await b.links.to(a.id);
  expect((await waiting).peer).toBe("b");
});

test("a bad message is answered by an error, the good ones beside it are heard; then the link ends", async () => {
  const { mesh, a, b } = pairOfPeers();
  const c = mesh.add("c");
  const other = await c.links.to(b.id);
  const heard: number[] = [];
  b.links.onMessage("call-ack", (_link, { acknowledged }) => heard.push(acknowledged));
  const ack = (n: number) => ({ type: "call-ack", actor, lane: 0, acknowledged: n });
  const { heard: answers, say, transport } = stranger(b);
  void say(helloFor(mesh, b), ack(1), { type: "call-ack", actor: "no id!" }, ack(2));
  await quiet();
  expect(heard).toEqual([1, 2]);
  expect(answers).toMatchObject([
    { type: "link-welcome" },
    { type: "link-refused", error: { code: "PROTOCOL_VIOLATION" } },
  ]);
  void transport.send(encodeFrame({ type: "chunk", object: 7 }, new Uint8Array(8)));
  void say({ type: "link-welcome" }, ack(3));
  expect(await transport.closed).toMatchObject({ code: "protocol-violation" });
  await quiet();
  expect(heard).toEqual([1, 2]);
  expect(answers).toHaveLength(4);
  expect(other.isOpen).toBe(true);
  expect((await a.links.to(b.id)).isOpen).toBe(true);
});

test("a broken link is reported once, and the peer can be linked again", async () => {
  const { mesh, a, b } = pairOfPeers();
  const down: string[] = [];
  a.links.onDown((link, { detail }) => down.push(`${link.peer}: ${detail}`));
  const first = await a.links.to(b.id);
  mesh.cut(a.id, b.id);
  await first.closed;
  expect(a.links.openTo(b.id)).toBeUndefined();
  const second = await a.links.to(b.id);
  expect(second).not.toBe(first);
  expect(down).toEqual(["b: cable cut"]);
});

test("after a failure the next attempt waits, longer each time", async () => {
  const mesh = new TestMesh();
  let dials = 0;
  const counted: Dialer = {
    ...failing("relay", "no"),
    dial: () => {
      dials++;
      return Promise.reject(new Error("no"));
    },
  };
  const a = mesh.add("a", { dialers: [counted] });
  mesh.add("b");
  expect(await codeOf(a.links.to("b" as PeerId))).toBe("PEER_UNREACHABLE");
  for (const [attempt, backOffMs] of [100, 200, 400].entries()) {
    const next = codeOf(a.links.to("b" as PeerId));
    mesh.clock.advance(backOffMs - 1);
    await quiet();
    expect(dials).toBe(attempt + 1);
    mesh.clock.advance(1);
    expect(await next).toBe("PEER_UNREACHABLE");
  }
});

test("a peer that left: its links end, and whoever waits for one is told at once", async () => {
  const mesh = new TestMesh();
  const never: Dialer = {
    path: "webrtc",
    obstacle: () => undefined,
    dial: () => new Promise(() => {}),
  };
  const a = mesh.add("a", { dialers: [never] });
  const b = mesh.add("b");
  const waiting = a.links.to(b.id);
  await quiet();
  a.links.peerLeft(b.id);
  await expect(waiting).rejects.toThrow("it has left the mesh");

  const toA = await b.links.to(a.id);
  b.links.peerLeft(a.id);
  const closed: CloseReason = await toA.closed;
  expect(closed.code).toBe("peer-left");
});

test("after closeAll nothing is open and nothing opens", async () => {
  const { a, b } = pairOfPeers();
  const link = await a.links.to(b.id);
  a.links.closeAll();
  expect(await link.closed).toEqual({ code: "done" });
  expect(await codeOf(a.links.to(b.id))).toBe("PEER_UNREACHABLE");
  expect(await codeOf(b.links.to(a.id))).toBe("PEER_UNREACHABLE");
});

test("a peer is linked to itself without dialling", async () => {
  const { a } = pairOfPeers();
  const heard: number[] = [];
  a.links.onMessage("call-ack", (link, { acknowledged }) => {
    expect(link.peer).toBe("a");
    heard.push(acknowledged);
  });
  const loop = await a.links.to(a.id);
  for (let n = 0; n < 3; n++) loop.send({ type: "call-ack", actor, lane: 0, acknowledged: n });
  await quiet();
  expect(heard).toEqual([0, 1, 2]);
  expect(await a.links.to(a.id)).toBe(loop);
  expect(a.links.counters()).toEqual([]);
});

test("counts object bytes per peer and path over all the links there were", async () => {
  const { mesh, a, b } = pairOfPeers();
  const header = { type: "chunk" as const, object, offset: 0, totalBytes: 10 };
  for (const size of [10, 5]) {
    const link = await a.links.to(b.id);
    await link.sendChunk(header, new Uint8Array(size));
    await quiet();
    mesh.cut(a.id, b.id);
    await link.closed;
  }
  expect(a.links.counters()).toEqual([
    { peer: "b", path: "local", sentBytes: 15, receivedBytes: 0, roundTripMs: 0 },
  ]);
  expect(b.links.counters()).toEqual([
    { peer: "a", path: "local", sentBytes: 0, receivedBytes: 15, roundTripMs: 0 },
  ]);
});

test("a peer that opens link after link keeps only the newest few", async () => {
  const { mesh, b } = pairOfPeers();
  const opened = Array.from({ length: 6 }, () => stranger(b));
  for (const { say } of opened) void say(helloFor(mesh, b));
  await quiet();
  const isOpen = await Promise.all(
    opened.map(({ transport }) => Promise.race([transport.closed, Promise.resolve("open")])),
  );
  expect(isOpen.map((state) => state === "open")).toEqual([false, false, true, true, true, true]);
});
