import { afterEach, beforeEach, expect, test } from "vitest";
import { startMesh, type ObjectRef, type StartedMesh } from "manta";
import { meshIsEmpty } from "../support/empty-mesh.ts";

/** Values that several workers keep, while workers are killed with -9. Real processes throughout. */
let started: StartedMesh;

beforeEach(async () => {
  started = await startMesh({ workers: 3, cpus: 1 });
});

/** Whatever happened, nothing is left when all refs are gone. */
afterEach(async () => {
  await meshIsEmpty(started);
  await started.mesh.close();
});

const BYTES = 2 * 2 ** 20;

/** Names of the peers that keep a copy, as soon as there are so many. */
async function keepersOf(ref: ObjectRef<unknown>, count: number): Promise<string[]> {
  for (;;) {
    const { keepers = [] } = await started.mesh.explain(ref);
    if (keepers.length === count) return [...keepers];
  }
}

async function kill(name: string): Promise<void> {
  const { mesh, workerPids } = started;
  const { workers: before } = await mesh.summary();
  process.kill(workerPids[Number(name.match(/\d+$/)![0]) - 1]!, "SIGKILL");
  for (;;) {
    const { workers } = await mesh.summary();
    if (workers < before) return;
  }
}

test("with replicas: 2 and one loss at a time nothing is lost", async () => {
  const { mesh } = started;
  // It could not be made again: only copies help.
  const make = mesh.remote((n: number) => new Uint8Array(n).fill(9), {
    replicas: 2,
    retriesMax: 0,
  });
  using ref = make(BYTES);
  const [first] = await keepersOf(ref, 2);
  await kill(first!);
  const again = await keepersOf(ref, 2);
  expect(again).not.toContain(first);
  await kill(again[0]!);
  const bytes = await mesh.get(ref);
  expect(bytes.length).toBe(BYTES);
  expect(bytes.every((byte) => byte === 9)).toBe(true);
});

test("what a driver puts with replicas is on workers too", async () => {
  using ref = await started.mesh.put(new Uint8Array(BYTES), { replicas: 3 });
  expect(await keepersOf(ref, 3)).toHaveLength(3);
});

test("a worker that is stopped hands over what only it has", async () => {
  const { mesh, workerPids } = started;
  const make = mesh.remote((n: number) => new Uint8Array(n).fill(4), { retriesMax: 0 });
  using ref = make(BYTES);
  const [maker] = await keepersOf(ref, 1);
  process.kill(workerPids[Number(maker!.match(/\d+$/)![0]) - 1]!, "SIGTERM");
  for (;;) {
    const { workers } = await mesh.summary();
    if (workers === 2) break;
  }
  expect((await mesh.get(ref))[BYTES - 1]).toBe(4);
});
