import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../ids.ts";
import { digestPiece, pieceDigests } from "../objects/piece-digests.ts";
import { PIECE_BYTES } from "../protocol/limits.ts";
import { quiet, TestMesh, type TestPeer } from "./test-mesh.ts";

/** Receivers that do not believe everybody compare what comes with what the object's maker announced. */
const object = "x.1" as ObjectId;
const allocate = (sizeBytes: number) => new Uint8Array(sizeBytes);
const right = new Uint8Array(8 * PIECE_BYTES + 11).map((_, i) => i % 251);

const digestOf = (bytes: Uint8Array<ArrayBuffer>) =>
  pieceDigests({
    sizeBytes: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  });

function wrongIn(piece: number): Uint8Array<ArrayBuffer> {
  const bytes = right.slice();
  bytes[piece * PIECE_BYTES + 5]! ^= 1;
  return bytes;
}

function meshOf(...names: string[]) {
  const mesh = new TestMesh();
  const isTrusted = (peer: PeerId) => !peer.startsWith("b");
  return { mesh, peers: names.map((name) => mesh.add(name, { isTrusted })) };
}

const whereabouts = async (...peers: TestPeer[]) => ({
  sizeBytes: right.length,
  locations: peers.map(({ id }) => id),
  digest: await digestOf(right),
});

test("a chunk whose hash is wrong: its source is dropped and reported, the transfer goes on elsewhere", async () => {
  const { peers } = meshOf("b0", "b1", "r");
  const [liar, honest, receiver] = peers as [TestPeer, TestPeer, TestPeer];
  liar.store.put(object, wrongIn(0));
  honest.store.put(object, right);
  const got = await receiver.exchange.fetch(object, await whereabouts(liar, honest), { allocate });
  expect(Buffer.compare(got, right)).toBe(0);
  expect(receiver.faults).toEqual([{ object, peer: liar.id, fault: "wrong-bytes" }]);
});

test("when nobody delivers what the maker announced, the error names the piece and the peer", async () => {
  const { peers } = meshOf("b0", "r");
  const [liar, receiver] = peers as [TestPeer, TestPeer];
  liar.store.put(object, wrongIn(3));
  const fetching = receiver.exchange.fetch(object, await whereabouts(liar), { allocate });
  await expect(fetching).rejects.toMatchObject({
    code: "OBJECT_LOST",
    message: expect.stringMatching(/b0: piece 3 .* \(wrong hash\)/),
  });
  expect(receiver.store.storedBytes).toBe(0);
});

test("what comes from a trusted peer is not hashed", async () => {
  const { peers } = meshOf("n0", "r");
  const [source, receiver] = peers as [TestPeer, TestPeer];
  source.store.put(object, wrongIn(1));
  const got = await receiver.exchange.fetch(object, await whereabouts(source), { allocate });
  expect(Buffer.compare(got, right)).not.toBe(0);
});

test("without a hash, a peer that is not trusted and that the coordinator did not name is no source", async () => {
  const { peers } = meshOf("n0", "b0", "r");
  const [source, stranger, receiver] = peers as [TestPeer, TestPeer, TestPeer];
  source.store.put(object, right);
  stranger.store.put(object, wrongIn(2));
  const { sizeBytes, locations } = await whereabouts(source);
  const partialLocations = [stranger.id];
  const fetching = receiver.exchange.fetch(
    object,
    { sizeBytes, locations, partialLocations },
    { allocate },
  );
  const link = await stranger.links.to(receiver.id);
  link.send({ type: "pieces", object, ranges: [[0, 9]] });
  expect(Buffer.compare(await fetching, right)).toBe(0);
  await quiet();
  expect(stranger.links.counters().every(({ sentBytes }) => sentBytes === 0)).toBe(true);
});

test("the hash is the same of memory that is shared and that is not", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(1_000)).map((_, i) => i);
  expect(await digestPiece(shared)).toEqual(await digestPiece(Uint8Array.from(shared)));
  expect(await digestOf(new Uint8Array(0))).toHaveLength(16);
});
