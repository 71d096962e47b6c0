import { expect, test } from "vitest";
import { type ActorHandle, type ObjectRef } from "manta";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** Work that is submitted by tasks and actors, on a mesh with one worker and one CPU. */
const started = sharedMesh({ workers: 1, cpus: 1 });
const mesh = () => started.mesh;

async function fib(n: number): Promise<number> {
  if (n < 2) return n;
  const { connect } = await import("manta");
  const inner = await connect();
  const remote = inner.remote(fib);
  const [a, b] = await inner.get([remote(n - 1), remote(n - 2)]);
  return a + b;
}

class Counter {
  count = 0;
  add(k: number): number {
    return (this.count += k);
  }
}

class Boss {
  async squares(values: number[]): Promise<number[]> {
    const { connect } = await import("manta");
    const inner = await connect();
    const square = inner.remote((x: number) => x * x);
    return inner.get(values.map((x) => square(x)));
  }
}

test("a recursion of tasks on one CPU ends, because a task that waits lends its CPU", async () => {
  using result = mesh().remote(fib)(9);
  expect(await mesh().get(result, { timeoutMs: 30_000 })).toBe(34);
});

test("a task uses the whole API: put, wait, actors, calls, explain", async () => {
  const tour = mesh().remote(async (Class: string) => {
    const { connect, ObjectRef: Ref, MeshError } = await import("manta");
    const inner = await connect();
    const big = await inner.put(new Float64Array(20_000).fill(2));
    const small = await inner.put({ a: 1 });
    const sum = inner.remote((all: Float64Array) => all.reduce((x, y) => x + y, 0))(big);
    const { ready } = await inner.wait([sum], { count: 1 });
    const counter = inner
      .actor(
        class {
          count = 0;
          add(k: number) {
            return (this.count += k);
          }
        },
      )
      .create();
    const first = counter.add(2);
    const { state } = await inner.explain(sum);
    const failed = await inner
      .remote(() => {
        throw new RangeError("no");
      })()
      .get()
      .catch((error: unknown) => (MeshError.is(error) ? error.code : String(error)));
    let captured = "";
    try {
      inner.remote(() => Class.length);
    } catch (error) {
      captured = (error as { code: string }).code;
    }
    const values = {
      sum: await sum.get(),
      small: await inner.get(small),
      ready: ready.length,
      isRef: big instanceof Ref,
      count: await counter.add(await first.get()).get(),
      state,
      failed,
      captured,
    };
    inner.kill(counter);
    return values;
  });
  using result = tour("x");
  expect(await mesh().get(result)).toEqual({
    sum: 40_000,
    small: { a: 1 },
    ready: 1,
    isRef: true,
    count: 4,
    state: "done",
    failed: "TASK_FAILED",
    captured: "CAPTURED_VARIABLE",
  });
});

test("an actor submits tasks", async () => {
  const boss = mesh().actor(Boss).create();
  using squares = boss.squares([1, 2, 3]);
  expect(await mesh().get(squares)).toEqual([1, 4, 9]);
  mesh().kill(boss);
});

test("a task calls an actor whose handle it was given", async () => {
  const counter = mesh().actor(Counter).create();
  const addTwice = mesh().remote(async ({ actor }: { actor: ActorHandle<Counter> }) => {
    await actor.add(1).get();
    return actor.add(2).get();
  });
  using result = addTwice({ actor: counter });
  expect(await mesh().get(result)).toBe(3);
  mesh().kill(counter);
});

test("refs that a task returns outlive it, values big and small, made by tasks and by calls", async () => {
  const make = mesh().remote(async () => {
    const { connect } = await import("manta");
    const inner = await connect();
    const big = inner.remote(() => new Uint8Array(100_000).fill(7));
    const counter = inner
      .actor(
        class {
          get(): string {
            return "from an actor";
          }
        },
      )
      .create();
    return { big: big(), put: await inner.put(new Uint8Array(100_000)), call: counter.get() };
  });
  using made = make();
  const refs = (await mesh().get(made)) as unknown as {
    big: ObjectRef<Uint8Array>;
    put: ObjectRef<Uint8Array>;
    call: ObjectRef<string>;
  };
  expect((await refs.big.get())[99_999]).toBe(7);
  expect((await refs.put.get()).length).toBe(100_000);
  expect(await refs.call.get()).toBe("from an actor");
  for (const ref of Object.values(refs)) ref.dispose();
});

test("what a task made and did not return is freed when it ends; so is all else", async () => {
  const wasteful = mesh().remote(async () => {
    const { connect } = await import("manta");
    const inner = await connect();
    await inner.put(new Uint8Array(100_000));
    const forgotten = inner.remote(() => new Uint8Array(100_000));
    forgotten();
    return (await forgotten().get()).length;
  });
  {
    using result = wasteful();
    expect(await mesh().get(result)).toBe(100_000);
  }
  for (;;) {
    const { objects } = await mesh().summary();
    if (objects === 0) break;
  }
});

class Log {
  text = "";
  hear(text: string): void {
    this.text = text;
  }
  tell(): string {
    return this.text;
  }
}

test("a task that has ended cannot submit any more, and is told", async () => {
  const log = mesh().actor(Log).create();
  const leave = mesh().remote(async ({ to }: { to: ActorHandle<Log> }) => {
    const { connect } = await import("manta");
    const inner = await connect();
    const one = inner.remote(() => 1);
    setTimeout(() => {
      try {
        one();
      } catch (error) {
        to.hear(String(error));
      }
    }, 50);
  });
  using left = leave({ to: log });
  await mesh().get(left);
  await expect.poll(() => log.tell().get()).toContain("has ended");
  mesh().kill(log);
});

test("options that no message can carry fail the nested task, not its executor", async () => {
  const wrong = mesh().remote(async () => {
    const { connect } = await import("manta");
    const inner = await connect();
    return inner
      .remote(() => 1, { labels: { ["x".repeat(100)]: "browser" } })()
      .get();
  });
  using result = wrong();
  const error = await failure(mesh().get(result));
  expect(error.message).toContain("INVALID_ARGUMENT");
  expect(error.message).toContain("labels");
});
