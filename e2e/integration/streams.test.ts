import { expect, test } from "vitest";
import { connect, startMesh, type ActorHandle, type Mesh } from "manta";
import { collectGarbage } from "../../shared/node/collect-garbage.ts";
import { meshIsEmpty } from "../support/empty-mesh.ts";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** Streams of objects, from real worker processes. */
const started = sharedMesh({ workers: 2, cpus: 2 });

/** A mesh whose workers may be killed. Afterwards nothing is left in it. */
async function withMesh(run: (mesh: Mesh) => Promise<void>): Promise<void> {
  const own = await startMesh({ workers: 2, cpus: 2 });
  try {
    await run(own.mesh);
    await meshIsEmpty(own);
  } finally {
    await own.mesh.close();
  }
}

/** Hears how far generators get. */
class Log {
  readonly lines: string[] = [];
  add(line: string): void {
    this.lines.push(line);
  }
  all(): string[] {
    return this.lines;
  }
}
type LogHandle = ActorHandle<Log>;

/** Makes items for ever, and says so. */
async function* endless(log: LogHandle, bytes: number) {
  try {
    for (let i = 0; ; i++) {
      log.add(`made ${i}`).dispose();
      yield bytes > 0 ? new Uint8Array(bytes).fill(i) : i;
    }
  } finally {
    await log.add("finally").get();
  }
}

async function lines(log: LogHandle): Promise<string[]> {
  using all = log.all();
  return await all.get();
}

async function until(log: LogHandle, line: string): Promise<string[]> {
  for (;;) {
    const all = await lines(log);
    if (all.includes(line)) return all;
  }
}

async function valuesOf<T>(stream: { values(): AsyncIterable<T> }): Promise<T[]> {
  const values: T[] = [];
  for await (const value of stream.values()) values.push(value);
  return values;
}

test("what a generator yields arrives in order, small and large values alike", async () => {
  const { mesh } = started;
  const count = mesh.remote(async function* (n: number) {
    for (let i = 0; i < n; i++) yield i;
  });
  expect(await valuesOf(count(100))).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(await valuesOf(count(0))).toEqual([]);

  const arrays = mesh.remote(function* (n: number) {
    for (let i = 0; i < n; i++) yield new Uint8Array(100_000).fill(i);
  });
  const stream = arrays(40);
  let next = 0;
  for await (const ref of stream) {
    const value = await mesh.get(ref);
    expect([value.length, value[0], value.at(-1)]).toEqual([100_000, next, next]);
    next += 1;
    ref.dispose();
  }
  expect(next).toBe(40);
});

test("a stream tells how many items it had, and its refs go wherever refs go", async () => {
  const { mesh } = started;
  const parts = mesh.remote(function* () {
    yield [1, 2];
    yield [3, 4];
    yield [5, 6];
  });
  const sum = mesh.remote((part: number[]) => part[0]! + part[1]!);
  using stream = parts();
  using completed = stream.completed;
  const sums = [];
  for await (const ref of stream) {
    sums.push(sum(ref));
    ref.dispose();
  }
  await mesh.wait(sums, { count: 3 });
  expect(await mesh.get(sums)).toEqual([3, 7, 11]);
  expect(await mesh.get(completed)).toBe(3);
  for (const ref of sums) ref.dispose();
});

test("a generator pauses when maxAhead items are unread, and explain says so", async () => {
  const { mesh } = started;
  const log = mesh.actor(Log).create();
  const stream = mesh.remote(endless, { maxAhead: 4 })(log, 0);
  for (let taken = 1; taken <= 3; taken++) {
    using ref = (await stream.next()).value!;
    expect(await ref.get()).toBe(taken - 1);
    const last = taken + 4 - 1;
    await until(log, `made ${last}`);
    for (;;) {
      const { text } = await mesh.explain(stream);
      if (text.includes(`paused: its reader has taken ${taken} of the ${taken + 4} items`)) break;
    }
    expect(await lines(log)).not.toContain(`made ${last + 1}`);
  }
  stream.dispose();
  await until(log, "finally");
  mesh.kill(log);
});

test("who leaves the loop stops the generator, and what was unread is freed", async () => {
  const { mesh } = started;
  const log = mesh.actor(Log).create();
  const generate = mesh.remote(endless, { maxAhead: 3 });
  for await (const value of generate(log, 200_000).values()) {
    if ((value as Uint8Array)[0] === 5) break;
  }
  await until(log, "finally");
  mesh.kill(log);
});

test("a stream that is dropped stops its generator", async () => {
  const { mesh } = started;
  const log = mesh.actor(Log).create();
  const generate = mesh.remote(endless, { maxAhead: 2 });
  await (async () => {
    const stream = generate(log, 0);
    (await stream.next()).value!.dispose();
  })();
  for (;;) {
    collectGarbage("major");
    await new Promise((resolve) => setImmediate(resolve));
    if ((await lines(log)).includes("finally")) break;
  }
  mesh.kill(log);
});

test("when its driver leaves, a generator ends with its finally blocks", async () => {
  const { mesh, url, tokens } = started;
  const log = mesh.actor(Log).options({ name: "log", lifetime: "detached" }).create();
  await lines(log);
  const other = await connect(url, { token: tokens.submit });
  const stream = other.remote(endless, { maxAhead: 2 })(await other.getActor<Log>("log"), 200_000);
  await stream.next();
  await other.close();
  await until(log, "finally");
  mesh.kill(log);
});

test("a generator that throws gives its items first, then the error with its own stack", async () => {
  const { mesh } = started;
  const failing = mesh.remote(async function* broken() {
    yield "one";
    yield "two";
    throw new TypeError("no third");
  });
  const seen: unknown[] = [];
  const error = await failure(
    (async () => {
      for await (const value of failing().values()) seen.push(value);
    })(),
  );
  expect(seen).toEqual(["one", "two"]);
  expect(error.code).toBe("TASK_FAILED");
  expect(error.message).toContain("TypeError: no third");
  expect((error.cause as Error).stack).toContain("manta:broken");
});

test("an item that cannot be sent fails the stream and says which it was", async () => {
  const bad = started.mesh.remote(function* () {
    yield 1;
    yield () => 2;
  });
  const error = await failure(valuesOf(bad()));
  expect(error.code).toBe("NOT_ENCODABLE");
  expect(error.message).toContain("item 1 of task");
});

test("cancel and timeoutMs end a stream", async () => {
  const { mesh } = started;
  const waits = mesh.remote(async function* () {
    yield "first";
    await new Promise(() => {});
  });
  const cancelled = waits();
  (await cancelled.next()).value!.dispose();
  await mesh.cancel(cancelled);
  expect((await failure(cancelled.next())).code).toBe("TASK_CANCELLED");
  const late = waits.options({ timeoutMs: 200 })();
  (await late.next()).value!.dispose();
  expect((await failure(late.next())).code).toBe("TASK_TIMEOUT");
});

test("when its worker is killed, the reader sees each item once, and goes on", () =>
  withMesh(async (mesh) => {
    const count = mesh.remote(
      async function* (n: number) {
        const { pid } = (globalThis as unknown as { process: { pid: number } }).process;
        for (let i = 0; i < n; i++) {
          yield { i, pid, bytes: new Uint8Array(i % 2 === 0 ? 10 : 50_000) };
        }
      },
      { maxAhead: 4 },
    );
    const seen: number[] = [];
    const pids = new Set<number>();
    for await (const { i, pid, bytes } of count(40).values()) {
      expect(bytes.length).toBe(i % 2 === 0 ? 10 : 50_000);
      seen.push(i);
      pids.add(pid);
      if (i === 9) process.kill(pid, "SIGKILL");
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(pids.size).toBe(2);
  }));

test("large items that went with their worker are made again", () =>
  withMesh(async (mesh) => {
    const arrays = mesh.remote(function* (n: number) {
      const { pid } = (globalThis as unknown as { process: { pid: number } }).process;
      for (let i = 0; i < n; i++) yield { pid, bytes: new Uint8Array(100_000).fill(i) };
    });
    const refs = [];
    for await (const ref of arrays(5)) refs.push(ref);
    const { pid } = await refs[0]!.get();
    process.kill(pid, "SIGKILL");
    for (const [i, ref] of refs.entries()) {
      const { bytes } = await ref.get();
      expect([bytes.length, bytes[0]]).toEqual([100_000, i]);
      ref.dispose();
    }
  }));

test("code inside a task reads the stream of a task that it submitted", async () => {
  const { mesh } = started;
  const total = mesh.remote(async (n: number) => {
    const inner = await (await import("manta")).connect();
    const count = inner.remote(
      async function* (upTo: number) {
        for (let i = 1; i <= upTo; i++) yield i;
      },
      { maxAhead: 2 },
    );
    let sum = 0;
    for await (const value of count(n).values()) sum += value;
    // One that it stops reading, and one that it leaves behind.
    for await (const ref of count(1_000)) {
      ref.dispose();
      break;
    }
    await count(1_000).next();
    return sum;
  });
  using ref = total(20);
  expect(await ref.get()).toBe(210);
});

test("a function with { returns: n } gives a ref for each of its values", async () => {
  const { mesh } = started;
  const split = mesh.remote((text: string): [string, number, Uint8Array] => [
    text,
    text.length,
    new Uint8Array(50_000).fill(text.length),
  ]);
  const [text, length, bytes] = split.options({ returns: 3 })("four");
  const double = mesh.remote((n: number) => n * 2);
  using doubled = double(length);
  expect(await mesh.get([text, doubled])).toEqual(["four", 8]);
  expect((await mesh.get(bytes))[0]).toBe(4);
  for (const ref of [text, length, bytes]) ref.dispose();

  const [only] = split.options({ returns: 1 })("x");
  const wrong = await failure(only.get());
  expect(wrong.code).toBe("INVALID_ARGUMENT");
  expect(wrong.message).toContain("{ returns: 1 }, so it has to return an array of 1 values");
  only.dispose();
});

test("one of several results that went with its worker is made again", () =>
  withMesh(async (mesh) => {
    const pair = mesh.remote(
      () => {
        const { pid } = (globalThis as unknown as { process: { pid: number } }).process;
        return [pid, new Uint8Array(100_000).fill(7)] as [number, Uint8Array];
      },
      { returns: 2 },
    );
    const [pid, bytes] = pair();
    process.kill(await pid.get(), "SIGKILL");
    expect((await bytes.get()).every((byte) => byte === 7)).toBe(true);
    pid.dispose();
    bytes.dispose();
  }));

test("inside a task, too, a function may return several objects", async () => {
  const { mesh } = started;
  const sum = mesh.remote(async () => {
    const inner = await (await import("manta")).connect();
    const [a, b] = inner.remote(() => [1, new Uint8Array(50_000)], { returns: 2 })();
    const [one, bytes] = await inner.get([a!, b!]);
    return (one as number) + (bytes as Uint8Array).length;
  });
  using ref = sum();
  expect(await ref.get()).toBe(50_001);
});
