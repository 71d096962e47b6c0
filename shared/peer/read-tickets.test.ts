import { expect, test } from "vitest";
import type { JobId, ObjectId, PeerId } from "../ids.ts";
import type { LinkMessage } from "../protocol/link-messages.ts";
import { PIECE_BYTES } from "../protocol/limits.ts";
import type { JobKey } from "../protocol/schema.ts";
import { signTicket } from "../protocol/tickets.ts";
import type { Link } from "./link.ts";
import { quiet, TestMesh, type TestPeer } from "./test-mesh.ts";

/** Peers over real links that ask for tickets, and one that says what it likes. */
const object = "d.1" as ObjectId;
const bytes = Uint8Array.of(1, 2, 3);
const allocate = (sizeBytes: number) => new Uint8Array(sizeBytes);

const keyOfJob = (job: string, secret: number): JobKey => ({
  job: job as JobId,
  key: new Uint8Array(32).fill(secret),
});
const ours = keyOfJob("d", 7);
const theirs = keyOfJob("e", 9);

function meshOf() {
  const mesh = new TestMesh();
  const [source, reader] = ["n0", "n1"].map((name) => mesh.add(name, { asksForTickets: true })) as [
    TestPeer,
    TestPeer,
  ];
  source.store.put(object, bytes, { jobKey: ours });
  return { mesh, source, reader, eve: hostile(mesh, "eve") };
}

/** It says what a test wants, and hears what it is told. */
function hostile(mesh: TestMesh, name: string) {
  const peer = mesh.add(name);
  const heard: string[] = [];
  peer.links.onMessage("fetch-failed", (_link, { error }) => {
    heard.push(`${error.code}: ${error.message}`);
  });
  peer.links.onChunk((_link, header) => void heard.push(`${header.object} came`));
  return {
    peer,
    heard,
    async fetch(link: Link, shown: Partial<Extract<LinkMessage, { type: "fetch" }>>) {
      heard.length = 0;
      link.send({ type: "fetch", object, offset: 0, ...shown });
      await quiet();
      return heard[0];
    },
  };
}

const whereabouts = (jobKey: JobKey | undefined) => ({
  sizeBytes: bytes.length,
  locations: ["n0" as PeerId],
  ...(jobKey ? { jobKey } : {}),
});

/** What a peer that knows this key would show. */
const ticketOf = (
  { job, key }: JobKey,
  [from, to]: readonly [string, string],
  expiresAtEpochMs: number,
) => ({
  job,
  ticket: signTicket(key, { from: from as PeerId, to: to as PeerId }, expiresAtEpochMs),
});

test("who knows the key of an object's job reads it, with no more messages than without", async () => {
  const { mesh, source, reader } = meshOf();
  await reader.links.to(source.id);
  await quiet();
  const before = mesh.messagesSent;
  expect(await reader.exchange.fetch(object, whereabouts(ours), { allocate })).toEqual(bytes);
  expect(mesh.messagesSent - before).toBe(2);
  expect(source.trespasses).toEqual([]);
});

test("a copy is read by those who may read the object, and by nobody else", async () => {
  const { mesh, reader, eve } = meshOf();
  await reader.exchange.fetch(object, whereabouts(ours), { allocate });
  const third = mesh.add("n2", { asksForTickets: true });
  const atReader = { ...whereabouts(ours), locations: [reader.id] };
  expect(await third.exchange.fetch(object, atReader, { allocate })).toEqual(bytes);
  expect(await eve.fetch(await eve.peer.links.to(reader.id), {})).toMatch(/^TICKET_REFUSED/);
});

test("what bears a peer's own name it reads without a ticket", async () => {
  const { mesh, source } = meshOf();
  const driver = mesh.add("d", { asksForTickets: true });
  expect(await driver.exchange.fetch(object, whereabouts(undefined), { allocate })).toEqual(bytes);
  expect(source.trespasses).toEqual([]);
});

test.each([
  ["without a ticket", () => ({}), /no ticket for its job/],
  [
    "for another job",
    (soon: number) => ticketOf(theirs, ["eve", "n0"], soon),
    /no ticket for its job/,
  ],
  [
    "forged, by who knows another job's key",
    (soon: number) => ticketOf({ ...theirs, job: ours.job }, ["eve", "n0"], soon),
    /was not signed/,
  ],
  ["expired", (soon: number) => ticketOf(ours, ["eve", "n0"], soon - 120_000), /expired/],
  [
    "overheard from another peer",
    (soon: number) => ticketOf(ours, ["n1", "n0"], soon),
    /was not signed/,
  ],
  [
    "shown to another peer before",
    (soon: number) => ticketOf(ours, ["eve", "n1"], soon),
    /was not signed/,
  ],
])("a fetch with a ticket that is %s is refused and reported", async (_what, shown, why) => {
  const { mesh, source, reader, eve } = meshOf();
  const link = await eve.peer.links.to(source.id);
  const answer = await eve.fetch(link, shown(mesh.nowEpochMs + 60_000));
  expect(answer).toMatch(/^TICKET_REFUSED/);
  expect(answer).toMatch(why);
  expect(source.trespasses).toEqual(["eve d.1"]);
  // Others notice nothing.
  expect(await reader.exchange.fetch(object, whereabouts(ours), { allocate })).toEqual(bytes);
  expect(source.trespasses).toHaveLength(1);
});

test("an object of no known job is for who made it alone", async () => {
  const { source, reader } = meshOf();
  const loose = "x.1" as ObjectId;
  source.store.put(loose, bytes);
  const fetching = reader.exchange.fetch(loose, whereabouts(ours), { allocate });
  await expect(fetching).rejects.toMatchObject({
    code: "OBJECT_LOST",
    message: expect.stringContaining("its job is not known here"),
  });
});

test("a ticket is shown again on a new link, and when it was not accepted", async () => {
  const { mesh, source, reader } = meshOf();
  await reader.exchange.fetch(object, whereabouts(ours), { allocate });
  mesh.cut(source.id, reader.id);
  const second = "d.2" as ObjectId;
  source.store.put(second, bytes, { jobKey: ours });
  expect(await reader.exchange.fetch(second, whereabouts(ours), { allocate })).toEqual(bytes);
  // The object is of another job than the reader was told: refused, and right the next time.
  const third = "d.3" as ObjectId;
  source.store.put(third, bytes, { jobKey: theirs });
  const wrong = reader.exchange.fetch(third, whereabouts(ours), { allocate });
  await expect(wrong).rejects.toMatchObject({ code: "OBJECT_LOST" });
  expect(await reader.exchange.fetch(third, whereabouts(theirs), { allocate })).toEqual(bytes);
  const fourth = "d.4" as ObjectId;
  source.store.put(fourth, bytes, { jobKey: ours });
  expect(await reader.exchange.fetch(fourth, whereabouts(ours), { allocate })).toEqual(bytes);
});

test("both ends forget the same of too many jobs", async () => {
  const { source, reader } = meshOf();
  for (let n = 0; n < 300; n++) {
    const id = `d.${n + 10}` as ObjectId;
    source.store.put(id, bytes, { jobKey: keyOfJob(`j${n}`, n % 250) });
  }
  for (const n of [...Array(300).keys(), 0, 299, 1]) {
    const id = `d.${n + 10}` as ObjectId;
    reader.store.delete(id);
    const jobKey = keyOfJob(`j${n}`, n % 250);
    expect(await reader.exchange.fetch(id, whereabouts(jobKey), { allocate })).toEqual(bytes);
  }
  expect(source.trespasses).toEqual([]);
});

test("who may not read an object is not told whether it is here, and asks without flooding anybody", async () => {
  const { mesh, source, eve } = meshOf();
  const large = "d.3" as ObjectId;
  source.store.put(large, new Uint8Array(3 * PIECE_BYTES), { jobKey: ours });
  const told: unknown[] = [];
  eve.peer.links.onMessage("pieces", (_link, { ranges }) => void told.push(ranges));
  const link = await eve.peer.links.to(source.id);
  const tell = async (id: string, more = {}) => {
    eve.heard.length = 0;
    link.send({ type: "pieces", object: id as ObjectId, ranges: [[0, 1]], ...more });
    await quiet();
    return eve.heard.map((text) => text.replaceAll(id, "it"));
  };
  const answer = await tell(large);
  expect(answer).toEqual(await tell("d.99"));
  expect(answer).toHaveLength(1);
  expect(told).toEqual([]);
  for (let n = 0; n < 50; n++) {
    await tell(large);
    await eve.fetch(link, { object: large });
    await eve.fetch(link, { object: "d.99" as ObjectId });
  }
  expect(source.trespasses).toEqual(["eve d.3"]);
  expect(source.missing).toEqual(["d.99"]);
  // Who may read it is answered.
  await tell(large, ticketOf(ours, ["eve", "n0"], mesh.nowEpochMs + 60_000));
  expect(told).toEqual([[[0, 3]]]);
});

test("those who fetch a large object of one job at once tell each other what they have", async () => {
  const { mesh, source, reader } = meshOf();
  const large = "d.3" as ObjectId;
  const sizeBytes = 6 * PIECE_BYTES;
  source.store.put(large, new Uint8Array(sizeBytes).fill(5), { jobKey: ours });
  const others = ["n2", "n3"].map((name) => mesh.add(name, { asksForTickets: true }));
  const all = [reader, ...others];
  const partialLocations = all.map(({ id }) => id);
  const where = { sizeBytes, locations: [source.id], partialLocations, jobKey: ours };
  await Promise.all(all.map(({ exchange }) => exchange.fetch(large, where, { allocate })));
  const peers = [source, ...all];
  expect(peers.map(({ trespasses }) => trespasses)).toEqual([[], [], [], []]);
});
