import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startMesh, type StartedMesh } from "manta";
import { TcpDelay } from "../support/tcp-delay.ts";

/** What slow and far workers cost a batch, with real processes. */
let started: StartedMesh;

beforeAll(async () => {
  started = await startMesh({ workers: 4, cpus: 1 });
});
afterAll(() => started.mesh.close());

/** Takes so long, and ten times as long in one process; says where it ran. */
async function work(slowPid: number, runMs: number): Promise<number> {
  const { pid } = (globalThis as unknown as { process: { pid: number } }).process;
  await new Promise((resolve) => setTimeout(resolve, pid === slowPid ? 10 * runMs : runMs));
  return pid;
}

const RUN_MS = 100;

test("with one of four workers ten times slower, a batch takes at most 1.3 of what their speed allows", async () => {
  const { mesh, workerPids } = started;
  const slowPid = workerPids[0]!;
  const task = mesh.remote(work, { speculate: true });
  await mesh.get(Array.from({ length: 12 }, () => task(slowPid, RUN_MS)));
  const count = 180;
  const startedMs = performance.now();
  const pids = await mesh.get(Array.from({ length: count }, () => task(slowPid, RUN_MS)));
  const tookMs = performance.now() - startedMs;
  const idealMs = (count * RUN_MS) / (3 + 1 / 10);
  expect(tookMs / idealMs).toBeLessThanOrEqual(1.3);
  expect(new Set(pids).size).toBeGreaterThanOrEqual(3);
});

/** Never ends in one process. */
async function hang(inPid: number): Promise<number> {
  const { pid } = (globalThis as unknown as { process: { pid: number } }).process;
  if (pid === inPid) await new Promise(() => {});
  return pid;
}

test("a task that hangs in one worker is done by another, and the attempt that hangs is stopped", async () => {
  const { mesh, workerPids } = started;
  const hangsIn = workerPids[1]!;
  const task = mesh.remote(hang, { speculate: true, strategy: "spread", name: "may hang" });
  await mesh.get(Array.from({ length: 24 }, () => task(0)));
  const pids = await mesh.get(Array.from({ length: 4 }, () => task(hangsIn)));
  expect(pids).not.toContain(hangsIn);
  // Its executor is there again for others.
  const again = mesh.remote(hang, { strategy: { affinity: "node-2" } });
  expect(await again(0).get()).toBe(hangsIn);
});

/** @returns how long it took, as timers are never exact. */
async function timed(runMs: number): Promise<number> {
  const startedMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, runMs));
  return performance.now() - startedMs;
}

test("with 100 ms there and back, a worker is busy nine tenths of the time with tasks of 10 ms", async () => {
  const { mesh, url, tokens } = started;
  const delay = await TcpDelay.to(Number(new URL(url).port), 50);
  const program = fileURLToPath(new URL("../../dist/node-worker/main.js", import.meta.url));
  const args = ["--url", `http://127.0.0.1:${delay.port}`, "--name", "far", "--cpus", "1"];
  const worker = fork(program, args, { env: { ...process.env, MANTA_TOKEN: tokens.contribute } });
  try {
    const task = mesh.remote(timed, { strategy: { affinity: "far" } });
    // A first few, from which it is known how long they take and how far it is.
    for (let i = 0; i < 5; i++) await task(10).get();
    const count = 500;
    const startedMs = performance.now();
    const ranMs = await mesh.get(Array.from({ length: count }, () => task(10)));
    const tookMs = performance.now() - startedMs;
    const utilisation = ranMs.reduce((sum, each) => sum + each, 0) / tookMs;
    expect(utilisation).toBeGreaterThanOrEqual(0.9);
  } finally {
    worker.kill();
    await once(worker, "exit");
    delay.close();
  }
});
