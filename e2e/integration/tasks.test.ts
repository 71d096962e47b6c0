import { expect, test } from "vitest";
import { MeshError, ObjectRef, start } from "manta";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";
import { processId } from "./process-id.ts";

/** Tasks and objects on real processes: one coordinator, two Node workers with one CPU each. */
const started = sharedMesh({ workers: 2, cpus: 1 });
const mesh = () => started.mesh;

test("a function runs on a worker and its value comes back", async () => {
  const square = mesh().remote((x: number) => x * x);
  const ref = square(4);
  expect(ref).toBeInstanceOf(ObjectRef);
  expect("then" in ref).toBe(false);
  expect(await mesh().get(ref)).toBe(16);
  expect(await square(5).get()).toBe(25);
});

test("values of every kind survive the way there and back", async () => {
  const value = {
    none: undefined,
    nothing: null,
    big: 2n ** 80n,
    date: new Date(0),
    pattern: /a+/giu,
    map: new Map<unknown, unknown>([[{ key: 1 }, new Set([1, "two"])]]),
    floats: Float32Array.of(1.5, -0, Number.NaN),
    bytes: new Uint8Array([1, 2, 3]).buffer,
    nested: [{ a: [new Error("inside", { cause: "why" })] }],
  };
  const echo = mesh().remote((x: typeof value) => x);
  const back = await mesh().get(echo(value));
  expect(back).toEqual(value);
  expect(back.nested[0]!.a[0]!.cause).toBe("why");
});

test("a thousand tasks of one turn come back in the order of their refs", async () => {
  const double = mesh().remote((x: number) => 2 * x);
  const refs = Array.from({ length: 1_000 }, (_, i) => double(i));
  expect(await mesh().get(refs)).toEqual(refs.map((_, i) => 2 * i));
});

test("refs as arguments arrive as values, refs inside values as refs that can be read", async () => {
  const add = mesh().remote((a: number, b: number) => a + b);
  const three = add(1, 2);
  expect(await mesh().get(add(three, await mesh().put(4)))).toBe(7);

  const readInside = mesh().remote(async (box: { ref: { get(): Promise<number> } }) => {
    return (await box.ref.get()) * 10;
  });
  expect(await mesh().get(readInside({ ref: three }))).toBe(30);
});

test("a large value is put once and read by tasks on both workers", async () => {
  const data = Float32Array.from({ length: 500_000 }, (_, i) => i % 7);
  using ref = await mesh().put(data);
  const sum = mesh().remote((values: Float32Array) => values.reduce((a, b) => a + b, 0));
  const expected = data.reduce((a, b) => a + b, 0);
  const sums = await mesh().get(Array.from({ length: 8 }, () => sum(ref)));
  expect(sums).toEqual(Array.from({ length: 8 }, () => expected));
});

test("large results and large arguments need no put", async () => {
  const scale = mesh().remote((values: Float64Array, by: number) => values.map((v) => v * by));
  const back = await mesh().get(scale(new Float64Array(100_000).fill(2), 3));
  expect(back.length).toBe(100_000);
  expect(back[99_999]).toBe(6);
});

test("wait gives what is ready first, and keeps the order", async () => {
  const later = mesh().remote(
    (ms: number) => new Promise<number>((resolve) => setTimeout(() => resolve(ms), ms)),
  );
  const slow = later(3_000);
  const fast = later(1);
  const { ready, pending } = await mesh().wait([slow, fast], { count: 1 });
  expect(ready).toEqual([fast]);
  expect(pending).toEqual([slow]);
  const none = await mesh().wait([slow], { count: 1, timeoutMs: 1 });
  expect(none.ready).toEqual([]);
  await mesh().cancel(slow);
});

test("a task that throws gives TASK_FAILED with the user's error and its remote stack", async () => {
  const fail = mesh().remote(function parseConfig() {
    throw new TypeError("no such field");
  });
  const error = await failure(mesh().get(fail()));
  expect(error.code).toBe("TASK_FAILED");
  expect(error.message).toContain("parseConfig");
  const cause = error.cause as Error;
  expect(cause.name).toBe("TypeError");
  expect(cause.message).toBe("no such field");
  expect(cause.stack).toContain("parseConfig");
});

test("an error in a timer that a task left behind is the task's, at once and with its stack", async () => {
  const bad = mesh().remote(async function background() {
    setTimeout(() => {
      throw new RangeError("later");
    }, 1);
    await new Promise(() => {});
  });
  const error = await failure(mesh().get(bad()));
  expect(error.code).toBe("TASK_FAILED");
  expect(error.message).toContain('task "background" left uncaught RangeError: later');
  expect(error.cause).toBeInstanceOf(RangeError);
  expect((error.cause as Error).stack).toContain("background");

  const forgotten = mesh().remote(async function forgetful() {
    void Promise.reject(new Error("nobody awaits this"));
    await new Promise(() => {});
  });
  expect((await failure(mesh().get(forgotten()))).message).toContain("nobody awaits this");
  // The executors go on.
  const one = mesh().remote(() => 1);
  expect(await mesh().get([one(), one(), one(), one()])).toEqual([1, 1, 1, 1]);
});

test("what is thrown arrives with its class, its data and its causes, also if it is no error", async () => {
  const fail = mesh().remote(function withCause() {
    const cause = Object.assign(new TypeError("inner"), { status: 503 });
    throw new Error("outer", { cause });
  });
  const { cause } = (await failure(mesh().get(fail()))) as { cause: Error };
  expect(cause.cause).toBeInstanceOf(TypeError);
  expect(cause.cause).toMatchObject({ message: "inner", status: 503 });
  expect((cause.cause as Error).stack).toContain("manta:withCause:2");

  const odd = mesh().remote(function oddly() {
    // oxlint-disable-next-line typescript/only-throw-error -- people do
    throw { a: 1 };
  });
  const error = await failure(mesh().get(odd()));
  expect(error.cause).toEqual({ a: 1 });
  expect(error.message).toContain('task "oddly" threw {"a":1}, which is no Error');
});

test("what depends on a failed task fails with the same error", async () => {
  const fail = mesh().remote((): number => {
    throw new Error("at the root");
  });
  const next = mesh().remote((x: number) => x + 1);
  const error = await failure(mesh().get(next(next(fail()))));
  expect(error.code).toBe("TASK_FAILED");
  expect((error.cause as Error).message).toBe("at the root");
  expect(error.message).toMatch(/^anonymous .* did not run, because what it depends on failed: /);
});

test("a result that cannot be copied is an error that names the place", async () => {
  const task = mesh().remote(() => ({ layers: [{ activation: () => 1 }] }));
  const error = await failure(mesh().get(task()));
  expect(error.code).toBe("NOT_ENCODABLE");
  expect(error.message).toContain("layers[0].activation");
});

test("an argument that cannot be copied is refused where it is given", () => {
  const task = mesh().remote((x: unknown) => x);
  expect(() => task({ socket: () => 1 })).toThrow(
    /argument 1 of task "anonymous \(x\) ?=> ?x", at \.socket: functions stay/,
  );
});

test("a task that never ends is stopped at its timeout, and its worker goes on", async () => {
  const spin = mesh().remote(
    () => {
      for (;;);
    },
    { timeoutMs: 200, name: "spin" },
  );
  const error = await failure(mesh().get(spin()));
  expect(error.code).toBe("TASK_TIMEOUT");
  expect(error.message).toContain("200");
  const one = mesh().remote(() => 1);
  expect(await mesh().get([one(), one(), one(), one()])).toEqual([1, 1, 1, 1]);
});

test("a captured variable is named before anything is sent", () => {
  const factor = 3;
  expect(() => mesh().remote((x: number) => x * factor)).toThrow(/factor/);
  try {
    mesh().remote((x: number) => x * factor);
  } catch (error) {
    expect(MeshError.is(error) && error.code).toBe("CAPTURED_VARIABLE");
  }
});

test("a disposed ref cannot be used, and says so", async () => {
  const ref = await mesh().put([1, 2, 3]);
  ref.dispose();
  expect((await failure(mesh().get(ref))).code).toBe("OBJECT_FREED");
  const echo = mesh().remote((x: number[]) => x);
  expect(() => echo(ref)).toThrow(/disposed/);
});

test("get with a timeout says what it waits for", async () => {
  const never = mesh().remote(() => new Promise<number>(() => {}), { name: "never" });
  using ref = never();
  const error = await failure(mesh().get(ref, { timeoutMs: 100 }));
  expect(error.code).toBe("TIMEOUT");
  expect(error.message).toContain("never");
  await mesh().cancel(ref);
});

test("a cancelled task stops and its ref says so", async () => {
  const never = mesh().remote(() => {
    for (;;);
  });
  const ref = never();
  await mesh().cancel(ref);
  expect((await failure(mesh().get(ref))).code).toBe("TASK_CANCELLED");
  const one = mesh().remote(() => 1);
  expect(await mesh().get([one(), one(), one()])).toEqual([1, 1, 1]);
});

test("demands that nobody can satisfy wait, explain why, and warn", async () => {
  const warned = new Promise<string>((resolve) => (mesh().onWarning = resolve));
  const hungry = mesh().remote(() => 1, { gpus: 5, name: "hungry" });
  using ref = hungry();
  const { text, state } = await mesh().explain(ref);
  expect(state).toBe("waiting");
  expect(text).toContain("hungry");
  expect(text).toContain("5 gpus");
  expect(text).toContain("node-1 has 0 gpus");
  expect(await warned).toContain("5 gpus");
  await mesh().cancel(ref);
});

test("options are checked, by name", () => {
  const fn = () => 1;
  expect(() => mesh().remote(fn, { cpus: -1 })).toThrow(/cpus/);
  expect(() => mesh().remote(fn, { retriesMax: 1.5 })).toThrow(/retriesMax/);
  expect(() => mesh().remote(fn, { timeoutMs: 0 })).toThrow(/timeoutMs/);
  // @ts-expect-error -- a misspelt option must not be ignored
  expect(() => mesh().remote(fn, { cpu: 1 })).toThrow(/no option cpu\. Did you mean cpus/);
});

test("labels choose the worker", async () => {
  for (const [i, name] of ["node-1", "node-2"].entries()) {
    const where = mesh().remote(processId, { labels: { runtime: "node", name } });
    const pids = await mesh().get(Array.from({ length: 8 }, () => where()));
    expect(new Set(pids)).toEqual(new Set([started.workerPids[i]]));
  }
});

test("labels that no worker has keep a task waiting, and explain why", async () => {
  mesh().onWarning = () => {};
  using ref = mesh().remote(() => 1, { labels: { name: "node-3" } })();
  const { state, text } = await mesh().explain(ref);
  expect(state).toBe("waiting");
  expect(text).toContain("node-3");
  await mesh().cancel(ref);
});

test("a module other than those provided is refused with advice", async () => {
  const task = mesh().remote(async () => {
    // @ts-expect-error -- there is no such package
    await import("left-pad");
  });
  const error = await failure(mesh().get(task()));
  expect(error.message).toContain("left-pad");
});

test("when all refs are gone the mesh is empty", async () => {
  await using own = await start({ workers: 1, cpus: 1 });
  const make = own.remote(() => new Float32Array(100_000));
  const echo = own.remote((x: unknown) => x);
  {
    using made = make();
    using put = await own.put(new Uint8Array(200_000));
    using box = echo({ inside: [made, put] });
    const { inside } = (await own.get(box)) as { inside: ObjectRef[] };
    expect(await own.get(inside[1]!)).toEqual(new Uint8Array(200_000));
    for (const ref of inside) ref.dispose();
  }
  for (;;) {
    const { objects } = await own.summary();
    if (objects === 0) break;
  }
  for (;;) {
    const { objectBytes } = await own.summary();
    if (objectBytes === 0) break;
  }
});
