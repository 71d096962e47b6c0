import { expect, test } from "vitest";
import { ActorPool, Queue } from "manta";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** What is built on actors with the public API alone. */
const started = sharedMesh({ workers: 1, cpus: 1 });
const mesh = () => started.mesh;

class Slow {
  async echo(value: number, ms: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return value;
  }
}

const poolOf = (size: number) =>
  new ActorPool(
    mesh(),
    Array.from({ length: size }, () => mesh().actor(Slow).create()),
  );

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const result of results) seen.push(result);
  return seen;
}

test("a pool maps values over its actors, in order or as they come", async () => {
  const pool = poolOf(2);
  const delays = [80, 5, 5, 5];
  const call = (actor: ReturnType<typeof pool.popIdle> & object, at: number) =>
    actor.echo(at, delays[at]!);
  expect(await all(pool.map(call, [0, 1, 2, 3]))).toEqual([0, 1, 2, 3]);
  const unordered = await all(pool.mapUnordered(call, [0, 1, 2, 3]));
  expect(unordered.at(-1)).toBe(0);
  expect(unordered.toSorted()).toEqual([0, 1, 2, 3]);
});

test("a pool gives an actor one call at a time, and takes and gives actors", async () => {
  const pool = poolOf(1);
  pool.submit((actor, value) => actor.echo(value, 30), 1);
  pool.submit((actor, value) => actor.echo(value, 1), 2);
  expect(pool.hasFree()).toBe(false);
  expect(pool.popIdle()).toBeUndefined();
  expect((await failure(pool.getNext({ timeoutMs: 1 }))).code).toBe("TIMEOUT");
  expect(await pool.getNext()).toBe(1);
  expect(await pool.getNextUnordered()).toBe(2);
  expect(pool.hasNext()).toBe(false);
  expect((await failure(pool.getNext())).code).toBe("NOT_FOUND");
  pool.push(mesh().actor(Slow).create());
  expect(pool.hasFree()).toBe(true);
});

test("a queue holds its items in order, waits for items and for room", async () => {
  const queue = new Queue<string>(mesh(), { maxSize: 2 });
  const early = queue.get();
  await queue.put("a");
  expect(await early).toBe("a");
  await queue.put("b");
  await queue.put("c");
  expect((await failure(queue.put("d", { timeoutMs: 10 }))).code).toBe("TIMEOUT");
  const late = queue.put("d");
  expect(await queue.get()).toBe("b");
  await late;
  expect(await queue.size()).toBe(2);
  expect((await failure(queue.putNowait("e"))).code).toBe("QUEUE_FULL");
  expect(await queue.getNowaitBatch(5)).toEqual(["c", "d"]);
  expect((await failure(queue.getNowait())).code).toBe("QUEUE_EMPTY");
  expect((await failure(queue.get({ timeoutMs: 10 }))).code).toBe("TIMEOUT");
});

test("a named queue is found by others, and ends when it is shut down", async () => {
  const queue = new Queue<number>(mesh(), { actor: { name: "work" } });
  await queue.putNowaitBatch([1, 2]);
  const same = Queue.of<number>(mesh(), await mesh().getActor("work"));
  expect(await same.getNowait()).toBe(1);
  queue.shutdown();
  expect((await failure(same.size())).code).toBe("ACTOR_DIED");
});
