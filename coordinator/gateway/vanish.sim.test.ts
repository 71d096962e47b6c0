import { expect, test } from "vitest";
import { MeshError } from "../../shared/errors.ts";
import type { JobId, ObjectId, PeerId } from "../../shared/ids.ts";
import { PIECE_BYTES } from "../../shared/protocol/limits.ts";
import { checkPlane } from "../simulator/plane-invariants.ts";
import { VirtualMesh, type VirtualMember } from "./virtual-mesh.ts";

/**
 * Peers vanish at every step of a transfer: before it is asked for, between its pieces, with the last
 * one, while a second copy is made, while one is handed over. Real peers and the real coordinator,
 * over transports in memory; the moment is the number of a message.
 */
const VALUE = new Uint8Array(5 * PIECE_BYTES + 3).map((_, i) => (i * 7) % 253);
/** Of all moments, so many for each victim. */
const MOMENTS = Number(process.env["VANISH_MOMENTS"] ?? 14);

interface Story {
  readonly mesh: VirtualMesh;
  readonly driver: VirtualMember;
  readonly workers: VirtualMember[];
  readonly object: ObjectId;
  /** Who kept it when the one left that had it. */
  handedOverTo: readonly PeerId[];
  readonly outcomes: Map<VirtualMember, Promise<unknown>>;
}

/** A driver and four workers that take part in its job. */
async function begin(): Promise<Story> {
  const mesh = new VirtualMesh();
  const driver = await mesh.join("driver", "driver");
  const workers: VirtualMember[] = [];
  for (const name of ["w1", "w2", "w3", "w4"]) {
    const worker = await mesh.join(name, "worker");
    mesh.gateway.plane.circles.joined(worker.id, driver.id as string as JobId);
    workers.push(worker);
  }
  const object = `${driver.id}.1` as ObjectId;
  mesh.messages = 0;
  return { mesh, driver, workers, object, handedOverTo: [], outcomes: new Map() };
}

/** The driver puts a value, and everybody reads it. */
function put({ driver, object }: Story, replicas: number): void {
  driver.supply.keep(object, VALUE, { jobKey: driver.peer.jobKey });
  const sizeBytes = VALUE.length;
  driver.peer.session.send({ type: "put-object", object, sizeBytes, replicas });
}

function read({ outcomes, object }: Story, ...readers: VirtualMember[]): void {
  for (const reader of readers) {
    outcomes.set(
      reader,
      reader.read(object).catch((error: unknown) => error),
    );
  }
}

const keepersOf = ({ mesh, object }: Story): number =>
  mesh.gateway.plane.directory.objects.get(object)?.keepers.length ?? 0;

/** All who live have the value, or an error that says why not. @returns how many have it. */
async function judge(story: Story, what: string): Promise<number> {
  const { mesh, outcomes, object } = story;
  let isDone = false;
  const all = [...outcomes].filter(([{ isAlive }]) => isAlive);
  void Promise.all(all.map(([, outcome]) => outcome)).then(() => (isDone = true));
  await mesh.settle(() => isDone);
  expect(isDone, `${what}: all that was read has come to an end`).toBe(true);
  let count = 0;
  for (const [reader, outcome] of all) {
    if (!reader.isAlive) continue;
    const value = await outcome;
    if (value instanceof Uint8Array) {
      expect(Buffer.compare(value, VALUE), `${what}: the value at ${reader.name}`).toBe(0);
      count++;
      continue;
    }
    expect(MeshError.is(value), `${what}: ${String(value)}`).toBe(true);
    const { code, message } = value as MeshError;
    expect(["OBJECT_LOST", "OBJECT_FREED"], `${what}: ${code}`).toContain(code);
    expect(message.length, `${what}: why`).toBeGreaterThan(40);
    expect(message).toContain(object);
  }
  return count;
}

/** When everybody lets go, nothing is left anywhere. */
async function expectEmpty(story: Story, what: string): Promise<void> {
  const { mesh, object } = story;
  for (const member of mesh.alive) member.release(object);
  const isEmpty = () =>
    mesh.gateway.plane.directory.objects.size === 0 &&
    mesh.alive.every(({ store }) => store.usage().objects === 0);
  await mesh.settle(isEmpty, 90);
  const { plane } = mesh.gateway;
  checkPlane(plane);
  expect(plane.directory.objects.size, `${what}: objects in the directory`).toBe(0);
  expect(plane.sharing.holders.receivers, `${what}: receivers`).toBe(0);
  expect(plane.replicator.size, `${what}: copies wanted`).toBe(0);
  for (const { name, store } of mesh.alive) {
    const { memoryBytes, pinnedBytes, expectedBytes, objects } = store.usage();
    const left = { memoryBytes, pinnedBytes, expectedBytes, objects };
    const nothing = { memoryBytes: 0, pinnedBytes: 0, expectedBytes: 0, objects: 0 };
    expect(left, `${what}: what is left at ${name}`).toEqual(nothing);
  }
  mesh.gateway.close("the test is over");
}

/** Moments spread over all messages of a story in which nobody vanishes. */
async function momentsOf(tell: (story: Story) => Promise<void>): Promise<number[]> {
  const story = await begin();
  await tell(story);
  const last = story.mesh.messages;
  await expectEmpty(story, "nobody vanishes");
  const step = Math.max(1, last / MOMENTS);
  const moments: number[] = [];
  for (let at = 0; at < last; at += step) moments.push(Math.floor(at));
  return moments;
}

/** Tell it once for each moment, with a victim that vanishes then. */
async function withEach(
  victims: readonly string[],
  tell: (story: Story) => Promise<void>,
  check: (story: Story, what: string, victim: string) => Promise<void>,
): Promise<void> {
  const moments = await momentsOf(tell);
  expect(moments.length).toBeGreaterThan(8);
  for (const [v, victim] of victims.entries()) {
    for (const moment of moments) {
      const story = await begin();
      const { mesh } = story;
      const at = moment + v;
      const what = `${victim} vanishes before message ${at}`;
      mesh.onMessage = (number) => {
        const member = mesh.members.find(({ name }) => name === victim)!;
        // Not in the middle of what sends it: a process ends between two things that it does.
        if (number === at) queueMicrotask(() => mesh.kill(member));
      };
      await tell(story);
      await check(story, what, victim);
      await expectEmpty(story, what);
    }
  }
}

test("without copies: who reads has the value, or is told why not; nothing is left behind", async () => {
  await withEach(
    ["driver", "w1", "w2"],
    async (story) => {
      put(story, 1);
      read(story, ...story.workers);
      await judge(story, "reading");
    },
    async (story, what, victim) => {
      const count = await judge(story, what);
      // Only the one source can take the value with it.
      const readers = story.workers.filter(({ isAlive }) => isAlive);
      if (victim !== "driver") expect(count, what).toBe(readers.length);
    },
  );
}, 60_000);

test("with two copies, one loss at a time loses nothing, and the copy is made again", async () => {
  await withEach(
    ["w1", "w2", "w3"],
    async (story) => {
      put(story, 2);
      read(story, story.workers[3]!);
      await judge(story, "reading");
    },
    async (story, what) => {
      const { mesh, workers } = story;
      expect(await judge(story, what), what).toBe(1);
      await mesh.settle(() => keepersOf(story) >= 2, 90);
      expect(keepersOf(story), `${what}: kept copies`).toBeGreaterThanOrEqual(2);
      // The next loss, when the first was made good: somebody who has not read it yet, reads.
      const { keepers } = mesh.gateway.plane.directory.objects.get(story.object)!;
      const next = mesh.alive.find(({ id, name }) => keepers.includes(id) && name !== "driver");
      if (next) mesh.kill(next);
      const reader = workers.find(({ isAlive, name }) => isAlive && name !== "w4");
      if (reader) read(story, reader);
      await judge(story, `${what}, then ${next?.name}`);
    },
  );
}, 60_000);

test("a peer that leaves in order hands over, whoever vanishes meanwhile", async () => {
  await withEach(
    ["w2", "w3"],
    async (story) => {
      const { mesh, driver, workers, object } = story;
      // Only w1 has it, and the driver a ref.
      workers[0]!.supply.keep(object, VALUE, { jobKey: driver.peer.jobKey });
      driver.peer.session.send({ type: "promise-object", object });
      const announced = {
        type: "put-object",
        object,
        sizeBytes: VALUE.length,
        holder: driver.id,
      } as const;
      workers[0]!.peer.session.send(announced);
      await mesh.settle(() => keepersOf(story) === 1, 5);
      workers[0]!.peer.session.send({ type: "leaving", reason: "it is tired" });
      await mesh.settle(() => keepersOf(story) >= 2, 90);
      const { keepers } = mesh.gateway.plane.directory.objects.get(object)!;
      story.handedOverTo = keepers.filter((keeper) => keeper !== workers[0]!.id);
      workers[0]!.peer.leave("it has handed over");
      workers[0]!.isAlive = false;
      await mesh.settle(() => false, 2);
    },
    async (story, what) => {
      const { mesh, driver, handedOverTo } = story;
      read(story, driver);
      const has = await judge(story, what);
      // Who takes it over and vanishes after that is a second loss.
      const isLeft = mesh.alive.some(({ id }) => handedOverTo.includes(id));
      expect(has, what).toBe(isLeft ? 1 : 0);
      expect(handedOverTo.length, what).toBeGreaterThan(0);
    },
  );
}, 60_000);
