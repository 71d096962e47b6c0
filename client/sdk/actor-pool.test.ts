import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Mesh } from "../../shared/driver/mesh.ts";
import type { ObjectRef } from "../../shared/driver/object-ref.ts";
import { MeshError } from "../../shared/errors.ts";
import { ActorPool } from "./actor-pool.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A pool of one actor whose calls end when the test says so. */
class Stage {
  readonly #ends = new Map<number, () => void>();
  readonly #results = new Map<ObjectRef, Promise<number>>();
  readonly pool: ActorPool<object>;

  constructor(...values: number[]) {
    const mesh = {
      wait: ([ref]: ObjectRef[]) => this.#results.get(ref!),
      get: (ref: ObjectRef, { timeoutMs }: { timeoutMs?: number }) =>
        Promise.race([this.#results.get(ref), ...(timeoutMs ? [late(timeoutMs)] : [])]),
    };
    this.pool = new ActorPool(mesh as unknown as Mesh, [{}]);
    for (const value of values) this.pool.submit((_, one) => this.#call(one), value);
  }

  async end(value: number): Promise<void> {
    this.#ends.get(value)!();
    await vi.advanceTimersByTimeAsync(0);
  }

  #call(value: number): ObjectRef<number> {
    const ref = {} as ObjectRef<number>;
    this.#results.set(ref, new Promise((resolve) => this.#ends.set(value, () => resolve(value))));
    return ref;
  }
}

const late = (timeoutMs: number): Promise<never> =>
  new Promise((_, reject) => {
    setTimeout(() => reject(new MeshError("TIMEOUT", "too late")), timeoutMs);
  });

test.each(["getNext", "getNextUnordered"] as const)(
  "two callers of %s at a time get two results, and a third is told that there is none",
  async (next) => {
    const { pool, end } = bound(new Stage(1, 2));
    const results = Promise.allSettled([pool[next](), pool[next](), pool[next]()]);
    await end(1);
    await end(2);
    expect(await results).toMatchObject([
      { value: 1 },
      { value: 2 },
      { reason: { code: "NOT_FOUND" } },
    ]);
  },
);

test("a deadline holds however many other calls end before; the result can be asked for again", async () => {
  const { pool, end } = bound(new Stage(1, 2, 3, 4));
  const first = pool.getNext();
  const second = pool.getNext();
  const third = pool.getNext({ timeoutMs: 100 }).catch((error: MeshError) => error.code);
  await vi.advanceTimersByTimeAsync(60);
  await end(1);
  await vi.advanceTimersByTimeAsync(60);
  expect(await Promise.race([third, Promise.resolve("still waits")])).toBe("TIMEOUT");
  for (const value of [2, 3, 4]) await end(value);
  expect([await first, await second]).toEqual([1, 2]);
  expect([await pool.getNext(), await pool.getNextUnordered()]).toEqual([3, 4]);
  expect(pool.hasNext()).toBe(false);
});

const bound = (stage: Stage) => ({
  pool: stage.pool,
  end: (value: number) => stage.end(value),
});
