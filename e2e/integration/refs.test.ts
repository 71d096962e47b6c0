import { expect, test } from "vitest";
import { MeshError, connect, start, startMesh, type ObjectRef } from "manta";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** Who holds what, and for how long: refs that are let go of early, late, or not at all. */
const started = sharedMesh({ workers: 1, cpus: 1 });
const mesh = () => started.mesh;

class Keeper {
  async slow(): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return 7;
  }
  large(): Float32Array {
    return new Float32Array(50_000);
  }
  box(ref: unknown): unknown {
    return { ref };
  }
}

test("the result of a call may be passed on and let go of before it is there", async () => {
  const keeper = mesh().actor(Keeper).create();
  const plusOne = mesh().remote((x: number) => x + 1);
  const slow = keeper.slow();
  using sum = plusOne(slow);
  slow.dispose();
  expect(await mesh().get(sum)).toBe(8);
});

test("large results of calls that nobody wants any more are freed", async () => {
  await using own = await start({ workers: 1, cpus: 1 });
  const keeper = own.actor(Keeper).create();
  for (let i = 0; i < 10; i++) keeper.large().dispose();
  {
    using last = keeper.large();
    await own.get(last);
  }
  for (;;) {
    const { objects } = await own.summary();
    if (objects === 0) break;
  }
});

test("a ref inside a call's answer stays good as long as the answer is held", async () => {
  const own = await startMesh({ workers: 1, cpus: 1 });
  const keeper = own.mesh.actor(Keeper).create();
  const inner = await own.mesh.put([1, 2, 3]);
  using box = keeper.box({ inside: inner });
  await own.mesh.wait([box]);
  inner.dispose();
  // With the worker go its own refs, so that only the answer keeps the inner object.
  process.kill(own.workerPids[0]!, "SIGKILL");
  for (;;) {
    const { workers } = await own.mesh.summary();
    if (workers === 0) break;
  }
  const { ref } = (await own.mesh.get(box)) as { ref: { inside: ObjectRef<number[]> } };
  expect(await ref.inside.get()).toEqual([1, 2, 3]);
  await own.mesh.close();
});

test("explain tells what a call waits for", async () => {
  const keeper = mesh().actor(Keeper).create();
  using slow = keeper.slow();
  const { text, state } = await mesh().explain(slow);
  expect(state).toBe("running");
  expect(text).toContain("slow() of actor");
  expect(await mesh().get(slow)).toBe(7);
});

test("a deadline covers fetching, is checked, and may be very long", async () => {
  const one = mesh().remote(() => 1);
  using ref = one();
  expect(await mesh().get(ref, { timeoutMs: 30 * 24 * 3_600_000 })).toBe(1);
  for (const timeoutMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect((await failure(mesh().get(ref, { timeoutMs }))).code).toBe("INVALID_ARGUMENT");
  }
});

test("copies that a driver has read give way to newer ones", async () => {
  const small = await connect(started.url, {
    token: started.tokens.submit,
    storeBytesMax: 1_000_000,
  });
  const make = small.remote((bytes: number) => new Uint8Array(bytes));
  using first = make(600_000);
  using second = make(600_000);
  expect((await small.get(first)).length).toBe(600_000);
  expect((await small.get(second)).length).toBe(600_000);
  expect((await small.get(first)).length).toBe(600_000);
  await small.close();
});

test("after the connection ended, wait fails instead of waiting for nothing", async () => {
  const own = await connect(started.url, { token: started.tokens.submit });
  const never = own.remote(() => new Promise<void>(() => {}))();
  await own.close();
  const error = await failure(own.wait([never], { count: 1 }));
  expect(MeshError.is(error) && error.code).toBe("DISCONNECTED");
});

test("options that no message can carry are refused where they are given", async () => {
  const one = mesh().remote(() => 1, { cpus: 2_000, name: "greedy" });
  expect(() => one()).toThrow(/greedy.*cpuMilli/);
  const long = { ["x".repeat(100)]: "browser" };
  const labelled = mesh().remote(() => 1, { labels: long });
  expect(() => labelled()).toThrow(/labels/);
  using ref = mesh().remote(() => 1)();
  expect(await mesh().get(ref)).toBe(1);
});

test("a task with a thousand arguments by ref runs", async () => {
  const make = mesh().remote((i: number) => new Uint8Array(20_000).fill(i % 256));
  const parts = Array.from({ length: 1_000 }, (_, i) => make(i));
  const total = mesh().remote((...all: Uint8Array[]) => all.reduce((sum, a) => sum + a.length, 0));
  using sum = total(...parts);
  expect(await mesh().get(sum)).toBe(20_000_000);
});
