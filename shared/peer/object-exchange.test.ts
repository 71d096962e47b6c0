import { expect, test, vi } from "vitest";
import type { ObjectId, PeerId } from "../ids.ts";
import { pieceDigests } from "../objects/piece-digests.ts";
import { PIECE_BYTES, SOCKET_CHUNK_BYTES } from "../protocol/limits.ts";
import { Prng } from "../prng.ts";
import type { LinkMessage } from "../protocol/link-messages.ts";
import type { Link } from "./link.ts";
import { Links } from "./links.ts";
import { quiet, TestMesh, type TestPeer } from "./test-mesh.ts";

const object = "x.1" as ObjectId;
const allocate = (sizeBytes: number) => new Uint8Array(sizeBytes);

function noise(byteLength: number, seed = 1): Uint8Array<ArrayBuffer> {
  const prng = new Prng(seed);
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  for (let i = 0; i < words.length; i++) words[i] = prng.uint32();
  return new Uint8Array(words.buffer, 0, byteLength);
}

const digestOf = (bytes: Uint8Array<ArrayBuffer>) =>
  pieceDigests({
    sizeBytes: bytes.length,
    read: (offset, length) => bytes.subarray(offset, offset + length),
  });

const at = (bytes: Uint8Array, ...peers: (TestPeer | PeerId)[]) => ({
  sizeBytes: bytes.length,
  locations: peers.map((peer) => (typeof peer === "string" ? peer : peer.id)),
});

function threePeers() {
  const mesh = new TestMesh();
  return { mesh, a: mesh.add("a"), b: mesh.add("b"), c: mesh.add("c") };
}

/** A peer whose links are driven by hand: it hears requests and answers as the test wishes. */
function puppet(mesh: TestMesh, name: string) {
  const peer = mesh.add(name);
  const requests: Extract<LinkMessage, { type: "fetch" | "fetch-stop" }>[] = [];
  let wake: (() => void) | undefined;
  let link!: Link;
  const hear = (from: Link, message: (typeof requests)[number]) => {
    link = from;
    requests.push(message);
    wake?.();
  };
  // Replaces the handlers of the peer's own exchange.
  peer.links.onMessage("fetch", hear);
  peer.links.onMessage("fetch-stop", hear);
  return {
    id: peer.id,
    requests,
    /** The n-th request has come. */
    async requested(n: number): Promise<Link> {
      while (requests.length < n) await new Promise<void>((resolve) => (wake = resolve));
      return link;
    },
  };
}

const chunk = (bytes: Uint8Array, offset: number, end: number, totalBytes = bytes.length) =>
  [{ type: "chunk" as const, object, offset, totalBytes }, bytes.subarray(offset, end)] as const;

test.each([0, 1, 1000, 3 * SOCKET_CHUNK_BYTES + 17])(
  "an object of %i bytes arrives as it is, is kept, and can be fetched on from here",
  async (sizeBytes) => {
    const { a, b, c } = threePeers();
    const bytes = noise(sizeBytes);
    a.store.put(object, bytes);
    expect(Buffer.compare(await b.exchange.fetch(object, at(bytes, a), { allocate }), bytes)).toBe(
      0,
    );
    expect(b.copies).toEqual([object]);
    expect(b.store.usage().memoryBytes).toBe(sizeBytes);
    expect(Buffer.compare(await c.exchange.fetch(object, at(bytes, b), { allocate }), bytes)).toBe(
      0,
    );
    expect(a.links.counters()).toMatchObject([{ peer: "b", sentBytes: sizeBytes }]);
  },
);

test("what is in the store is not fetched", async () => {
  const { a } = threePeers();
  a.store.put(object, Uint8Array.of(1));
  const whereabouts = { sizeBytes: 1, locations: [] };
  expect(await a.exchange.fetch(object, whereabouts, { allocate })).toEqual(Uint8Array.of(1));
});

test("all who want an object at the same time share one transfer and one buffer", async () => {
  const { a, b } = threePeers();
  const bytes = noise(2000);
  a.store.put(object, bytes);
  const fetched = await Promise.all(
    [1, 2, 3].map(() => b.exchange.fetch(object, at(bytes, a), { allocate })),
  );
  expect(new Set(fetched).size).toBe(1);
  expect(b.links.counters()).toMatchObject([{ receivedBytes: 2000 }]);
});

test("many objects at once all arrive, the small ones not behind all the big ones", async () => {
  const { a, b } = threePeers();
  const wanted = Array.from({ length: 40 }, (_, n) => ({
    id: `x.${n}` as ObjectId,
    bytes: noise(n % 8 === 0 ? 2 * SOCKET_CHUNK_BYTES : 100, n),
  }));
  for (const { id, bytes } of wanted) a.store.put(id, bytes);
  await Promise.all(
    wanted.map(async ({ id, bytes }) => {
      const got = await b.exchange.fetch(id, at(bytes, a), { allocate });
      expect(Buffer.compare(got, bytes)).toBe(0);
    }),
  );
  expect(b.copies.slice(0, 3)).toEqual(["x.1", "x.2", "x.3"]);
});

test("a source that dies in the middle is replaced by the next, from the byte that is missing", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a");
  const [first, second] = [puppet(mesh, "b"), puppet(mesh, "c")];
  const bytes = noise(1000);
  const fetching = a.exchange.fetch(object, at(bytes, first.id, second.id), { allocate });
  const link = await first.requested(1);
  await link.sendChunk(...chunk(bytes, 0, 300));
  await quiet();
  a.links.peerLeft(first.id);
  const other = await second.requested(1);
  expect(second.requests).toMatchObject([{ type: "fetch", offset: 300 }]);
  await other.sendChunk(...chunk(bytes, 300, 1000));
  expect(Buffer.compare(await fetching, bytes)).toBe(0);
  expect(a.links.counters()).toMatchObject([{ receivedBytes: 300 }, { receivedBytes: 700 }]);
});

test("the only source is asked again when just the link to it broke", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a");
  const source = puppet(mesh, "b");
  const bytes = noise(10);
  const fetching = a.exchange.fetch(object, at(bytes, source.id), { allocate });
  await (await source.requested(1)).sendChunk(...chunk(bytes, 0, 4));
  await quiet();
  mesh.cut(a.id, source.id);
  await (await source.requested(2)).sendChunk(...chunk(bytes, 4, 10));
  expect(await fetching).toEqual(bytes);
});

test("a source that lies about the size is dropped at once", async () => {
  const { mesh, a, b } = threePeers();
  const liar = puppet(mesh, "l");
  const bytes = noise(10);
  b.store.put(object, bytes);
  const fetching = a.exchange.fetch(object, at(bytes, liar.id, b), { allocate });
  await (await liar.requested(1)).sendChunk(...chunk(bytes, 0, 10, 11));
  expect(await fetching).toEqual(bytes);
  expect(liar.requests).toMatchObject([{ type: "fetch" }, { type: "fetch-stop" }]);
});

test("a source that sends nothing for long is replaced, and time alone does that", async () => {
  const { mesh, a, b } = threePeers();
  const mute = puppet(mesh, "m");
  const bytes = noise(10);
  b.store.put(object, bytes);
  const fetching = a.exchange.fetch(object, at(bytes, mute.id, b), { allocate });
  const link = await mute.requested(1);
  mesh.clock.advance(14_000);
  await link.sendChunk(...chunk(bytes, 0, 4));
  await quiet();
  mesh.clock.advance(14_000);
  await quiet();
  expect(mute.requests).toHaveLength(1);
  mesh.clock.advance(1_000);
  expect(await fetching).toEqual(bytes);
  expect(mesh.clock.pending).toBe(0);
});

test("bytes from beyond the next one, or for nobody, neither count nor harm", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a");
  const source = puppet(mesh, "b");
  const bytes = noise(10);
  const fetching = a.exchange.fetch(object, at(bytes, source.id), { allocate });
  const link = await source.requested(1);
  await link.sendChunk(
    { type: "chunk", object: "x.9" as ObjectId, offset: 0, totalBytes: 1 },
    bytes,
  );
  await link.sendChunk(...chunk(bytes, 6, 10));
  await link.sendChunk(...chunk(bytes, 0, 4));
  await link.sendChunk(...chunk(bytes, 2, 6));
  await link.sendChunk(...chunk(bytes, 0, 4));
  await link.sendChunk(...chunk(bytes, 6, 10));
  expect(await fetching).toEqual(bytes);
});

test("when every source failed, the error tells what was tried, source by source", async () => {
  const { mesh, a, b, c } = threePeers();
  const liar = puppet(mesh, "l");
  const locations = [b.id, c.id, "z" as PeerId, liar.id];
  const fetching = a.exchange.fetch(object, { sizeBytes: 10, locations }, { allocate });
  const link = await liar.requested(1);
  await link.sendChunk({ type: "chunk", object, offset: 0, totalBytes: 10 }, new Uint8Array(11));
  await expect(fetching).rejects.toMatchObject({
    code: "OBJECT_LOST",
    message: expect.stringMatching(
      /x\.1 of 10 bytes.* b: it refused: x\.1 is not .*\. c: it refused.*\. z: z is not in the mesh.*\. l: it sent bytes up to 11/,
    ),
  });
});

test("an object that nobody has is lost, at once", async () => {
  const { a } = threePeers();
  const nowhere = { sizeBytes: 10, locations: [a.id] };
  await expect(a.exchange.fetch(object, nowhere, { allocate })).rejects.toMatchObject({
    code: "OBJECT_LOST",
    message: expect.stringContaining("no peer has it"),
  });
});

test("a full store is told before anything moves", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a", { bytesMax: 100 });
  const b = mesh.add("b");
  a.store.put("x.0" as ObjectId, new Uint8Array(95));
  const bytes = noise(10);
  b.store.put(object, bytes);
  await expect(a.exchange.fetch(object, at(bytes, b), { allocate })).rejects.toMatchObject({
    code: "STORE_FULL",
  });
  expect(a.links.counters()).toEqual([]);
});

test("memory that cannot be had ends the fetch with that error", async () => {
  const { a, b } = threePeers();
  const bytes = noise(10);
  b.store.put(object, bytes);
  const noMemory = () => {
    throw new RangeError("out of memory");
  };
  const fetching = a.exchange.fetch(object, at(bytes, b), { allocate: noMemory });
  await expect(fetching).rejects.toThrow("out of memory");
  expect(await a.exchange.fetch(object, at(bytes, b), { allocate })).toEqual(bytes);
});

test("one who gives up does not end it for the others; the last one stops the source", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a");
  const source = puppet(mesh, "b");
  const bytes = noise(10);
  const [one, two] = [new AbortController(), new AbortController()];
  const fetches = [one, two].map(({ signal }) =>
    a.exchange.fetch(object, at(bytes, source.id), { allocate, signal }),
  );
  const outcomes = Promise.allSettled(fetches);
  await source.requested(1);
  one.abort(new Error("bored"));
  await quiet();
  expect(source.requests).toHaveLength(1);
  two.abort(new Error("bored too"));
  await source.requested(2);
  expect(source.requests[1]?.type).toBe("fetch-stop");
  expect(await outcomes).toMatchObject([
    { reason: { message: "bored" } },
    { reason: { message: "bored too" } },
  ]);
  const again = a.exchange.fetch(object, at(bytes, source.id), { allocate });
  await (await source.requested(3)).sendChunk(...chunk(bytes, 0, 10));
  expect(await again).toEqual(bytes);
});

test("who gives an object up and wants it again in one turn gets it: the stop comes before the new request", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a");
  const source = puppet(mesh, "b");
  const bytes = noise(10);
  const cancelled = new AbortController();
  const given = a.exchange.fetch(object, at(bytes, source.id), {
    allocate,
    signal: cancelled.signal,
  });
  await source.requested(1);
  cancelled.abort(new Error("cancelled"));
  const again = a.exchange.fetch(object, at(bytes, source.id), { allocate });
  await expect(given).rejects.toThrow("cancelled");
  const link = await source.requested(3);
  await quiet();
  expect(source.requests.map(({ type }) => type)).toEqual(["fetch", "fetch-stop", "fetch"]);
  await link.sendChunk(...chunk(bytes, 0, 10));
  expect(await again).toEqual(bytes);
});

test("a request beyond the object's end blames the one who asked", async () => {
  const { a, b } = threePeers();
  b.store.put(object, noise(10));
  const link = await a.links.to(b.id);
  link.send({ type: "fetch", object, offset: 11 });
  await quiet();
  expect(link.refusal?.code).toBe("PROTOCOL_VIOLATION");
});

test("a stopped request sends no more, whether it runs or waits", async () => {
  const mesh = new TestMesh();
  const b = mesh.add("b");
  const reader = new Links({
    self: "r" as PeerId,
    ticketKey: new Uint8Array(32),
    clock: mesh.clock,
    introduce: (peer) => Promise.resolve(mesh.introduction("r" as PeerId, peer)),
    dialers: [mesh.dialer("r" as PeerId)],
  });
  const seen: string[] = [];
  reader.onChunk((_link, header) => void seen.push(`${header.object} ${header.offset}`));
  const ids = Array.from({ length: 6 }, (_, n) => `x.${n}` as ObjectId);
  for (const id of ids) b.store.put(id, noise(3 * SOCKET_CHUNK_BYTES));
  const link = await reader.to(b.id);
  for (const id of ids) link.send({ type: "fetch", object: id, offset: 0 });
  for (const id of ids) link.send({ type: "fetch-stop", object: id });
  await quiet();
  expect(seen.toSorted()).toEqual(["x.0 0", "x.1 0", "x.2 0", "x.3 0"]);
});

test("an object whose bytes could not be written is not stored when memory is there again", async () => {
  const { a, b } = threePeers();
  const bytes = noise(10);
  b.store.put(object, bytes);
  let tries = 0;
  const scarce = (sizeBytes: number) => {
    if (tries++ === 0) throw new RangeError("out of memory");
    return new Uint8Array(sizeBytes);
  };
  const fetching = a.exchange.fetch(object, at(bytes, b), { allocate: scarce });
  await expect(fetching).rejects.toThrow("out of memory");
  await quiet();
  expect(tries).toBe(1);
  expect(a.copies).toEqual([]);
  expect(a.store.has(object)).toBe(false);
});

test("a piece that cannot be compared ends the fetch with that error", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a", { isTrusted: () => false });
  const b = mesh.add("b");
  const bytes = noise(10);
  b.store.put(object, bytes);
  const digest = await digestOf(bytes);
  const digesting = vi.spyOn(crypto.subtle, "digest").mockRejectedValue(new Error("no hashes"));
  const fetching = a.exchange.fetch(object, { ...at(bytes, b), digest }, { allocate });
  await expect(fetching).rejects.toThrow("no hashes");
  digesting.mockRestore();
  expect(await a.exchange.fetch(object, { ...at(bytes, b), digest }, { allocate })).toEqual(bytes);
});

test("a fetch that knows hashes adds no stranger to one under way that compares with none", async () => {
  const mesh = new TestMesh();
  const a = mesh.add("a", { isTrusted: (peer) => peer !== "e" });
  const [slow, eve, good] = ["s", "e", "g"].map((name) => puppet(mesh, name));
  const bytes = noise(4 * PIECE_BYTES);
  const digest = await digestOf(bytes);
  const first = a.exchange.fetch(object, at(bytes, slow!.id), { allocate });
  const whereabouts = {
    ...at(bytes, eve!.id, good!.id),
    partialLocations: [eve!.id],
    digest,
  };
  const second = a.exchange.fetch(object, whereabouts, { allocate });
  const outcomes = Promise.allSettled([first, second]);
  await slow!.requested(1);
  // The other whole source is asked for what a slow one has not begun.
  mesh.clock.advance(1_000);
  await good!.requested(1);
  expect(eve!.requests).toEqual([]);
  for (const peer of [slow!, good!]) a.links.peerLeft(peer.id);
  expect(await outcomes).toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
});

test.each([
  { differs: "size", length: 12 },
  { differs: "hash", length: 10 },
])(
  "an object that was made again with another $differs is fetched anew, not joined",
  async ({ length }) => {
    const mesh = new TestMesh();
    const a = mesh.add("a");
    const [old, now] = [puppet(mesh, "o"), mesh.add("n")];
    const [before, after] = [noise(10), noise(length, 2)];
    now.store.put(object, after);
    const digests = [await digestOf(before), await digestOf(after)];
    const first = a.exchange.fetch(
      object,
      { ...at(before, old.id), digest: digests[0]! },
      { allocate },
    );
    const outcome = Promise.allSettled([first]);
    await (await old.requested(1)).sendChunk(...chunk(before, 0, 4));
    await quiet();
    const whereabouts = { ...at(after, now), digest: digests[1]! };
    expect(await a.exchange.fetch(object, whereabouts, { allocate })).toEqual(after);
    expect(await outcome).toMatchObject([
      { reason: { code: "OBJECT_LOST", message: expect.stringContaining("fetch it again") } },
    ]);
  },
);
