import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../ids.ts";
import { Prng } from "../prng.ts";
import { PIECE_BYTES } from "../protocol/limits.ts";
import { nextTurn, quiet, TestMesh, type TestPeer } from "./test-mesh.ts";

/** Real exchanges over memory links: several sources at once, and receivers that pass on what comes. */
const object = "x.1" as ObjectId;
const allocate = (sizeBytes: number) => new Uint8Array(sizeBytes);

function noise(byteLength: number): Uint8Array<ArrayBuffer> {
  const prng = new Prng(7);
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  for (let i = 0; i < words.length; i++) words[i] = prng.uint32();
  return new Uint8Array(words.buffer, 0, byteLength);
}

const turn = () => new Promise<void>((resolve) => nextTurn(resolve));

const sentBy = ({ links }: TestPeer): number =>
  links.counters().reduce((sum, { sentBytes }) => sum + sentBytes, 0);

function fetchAll(receivers: readonly TestPeer[], bytes: Uint8Array, sources: readonly TestPeer[]) {
  const whereabouts = { sizeBytes: bytes.length, locations: sources.map(({ id }) => id) };
  return Promise.all(
    receivers.map((receiver) => receiver.exchange.fetch(object, whereabouts, { allocate })),
  );
}

test("a large object comes from several whole copies at once, each sends a part", async () => {
  const mesh = new TestMesh();
  const sources = ["a", "b", "c"].map((name) => mesh.add(name));
  const receiver = mesh.add("r");
  const bytes = noise(24 * PIECE_BYTES + 5);
  for (const { store } of sources) store.put(object, bytes);
  const [got] = await fetchAll([receiver], bytes, sources);
  expect(Buffer.compare(got!, bytes)).toBe(0);
  for (const source of sources) expect(sentBy(source)).toBeGreaterThan(4 * PIECE_BYTES);
});

test("a broadcast to eight costs the source at most two copies: receivers serve what they have", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("s");
  const receivers = Array.from({ length: 8 }, (_, n) => mesh.add(`r${n}`));
  const bytes = noise(32 * PIECE_BYTES);
  source.store.put(object, bytes);
  const all = await fetchAll(receivers, bytes, [source]);
  for (const got of all) expect(Buffer.compare(got, bytes)).toBe(0);
  expect(sentBy(source)).toBeLessThanOrEqual(2 * bytes.length);
  const total = [source, ...receivers].reduce((sum, peer) => sum + sentBy(peer), 0);
  expect(total).toBeLessThan(8.5 * bytes.length);
});

test("the source of a broadcast may die when every piece has left it once", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("s");
  const receivers = Array.from({ length: 4 }, (_, n) => mesh.add(`r${n}`));
  const bytes = noise(16 * PIECE_BYTES);
  source.store.put(object, bytes);
  const fetching = fetchAll(receivers, bytes, [source]);
  while (sentBy(source) < bytes.length) await turn();
  for (const { links } of receivers) links.peerLeft(source.id);
  for (const got of await fetching) expect(Buffer.compare(got, bytes)).toBe(0);
});

test("a source that dies in the middle is replaced, and what came is not fetched again", async () => {
  const mesh = new TestMesh();
  const [a, b, receiver] = ["a", "b", "r"].map((name) => mesh.add(name)) as [
    TestPeer,
    TestPeer,
    TestPeer,
  ];
  const bytes = noise(16 * PIECE_BYTES);
  for (const { store } of [a, b]) store.put(object, bytes);
  const fetching = fetchAll([receiver], bytes, [a, b]);
  while (sentBy(a) < 2 * PIECE_BYTES) await turn();
  receiver.links.peerLeft(a.id);
  const [got] = await fetching;
  expect(Buffer.compare(got!, bytes)).toBe(0);
  const [fromA, fromB] = [a.id, b.id].map(
    (id) => receiver.links.counters().find(({ peer }) => peer === id)!.receivedBytes,
  );
  expect(fromA! + fromB!).toBeLessThanOrEqual(bytes.length + PIECE_BYTES);
});

test("a place that is out of date is told, and the object comes from elsewhere", async () => {
  const mesh = new TestMesh();
  const [liar, honest, receiver] = ["l", "h", "r"].map((name) => mesh.add(name)) as [
    TestPeer,
    TestPeer,
    TestPeer,
  ];
  const bytes = noise(8 * PIECE_BYTES);
  honest.store.put(object, bytes);
  const [got] = await fetchAll([receiver], bytes, [liar, honest]);
  expect(Buffer.compare(got!, bytes)).toBe(0);
  expect(receiver.faults).toEqual([{ object, peer: liar.id, fault: "missing" }]);
});

test("when the only source vanishes, those who have parts of it are told, and nothing is left behind", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("s");
  const receivers = [mesh.add("r0"), mesh.add("r1")];
  const bytes = noise(64 * PIECE_BYTES);
  source.store.put(object, bytes);
  const outcomes = Promise.allSettled([fetchAll(receivers, bytes, [source])]);
  while (sentBy(source) < 4 * PIECE_BYTES) await turn();
  for (const { links } of receivers) links.peerLeft(source.id);
  for (let second = 0; second < 20; second++) {
    await quiet();
    mesh.clock.advance(1_000);
  }
  expect(await outcomes).toMatchObject([
    { status: "rejected", reason: { code: "OBJECT_LOST", message: expect.stringMatching(/s: /) } },
  ]);
  await quiet();
  expect(mesh.clock.pending).toBe(0);
  for (const { store } of receivers) expect(store.storedBytes).toBe(0);
});

test("fetches of one object by many peers at once never leave a request unanswered", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("s");
  const bytes = noise(5 * PIECE_BYTES + 3);
  source.store.put(object, bytes);
  const receivers = Array.from({ length: 20 }, (_, n) => mesh.add(`r${n}`));
  const whereabouts = {
    sizeBytes: bytes.length,
    locations: [source.id],
    partialLocations: receivers.slice(0, 8).map(({ id }) => id) as PeerId[],
  };
  const all = await Promise.all(
    receivers.map(({ exchange }) => exchange.fetch(object, whereabouts, { allocate })),
  );
  for (const got of all) expect(Buffer.compare(got, bytes)).toBe(0);
  expect(sentBy(source)).toBeLessThanOrEqual(2 * bytes.length);
});

test("when everybody has everything, nobody says anything more", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("s");
  const receivers = Array.from({ length: 4 }, (_, n) => mesh.add(`r${n}`));
  const bytes = noise(16 * PIECE_BYTES);
  source.store.put(object, bytes);
  await fetchAll(receivers, bytes, [source]);
  await quiet();
  const { messagesSent } = mesh;
  await quiet();
  expect(mesh.messagesSent).toBe(messagesSent);
});

test("who announces everything to one that has it too gets no answer; who has less gets one", async () => {
  const mesh = new TestMesh();
  const [a, b] = [mesh.add("a"), mesh.add("b")];
  b.store.put(object, noise(4 * PIECE_BYTES));
  const heard: (readonly [number, number])[][] = [];
  a.links.onMessage("pieces", (_link, { ranges }) => void heard.push(ranges));
  const link = await a.links.to(b.id);
  link.send({ type: "pieces", object, ranges: [[0, 4]] });
  await quiet();
  expect(heard).toEqual([]);
  link.send({ type: "pieces", object, ranges: [[3, 4]] });
  await quiet();
  expect(heard).toEqual([[[0, 4]]]);
});
