import { expect, test } from "vitest";
import { start, startMesh, type MeshError } from "manta";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** Actors on real processes. */
const started = sharedMesh({ workers: 2, cpus: 1 });
const mesh = () => started.mesh;

class Counter {
  #count: number;

  constructor(from = 0) {
    this.#count = from;
  }

  add(k: number): number {
    this.#count += k;
    return this.#count;
  }

  async addLater(k: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return this.add(k);
  }

  fail(): void {
    throw new RangeError(`at ${this.#count}`);
  }

  large(): Float32Array {
    return new Float32Array(50_000).fill(this.#count);
  }
}

test("an actor keeps its state from call to call", async () => {
  const counter = mesh().actor(Counter).create(10);
  expect(await mesh().get(counter.add(2))).toBe(12);
  expect(await mesh().get(counter.add(3))).toBe(15);
});

test("calls of one caller run in order, one at a time, also asynchronous ones", async () => {
  const counter = mesh().actor(Counter).create();
  const refs = Array.from({ length: 200 }, (_, i) =>
    i % 10 === 0 ? counter.addLater(1) : counter.add(1),
  );
  expect(await mesh().get(refs)).toEqual(refs.map((_, i) => i + 1));
});

test("a method that throws fails its call, not the actor", async () => {
  const counter = mesh().actor(Counter).create(7);
  const error = await failure(mesh().get(counter.fail()));
  expect(error.code).toBe("TASK_FAILED");
  expect((error.cause as Error).name).toBe("RangeError");
  expect(await mesh().get(counter.add(1))).toBe(8);
});

test("a method that does not exist is undefined where it is called", () => {
  const counter = mesh().actor(Counter).create();
  expect("subtract" in counter).toBe(false);
});

test("refs as arguments, and results as arguments of tasks, both small and large", async () => {
  const counter = mesh().actor(Counter).create(1);
  const two = mesh().remote(() => 2);
  expect(await mesh().get(counter.add(two()))).toBe(3);

  const sum = mesh().remote((values: Float32Array) => values.reduce((a, b) => a + b, 0));
  expect(await mesh().get(sum(counter.large()))).toBe(150_000);
  const plusOne = mesh().remote((x: number) => x + 1);
  expect(await mesh().get(plusOne(counter.add(0)))).toBe(4);
});

test("many light actors live on one worker with one CPU", async () => {
  await using own = await start({ workers: 1, cpus: 1 });
  const Small = own.actor(Counter);
  const counters = Array.from({ length: 200 }, (_, i) => Small.create(i));
  expect(await own.get(counters.map((counter) => counter.add(1)))).toEqual(
    counters.map((_, i) => i + 1),
  );
  const living = (await own.peers()).map(({ name, actors }) => [name, actors]);
  expect(living).toContainEqual(["node-1", 200]);
  expect(await own.get(own.remote(() => "room for a task")())).toBe("room for a task");
});

test("a constructor that throws is what every call fails with", async () => {
  const Broken = mesh().actor(
    class Broken {
      constructor() {
        throw new Error("cannot be built");
      }
      work() {
        return 1;
      }
    },
  );
  const error = await failure(mesh().get(Broken.create().work()));
  expect(error.message).toContain("cannot be built");
  expect((error.cause as Error).message).toBe("cannot be built");
  expect((error.cause as Error).stack).toContain("manta:Broken");
});

test("a killed actor answers no more", async () => {
  const counter = mesh().actor(Counter).create();
  await mesh().get(counter.add(1));
  mesh().kill(counter);
  expect(() => counter.add((() => 1) as never)).toThrow(/argument 1 of Counter\.add\(\) of actor/);
  const died = async (): Promise<MeshError> => {
    for (;;) {
      try {
        await mesh().get(counter.add(1));
      } catch (error) {
        return error as MeshError;
      }
    }
  };
  expect((await died()).code).toBe("ACTOR_DIED");
});

test("kill refuses what is not an actor at once, and the driver goes on", async () => {
  using ref = await mesh().put(1);
  const wrong: readonly [unknown, RegExp][] = [
    [{}, /this is an object/],
    [5, /this is 5/],
    [null, /this is null/],
    [ref, /cancel\(\) gives up a task/],
  ];
  for (const [value, message] of wrong) {
    // More than the bad messages for which the coordinator drops a peer.
    for (let i = 0; i < 3; i++) expect(() => mesh().kill(value as never)).toThrow(message);
  }
  const one = mesh().remote(() => 1);
  expect(await mesh().get(one())).toBe(1);
});

test("an actor whose worker is killed -9 ends, and its callers hear why", async () => {
  const own = await startMesh({ workers: 1, cpus: 1 });
  const handle = own.mesh
    .actor(
      class Patient {
        ready() {
          return true;
        }
        wait() {
          return new Promise<void>(() => {});
        }
      },
    )
    .create();
  await own.mesh.get(handle.ready());
  const waiting = handle.wait();
  process.kill(own.workerPids[0]!, "SIGKILL");
  const error = await failure(own.mesh.get(waiting));
  expect(error.code).toBe("ACTOR_DIED");
  expect(error.message).toContain("node-1");
  await own.mesh.close();
});
