import type { ActorHandle } from "manta";
import { expect, test } from "vitest";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** Errors of user code that are tried again, with real workers. */
const started = sharedMesh({ workers: 1, cpus: 2 });
const mesh = () => started.mesh;

class Tries {
  #tries = 0;
  next(): number {
    return ++this.#tries;
  }
}

/** Fails until it is called for the `enough`th time. */
async function flaky(tries: ActorHandle<Tries>, enough: number): Promise<number> {
  const { connect } = await import("manta");
  const inner = await connect();
  const tried = await inner.get(tries.next());
  if (tried < enough) throw Object.assign(new Error(`try ${tried}`), { code: "EAGAIN" });
  return tried;
}

test.each([
  ["true", true],
  ["a code", "EAGAIN"],
  ["a function", (error: { code?: string }) => error.code === "EAGAIN"],
])("a task that throws is tried again if retryOn, %s, says so", async (_, retryOn) => {
  const tries = mesh().actor(Tries).create();
  const run = mesh().remote(flaky, { retryOn, retriesMax: 3 });
  expect(await mesh().get(run(tries, 3))).toBe(3);
});

test("when its retries are used up it fails with what it threw last, and how often it was tried", async () => {
  const tries = mesh().actor(Tries).create();
  const run = mesh().remote(flaky, { retryOn: true, retriesMax: 1 });
  const error = await failure(mesh().get(run(tries, 9)));
  expect(error.code).toBe("TASK_FAILED");
  expect(error.message).toMatch(/try 2; that was attempt 2 of 2/);
});

test("without retryOn, and for other errors, it is tried once", async () => {
  const tries = mesh().actor(Tries).create();
  await failure(mesh().get(mesh().remote(flaky)(tries, 9)));
  const other = mesh().remote(flaky, { retryOn: ["RangeError"] });
  await failure(mesh().get(other(tries, 9)));
  expect(await mesh().get(tries.next())).toBe(3);
});

test("a function that captures a variable is refused, by its name", () => {
  const limit = 3;
  expect(() =>
    mesh().remote(flaky, { retryOn: (error: { status: number }) => error.status > limit }),
  ).toThrow(/limit/);
  expect(() => mesh().remote(flaky, { retryOn: (async () => true) as never })).toThrow(/async/);
  expect(() => mesh().remote(flaky, { retryOn: 7 as never })).toThrow(/retryOn must be/);
});

test("a call of an actor is repeated in its place", async () => {
  class Door {
    #knocks = 0;
    knock(): number {
      if (++this.#knocks < 3) throw new Error("closed");
      return this.#knocks;
    }
    after(): string {
      return `after ${this.#knocks}`;
    }
  }
  const door = mesh().actor(Door).options({ retryOn: "Error" }).create();
  const knock = door.knock.options({ retriesMax: 5 })();
  expect(await mesh().get([knock, door.after()])).toEqual([3, "after 3"]);
});
