import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../ids.ts";
import { PIECE_BYTES, SOCKET_CHUNK_BYTES } from "../protocol/limits.ts";
import type { LinkMessage } from "../protocol/link-messages.ts";
import type { Link } from "./link.ts";
import { quiet, TestMesh, type TestPeer } from "./test-mesh.ts";

/** Peers that lie, promise what they have not, or do nothing: their link's other end is a real peer. */
const object = "x.1" as ObjectId;
const allocate = (sizeBytes: number) => new Uint8Array(sizeBytes);
const right = new Uint8Array(2 * PIECE_BYTES + 5).map((_, i) => i % 251);

type Fetch = Extract<LinkMessage, { type: "fetch" }>;

/** A peer that answers requests as a test says. */
function hostile(mesh: TestMesh, name: string, answer: (link: Link, request: Fetch) => void) {
  const peer = mesh.add(name);
  peer.links.onMessage("fetch", (link, request) => answer(link, request));
  peer.links.onMessage("fetch-stop", () => {});
  return peer;
}

function receiverIn(mesh: TestMesh) {
  const receiver = mesh.add("r");
  const fetch = (...sources: TestPeer[]) =>
    receiver.exchange.fetch(
      object,
      { sizeBytes: right.length, locations: sources.map(({ id }) => id) },
      { allocate },
    );
  return { receiver, fetch };
}

function honestIn(mesh: TestMesh): TestPeer {
  const honest = mesh.add("honest");
  honest.store.put(object, right);
  return honest;
}

test.each([
  ["shorter", { totalBytes: right.length - 1, offset: 0, length: 10 }],
  ["longer", { totalBytes: right.length + 1, offset: 0, length: 10 }],
  ["huge", { totalBytes: 2 ** 52, offset: 0, length: 10 }],
  ["of bytes beyond the end", { totalBytes: right.length, offset: right.length - 3, length: 10 }],
  ["of bytes far beyond the end", { totalBytes: right.length, offset: 2 ** 50, length: 10 }],
  ["of two pieces", { totalBytes: right.length, offset: PIECE_BYTES - 4, length: 10 }],
])(
  "a source whose size is a lie (%s) is dropped and reported, and all comes from elsewhere",
  async (_what, { totalBytes, offset, length }) => {
    const mesh = new TestMesh();
    const liar = hostile(mesh, "liar", (link) => {
      const header = { type: "chunk", object, offset, totalBytes } as const;
      void link.sendChunk(header, new Uint8Array(length));
    });
    const { receiver, fetch } = receiverIn(mesh);
    const got = await fetch(liar, honestIn(mesh));
    expect(Buffer.compare(got, right)).toBe(0);
    expect(receiver.faults).toEqual([{ object, peer: liar.id, fault: "wrong-size" }]);
    expect(receiver.store.usage().memoryBytes).toBe(right.length);
  },
);

test("who announced what it has not is reported, and all comes from elsewhere", async () => {
  const mesh = new TestMesh();
  const empty = mesh.add("empty");
  const { receiver, fetch } = receiverIn(mesh);
  expect(Buffer.compare(await fetch(empty, honestIn(mesh)), right)).toBe(0);
  expect(receiver.faults).toEqual([{ object, peer: empty.id, fault: "missing" }]);
});

test("pieces that a peer tells of and does not have hold nobody up", async () => {
  const mesh = new TestMesh();
  const large = new Uint8Array(6 * PIECE_BYTES).fill(3);
  const boaster = hostile(mesh, "boaster", (link, { offset }) => {
    const error = { code: "OBJECT_LOST", message: "not here" } as const;
    link.send({ type: "fetch-failed", object, offset, error });
  });
  boaster.links.onMessage("pieces", (link) => {
    link.send({ type: "pieces", object, ranges: [[0, 6]] });
  });
  const honest = mesh.add("honest");
  honest.store.put(object, large);
  const receiver = mesh.add("r");
  const whereabouts = {
    sizeBytes: large.length,
    locations: [honest.id],
    partialLocations: [boaster.id],
  };
  const got = await receiver.exchange.fetch(object, whereabouts, { allocate });
  expect(Buffer.compare(got, large)).toBe(0);
});

test("a fetch that makes no progress ends, and says who sent nothing for how long", async () => {
  const mesh = new TestMesh();
  const mute = hostile(mesh, "mute", () => {});
  const { receiver, fetch } = receiverIn(mesh);
  const outcome = fetch(mute).then(
    () => "done",
    (error: Error) => error,
  );
  for (let second = 0; second < 60; second++) {
    await quiet();
    mesh.clock.advance(1_000);
  }
  expect(await outcome).toMatchObject({
    code: "OBJECT_LOST",
    message: expect.stringMatching(/mute: it sent nothing for 15000 ms/),
  });
  expect(receiver.store.usage()).toMatchObject({ memoryBytes: 0, expectedBytes: 0 });
  expect(mesh.clock.pending).toBe(0);
});

test("one that sends a byte now and then does not keep the others from bringing the rest", async () => {
  const mesh = new TestMesh();
  const drip = hostile(mesh, "drip", (link, { offset }) => {
    const header = { type: "chunk", object, offset, totalBytes: right.length } as const;
    void link.sendChunk(header, right.subarray(offset, offset + 1));
  });
  const { fetch } = receiverIn(mesh);
  const fetching = fetch(drip, honestIn(mesh));
  for (let second = 0; second < 20; second++) {
    await quiet();
    mesh.clock.advance(1_000);
  }
  expect(Buffer.compare(await fetching, right)).toBe(0);
});

test("chunks that nobody asked for go nowhere, and cost the link nothing", async () => {
  const mesh = new TestMesh();
  const receiver = mesh.add("r");
  const pusher = mesh.add("pusher");
  const link = await pusher.links.to(receiver.id);
  const header = { type: "chunk", object, offset: 0, totalBytes: right.length } as const;
  for (let n = 0; n < 50; n++) await link.sendChunk(header, right.subarray(0, 100));
  await quiet();
  expect(receiver.store.usage().objects).toBe(0);
  expect(link.isOpen).toBe(true);
});

test("a version that was lost and made again is not mixed with the one before", async () => {
  const mesh = new TestMesh();
  const [before, after] = ["before", "after"].map((name) => mesh.add(name)) as [TestPeer, TestPeer];
  before.store.put(object, new Uint8Array(right.length).fill(9), { version: 0 });
  after.store.put(object, right, { version: 1 });
  const receiver = mesh.add("r");
  const locations = [before.id, after.id];
  const whereabouts = { sizeBytes: right.length, locations, version: 1 };
  const got = await receiver.exchange.fetch(object, whereabouts, { allocate });
  expect(Buffer.compare(got, right)).toBe(0);
  expect(receiver.faults).toEqual([]);
  // What is passed on is that version too.
  const late = mesh.add("late");
  const old = { sizeBytes: right.length, locations: [receiver.id], version: 0 };
  await expect(late.exchange.fetch(object, old, { allocate })).rejects.toThrow(
    /version 1 is here, not 0/,
  );
});

test("a fetch of another version does not join one under way", async () => {
  const mesh = new TestMesh();
  const mute = hostile(mesh, "mute", () => {});
  const after = mesh.add("after");
  after.store.put(object, right, { version: 1 });
  const receiver = mesh.add("r");
  const at = (peer: PeerId, version: number) => ({
    sizeBytes: right.length,
    locations: [peer],
    version,
  });
  const first = receiver.exchange.fetch(object, at(mute.id, 0), { allocate });
  const failed = expect(first).rejects.toThrow(/made again while it was on its way/);
  await quiet();
  const got = await receiver.exchange.fetch(object, at(after.id, 1), { allocate });
  expect(Buffer.compare(got, right)).toBe(0);
  await failed;
});

test("a peer that asks and does not read loses its link, with all that waits there, and is served on the next", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("source");
  const ids = Array.from({ length: 8 }, (_, n) => `x.${n}` as ObjectId);
  for (const id of ids) source.store.put(id, new Uint8Array(8 * SOCKET_CHUNK_BYTES));
  const reader = hostile(mesh, "reader", () => {});
  const link = await reader.links.to(source.id);
  mesh.holdUp(reader.id, source.id, new Promise(() => {}));
  for (const id of ids) link.send({ type: "fetch", object: id, offset: 0 });
  await quiet();
  expect(source.store.usage().pinnedBytes).toBe(4 * 8 * SOCKET_CHUNK_BYTES);
  mesh.clock.advance(30_000);
  await quiet();
  expect(source.store.usage().pinnedBytes).toBe(0);
  expect(await link.closed).toMatchObject({
    code: "timeout",
    detail: expect.stringContaining("reader took nothing of what it was sent for 30 s"),
  });
  const other = mesh.add("other");
  const whereabouts = { sizeBytes: 8 * SOCKET_CHUNK_BYTES, locations: [source.id] };
  await other.exchange.fetch(ids[0]!, whereabouts, { allocate });
  let came = 0;
  reader.links.onChunk(() => void came++);
  const next = await reader.links.to(source.id);
  next.send({ type: "fetch", object: ids[0]!, offset: 0 });
  await quiet();
  expect(came).toBe(8);
});

test("a slow reader gets all that it asked for, however long a part waits for its turn", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("source");
  const ids = Array.from({ length: 4 }, (_, n) => `x.${n}` as ObjectId);
  const sizeBytes = 3 * SOCKET_CHUNK_BYTES;
  for (const id of ids) source.store.put(id, new Uint8Array(sizeBytes).fill(7));
  const reader = mesh.add("reader");
  await reader.links.to(source.id);
  await quiet();
  // One part each 12 s: the four that wait go on together, and each waits 48 s for the next.
  mesh.holdUp(reader.id, source.id, (messageBytes) =>
    messageBytes < SOCKET_CHUNK_BYTES
      ? Promise.resolve()
      : new Promise((go) => void mesh.clock.after(12_000, go)),
  );
  const whereabouts = { sizeBytes, locations: [source.id] };
  const fetching = Promise.all(
    ids.map((id) => reader.exchange.fetch(id, whereabouts, { allocate })),
  );
  const outcome = fetching.then(
    (all) => all.length,
    (error: Error) => error.message,
  );
  for (let second = 0; second < 12 * 16; second++) {
    await quiet();
    mesh.clock.advance(1_000);
  }
  expect(await outcome).toBe(4);
  expect(mesh.connectionsMade).toBe(1);
});

test("a few bytes of a big object that wait in a link do not keep its memory", async () => {
  const mesh = new TestMesh();
  const source = mesh.add("source");
  source.store.put(object, right);
  const reader = hostile(mesh, "reader", () => {});
  const sent: Uint8Array[] = [];
  const link = await reader.links.to(source.id);
  const back = source.links.openTo(reader.id)!;
  const sendChunk = back.sendChunk.bind(back);
  back.sendChunk = (header, payload) => {
    sent.push(payload);
    return sendChunk(header, payload);
  };
  link.send({ type: "fetch", object, offset: 5, endOffset: 6 });
  link.send({ type: "fetch", object, offset: 0 });
  await quiet();
  expect(sent[0]!.buffer.byteLength).toBe(1);
  expect(sent[1]!.buffer).toBe(right.buffer);
});

test("a refusal for now is no loss: the source is asked once more", async () => {
  const mesh = new TestMesh();
  let asked = 0;
  const busy = hostile(mesh, "busy", (link, { offset, endOffset }) => {
    if (asked++ === 0) {
      const error = { code: "QUOTA_EXCEEDED", message: "too many requests wait" } as const;
      return link.send({ type: "fetch-failed", object, error });
    }
    const header = { type: "chunk", object, offset, totalBytes: right.length } as const;
    void link.sendChunk(header, right.subarray(offset, endOffset));
  });
  const { fetch } = receiverIn(mesh);
  expect(Buffer.compare(await fetch(busy), right)).toBe(0);
});
