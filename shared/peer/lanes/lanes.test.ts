import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../../ids.ts";
import { memoryTransportPair } from "../../transport/memory.ts";
import type { Transport } from "../../transport/transport.ts";
import { ManualClock, nextTurn, quiet, TestMesh } from "../test-mesh.ts";
import { Lanes } from "./lanes.ts";

const MIB = 2 ** 20;
const CHUNK_BYTES = MIB / 8;
const object = "x.1" as ObjectId;

/** Turns in which the first few pings, one after the other, come and go. */
const PING_TURNS = 12;

/** A link by WebRTC whose round trip was measured: at least so long. */
async function linkAcross(roundTripMs: number) {
  const mesh = new TestMesh();
  const a = mesh.add("a", { dialers: [mesh.dialer("a" as PeerId, "webrtc")] });
  const b = mesh.add("b");
  const offsets: number[] = [];
  b.links.onChunk((_link, { offset }) => offsets.push(offset));
  const opening = a.links.to(b.id);
  await Promise.resolve();
  const link = await opening;
  for (let turn = 0; turn < PING_TURNS; turn++) {
    await new Promise<void>((resolve) => nextTurn(resolve));
    mesh.clock.advance(roundTripMs);
  }
  await quiet();
  return { mesh, a, b, link, offsets };
}

/** Sends so much as one object would. */
async function transfer({ link }: Awaited<ReturnType<typeof linkAcross>>, totalBytes: number) {
  for (let offset = 0; offset < totalBytes; offset += CHUNK_BYTES) {
    const header = { type: "chunk" as const, object, offset, totalBytes };
    await link.sendChunk(header, new Uint8Array(CHUNK_BYTES));
  }
  await quiet();
}

const inOrder = (totalBytes: number) =>
  Array.from({ length: totalBytes / CHUNK_BYTES }, (_, n) => n * CHUNK_BYTES);

test("much over a long way is striped over four connections, and arrives in order", async () => {
  const scene = await linkAcross(50);
  await transfer(scene, 32 * MIB);
  expect(scene.mesh.connectionsMade).toBe(4);
  expect(scene.offsets).toEqual(inOrder(32 * MIB));
  expect(scene.a.links.counters()).toMatchObject([{ sentBytes: 32 * MIB, lanes: 4 }]);
});

test.each([
  ["much over a short way", 1, 32 * MIB],
  ["little over a long way", 50, MIB / 2],
])("%s stays on one connection", async (_, roundTripMs, totalBytes) => {
  const scene = await linkAcross(roundTripMs);
  await transfer(scene, totalBytes);
  expect(scene.mesh.connectionsMade).toBe(1);
  expect(scene.offsets).toEqual(inOrder(totalBytes));
});

test("lanes without work are closed; the link stays, and goes on", async () => {
  const scene = await linkAcross(50);
  await transfer(scene, 8 * MIB);
  scene.mesh.clock.advance(9_000);
  await quiet();
  expect(scene.a.links.counters()).toMatchObject([{ lanes: 4 }]);
  scene.mesh.clock.advance(1_000);
  await quiet();
  expect(scene.a.links.counters()[0]).not.toHaveProperty("lanes");
  expect(scene.link.isOpen).toBe(true);
  await transfer(scene, 8 * MIB);
  expect(scene.offsets).toEqual([...inOrder(8 * MIB), ...inOrder(8 * MIB)]);
});

test("a link that ends takes its lanes along, at both ends", async () => {
  const scene = await linkAcross(50);
  await transfer(scene, 8 * MIB);
  scene.link.close({ code: "done" });
  await quiet();
  expect(scene.mesh.openConnections).toBe(0);
});

/** Lanes to a reader that takes nothing. */
function lanesTo(open: (() => Promise<Transport>) | undefined, clock = new ManualClock()) {
  const [transport] = memoryTransportPair("webrtc");
  const told: [number, string | undefined][] = [];
  const broken: string[] = [];
  const lanes = new Lanes({
    transport,
    clock,
    open,
    roundTripMs: () => 50,
    askDelivered: () => {},
    onChange: (count, obstacle) => told.push([count, obstacle]),
    onBroken: (detail) => broken.push(detail),
  });
  return { lanes, clock, told, broken };
}

test("a lane that ends with something unread on it is told, because that is lost", async () => {
  const others: Transport[] = [];
  const { lanes, broken } = lanesTo(() => {
    const [mine, other] = memoryTransportPair("webrtc");
    others.push(other);
    return Promise.resolve(mine);
  });
  void lanes.send(new Uint8Array(2 * MIB));
  await quiet();
  void lanes.send(new Uint8Array(MIB));
  await quiet();
  expect(others).toHaveLength(3);
  others[1]!.close({ code: "failed", detail: "never used" });
  await quiet();
  expect(broken).toEqual([]);
  for (const other of others) other.close({ code: "failed", detail: "cable cut" });
  await quiet();
  expect(broken).toEqual(["one of its connections ended (cable cut)"]);
});

test("where no lane is to be had the one there is is used, and people can see why", async () => {
  let dials = 0;
  const { lanes, clock, told } = lanesTo(() => {
    dials++;
    return Promise.reject(new Error("all connections are in use"));
  });
  void lanes.send(new Uint8Array(2 * MIB));
  await quiet();
  expect(dials).toBe(3);
  expect(told).toContainEqual([1, "all connections are in use"]);
  void lanes.send(new Uint8Array(2 * MIB));
  await quiet();
  expect(dials).toBe(3);
  clock.advance(60_000);
  void lanes.send(new Uint8Array(2 * MIB));
  expect(dials).toBe(6);
});

test("a sender waits while every lane is full, and goes on when one has room", async () => {
  const readers: Transport[] = [];
  const { lanes } = lanesTo(() => {
    const [mine, other] = memoryTransportPair("webrtc");
    readers.push(other);
    return Promise.resolve(mine);
  });
  let sent = 0;
  const sending = (async () => {
    for (; sent < 12; sent++) await lanes.send(new Uint8Array(MIB));
  })();
  await quiet();
  expect(sent).toBeLessThan(8);
  const before = sent;
  readers[0]!.onMessage = () => {};
  await quiet();
  expect(sent).toBeGreaterThan(before);
  await sending;
});
