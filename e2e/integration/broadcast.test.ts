import { afterEach, expect, test } from "vitest";
import { startMesh, type Mesh, type ObjectRef, type StartedMesh } from "manta";

/** One object to many peers, and sources that die in the middle. Real processes throughout. */
let started: StartedMesh;

/** Whatever happened, nothing is left when all refs are gone. */
afterEach(async () => {
  for (;;) {
    const { objects } = await started.mesh.summary();
    if (objects === 0) break;
  }
  await started.mesh.close();
});

const SIZE_BYTES = 24 * 2 ** 20;

const content = (): Uint8Array<ArrayBuffer> => {
  const words = new Uint32Array(SIZE_BYTES / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 2_654_435_761);
  return new Uint8Array(words.buffer);
};

/** What arrived at workers: of all, and of that from the source. Counters come with heartbeats. */
async function arrived(mesh: Mesh, name: string) {
  const peers = await mesh.peers();
  const source = peers.find((peer) => peer.name === name)!.peer;
  const links = peers.flatMap((peer) => (peer.peer === source ? [] : peer.links));
  const sum = (from: typeof links) => from.reduce((bytes, link) => bytes + link.receivedBytes, 0);
  return { all: sum(links), fromSource: sum(links.filter(({ peer }) => peer === source)) };
}

function receiversOf(mesh: Mesh, count: number) {
  const Receiver = mesh.actor(
    class {
      sum(bytes: Uint8Array) {
        let sum = 0;
        for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
        return sum;
      }
    },
    { cpus: 1 },
  );
  return Array.from({ length: count }, () => Receiver.create());
}

async function all<T>(mesh: Mesh, refs: readonly ObjectRef<T>[]): Promise<T[]> {
  const values = await mesh.get(refs);
  for (const ref of refs) ref.dispose();
  return values as T[];
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0;
  return sum;
}

test("a broadcast to four peers costs its source at most two copies, and all have it right", async () => {
  started = await startMesh({ workers: 4, cpus: 1, name: "source" });
  const { mesh } = started;
  const receivers = receiversOf(mesh, 4);
  await all(
    mesh,
    receivers.map((receiver) => receiver.sum(Uint8Array.of(0))),
  );
  const bytes = content();
  using ref = await mesh.put(bytes);
  const sums = await all(
    mesh,
    receivers.map((receiver) => receiver.sum(ref)),
  );
  expect(sums).toEqual(Array.from({ length: 4 }, () => sumOf(bytes)));
  let counters = await arrived(mesh, "source");
  while (counters.all < 4 * SIZE_BYTES) counters = await arrived(mesh, "source");
  expect(counters.fromSource).toBeLessThanOrEqual(2 * SIZE_BYTES);
});

test("of two sources one is killed in the middle of the transfer: it goes on with the other", async () => {
  started = await startMesh({ workers: 3, cpus: 1 });
  const { mesh, workerPids } = started;
  const make = mesh.remote((sizeBytes: number) => new Uint8Array(sizeBytes).fill(5), {
    replicas: 2,
    retriesMax: 0,
  });
  using ref = make(4 * SIZE_BYTES);
  let keepers: readonly string[] = [];
  while (keepers.length < 2) keepers = (await mesh.explain(ref)).keepers ?? [];
  const getting = mesh.get(ref);
  process.kill(workerPids[Number(keepers[0]!.match(/\d+$/)![0]) - 1]!, "SIGKILL");
  const bytes = await getting;
  expect(bytes.length).toBe(4 * SIZE_BYTES);
  expect(bytes[bytes.length - 1]).toBe(5);
});

test("a receiver that is killed in the middle of a broadcast does not stop the others", async () => {
  started = await startMesh({ workers: 3, cpus: 1 });
  const { mesh, workerPids } = started;
  const receivers = receiversOf(mesh, 3);
  await all(
    mesh,
    receivers.map((receiver) => receiver.sum(Uint8Array.of(0))),
  );
  const bytes = content();
  using ref = await mesh.put(bytes);
  const refs = receivers.map((receiver) => receiver.sum(ref));
  const outcomes = Promise.allSettled(refs.map((one) => mesh.get(one)));
  process.kill(workerPids[1]!, "SIGKILL");
  const settled = await outcomes;
  const right = settled.filter(
    (outcome) => outcome.status === "fulfilled" && outcome.value === sumOf(bytes),
  );
  expect(right.length).toBe(2);
  for (const one of refs) one.dispose();
});
