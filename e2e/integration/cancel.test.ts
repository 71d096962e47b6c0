import type { ObjectRef } from "manta";
import { expect, test } from "vitest";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** What a cancel reaches, with real workers. */
const started = sharedMesh({ workers: 2, cpus: 2 });
const mesh = () => started.mesh;

/** Notes what happened, for tests to wait for. */
class Journal {
  #lines: string[] = [];
  #onLine: (() => void)[] = [];
  add(line: string): void {
    this.#lines.push(line);
    for (const wake of this.#onLine.splice(0)) wake();
  }
  async has(line: string): Promise<boolean> {
    while (!this.#lines.includes(line)) {
      await new Promise<void>((resolve) => this.#onLine.push(resolve));
    }
    return true;
  }
  all(): string[] {
    return this.#lines;
  }
}
const journal = () => mesh().actor(Journal).options({ maxConcurrency: 8 }).create();
type JournalHandle = ReturnType<typeof journal>;

/** Waits until it is cancelled, and says so. */
async function patient(name: string, log: JournalHandle): Promise<string> {
  const { currentTask, connect } = await import("manta");
  const { signal } = currentTask();
  await (await connect()).get(log.add(`${name} begins`));
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  log.add(`${name} cleaned up`);
  return "nobody wants it";
}

test("code that heeds its signal ends by itself, in an executor that goes on", async () => {
  const log = journal();
  const ref = mesh().remote(patient)("a", log);
  await mesh().get(log.has("a begins"));
  expect(await mesh().cancel(ref)).toBe(true);
  expect((await failure(mesh().get(ref))).code).toBe("TASK_CANCELLED");
  expect(await mesh().get(log.has("a cleaned up"), { timeoutMs: 20_000 })).toBe(true);
});

test("force stops it at once, without a last word", async () => {
  const log = journal();
  const ref = mesh().remote(patient)("b", log);
  await mesh().get(log.has("b begins"));
  await mesh().cancel(ref, { force: true });
  expect((await failure(mesh().get(ref))).code).toBe("TASK_CANCELLED");
  const all = mesh().remote(() => 1);
  await mesh().get(Array.from({ length: 4 }, () => all()));
  expect(await mesh().get(log.all())).toEqual(["b begins"]);
});

/** Submits itself `depth` times, each on whatever worker has room, and waits at the bottom. */
async function tower(depth: number, log: JournalHandle): Promise<string> {
  const { connect, currentTask } = await import("manta");
  const inner = await connect();
  if (depth > 0) return inner.get(inner.remote(tower)(depth - 1, log));
  const { signal } = currentTask();
  await inner.get(log.add("bottom begins"));
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  await inner.get(log.add("bottom cleaned up")).catch(() => undefined);
  return "nobody wants it";
}

test("what a cancelled task has submitted goes with it, however deep, on both workers", async () => {
  const log = journal();
  const ref = mesh().remote(tower)(4, log);
  await mesh().get(log.has("bottom begins"), { timeoutMs: 30_000 });
  expect(await mesh().cancel(ref)).toBe(true);
  expect(await mesh().get(log.has("bottom cleaned up"), { timeoutMs: 20_000 })).toBe(true);
  await expect.poll(async () => (await mesh().summary()).tasksRunning).toBe(0);
});

test("without recursion, what it has submitted goes on", async () => {
  const log = journal();
  const child = mesh().remote(async (inside: JournalHandle) => {
    const { connect } = await import("manta");
    const inner = await connect();
    const wait = inner.remote(async (other: JournalHandle) => {
      await (await (await import("manta")).connect()).get(other.has("go on"));
      other.add("child ends");
    });
    const ref = wait(inside);
    await inner.get(inside.add("parent begins"));
    await inner.get(ref);
  });
  const ref = child(log);
  await mesh().get(log.has("parent begins"));
  await mesh().cancel(ref, { recursive: false });
  log.add("go on");
  expect(await mesh().get(log.has("child ends"), { timeoutMs: 20_000 })).toBe(true);
});

test("what has ended cannot be cancelled, and cancel says so", async () => {
  const ref = mesh().remote(() => 5)();
  expect(await mesh().get(ref)).toBe(5);
  expect(await mesh().cancel(ref)).toBe(false);
  expect(await mesh().get(ref)).toBe(5);
  const put = await mesh().put(1);
  expect((await failure(mesh().cancel(put))).code).toBe("INVALID_ARGUMENT");
});

test("a call that waits is dropped, one that runs has its signal aborted, the others go on", async () => {
  class Server {
    served: string[] = [];
    async serve(name: string): Promise<string> {
      const { currentTask } = await import("manta");
      const { signal } = currentTask();
      this.served.push(name);
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      return name;
    }
    names(): string[] {
      return this.served;
    }
  }
  const server = mesh().actor(Server).create();
  await mesh().get(server.names());
  const calls: ObjectRef<string>[] = [server.serve("a"), server.serve("b")];
  const names = server.names();
  expect((await failure(mesh().cancel(calls[0]!, { force: true }))).code).toBe("INVALID_ARGUMENT");
  expect(await mesh().cancel(calls[1]!)).toBe(true);
  expect(await mesh().cancel(calls[0]!)).toBe(true);
  for (const call of calls) expect((await failure(mesh().get(call))).code).toBe("TASK_CANCELLED");
  expect(await mesh().get(names, { timeoutMs: 20_000 })).toEqual(["a"]);
  expect(await mesh().cancel(names)).toBe(false);
});
