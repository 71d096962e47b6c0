import { afterEach, beforeEach, expect, test } from "vitest";
import { startMesh, type ObjectRef, type StartedMesh } from "manta";
import { meshIsEmpty } from "../support/empty-mesh.ts";
import { failure } from "./failure.ts";

/** Results that only workers have, when their worker is killed with -9. Real processes throughout. */
let started: StartedMesh;

beforeEach(async () => {
  started = await startMesh({ workers: 2, cpus: 1 });
});

/** Whatever happened, nothing is left when all refs are gone. */
afterEach(async () => {
  await meshIsEmpty(started);
  await started.mesh.close();
});

const BYTES = 4 * 2 ** 20;

interface Made {
  readonly pid: number;
  readonly bytes: Uint8Array;
}

/** A result too large to ride along, and the process that made it. */
const made = (fill: number, bytes: number): Made => {
  const { pid } = (globalThis as unknown as { process: { pid: number } }).process;
  return { pid, bytes: new Uint8Array(bytes).fill(fill) };
};

async function killed(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  for (;;) {
    const { workers } = await started.mesh.summary();
    if (workers < 2) return;
  }
}

/** Which process ran the only task so far. Reading its result would make a second copy. */
async function makerOf(ref: ObjectRef<unknown>): Promise<number> {
  const { mesh, workerPids } = started;
  await mesh.wait([ref]);
  const peers = await mesh.peers();
  const maker = peers.find(({ role, tasksDone }) => role === "worker" && tasksDone > 0)!;
  return workerPids[Number(maker.name.match(/\d+$/)![0]) - 1]!;
}

test("a result that went with its worker is made again when it is asked for", async () => {
  const { mesh } = started;
  using ref = mesh.remote(made)(7, BYTES);
  const pid = await makerOf(ref);
  await killed(pid);
  const again = await mesh.get(ref);
  expect(again.pid).not.toBe(pid);
  expect(again.bytes.length).toBe(BYTES);
  expect(again.bytes.every((byte) => byte === 7)).toBe(true);
});

test("so are the arguments it was made of, although nobody holds them any more", async () => {
  const { mesh } = started;
  const grow = mesh.remote((value: Made): Made => ({
    ...value,
    bytes: value.bytes.map((b) => b + 1),
  }));
  const start = mesh.remote(made)(1, BYTES);
  const pid = await makerOf(start);
  const second = grow(start);
  using third = grow(second);
  await mesh.wait([third]);
  start.dispose();
  second.dispose();
  await killed(pid);
  expect((await mesh.get(third)).bytes.every((byte) => byte === 3)).toBe(true);
});

test("a task whose argument is lost while it waits runs when the argument is back", async () => {
  const { mesh } = started;
  using big = mesh.remote(made)(5, BYTES);
  const pid = await makerOf(big);
  const busy = mesh.remote(async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
  });
  const blockers = [busy(), busy(), busy()];
  using sum = mesh.remote((value: Made) => value.bytes.reduce((a, b) => a + b, 0))(big);
  await killed(pid);
  expect(await mesh.get(sum)).toBe(5 * BYTES);
  for (const blocker of blockers) blocker.dispose();
});

test("without attempts left it is lost, and the error says what to do", async () => {
  const { mesh } = started;
  using ref = mesh.remote(made, { retriesMax: 0 })(7, BYTES);
  await killed(await makerOf(ref));
  const error = await failure(mesh.get(ref));
  expect(error.code).toBe("OBJECT_LOST");
  expect(error.message).toContain("has used its 1 attempts (raise retriesMax)");
});
