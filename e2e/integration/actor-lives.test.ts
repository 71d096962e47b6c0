import { expect, test } from "vitest";
import { connect, startMesh, type StartedMesh } from "manta";
import { failure } from "./failure.ts";

/** Actors on real processes that are lost, move, have names and outlive their driver. */

class Counter {
  count = 0;

  add(k: number): number {
    return (this.count += k);
  }

  wait(): Promise<void> {
    return new Promise(() => {});
  }

  checkpoint(): number {
    return this.count;
  }

  restore(count: number): void {
    this.count = count;
  }
}

/** The same without a memory. */
class Forgetful {
  count = 0;
  add(k: number): number {
    return (this.count += k);
  }
  wait(): Promise<void> {
    return new Promise(() => {});
  }
}

/** The process of the worker that an actor of this class lives on. */
async function homeOf({ mesh, workerPids }: StartedMesh, className: string): Promise<number> {
  const row = (await mesh.listActors()).find((actor) => actor.className === className);
  return workerPids[Number(row!.worker!.replace("node-", "")) - 1]!;
}

test("an actor whose worker is killed -9 lives again elsewhere, and its callers move over", async () => {
  const started = await startMesh({ workers: 2, cpus: 1 });
  const { mesh } = started;
  const counter = mesh.actor(Forgetful).options({ restartsMax: 1 }).create();
  expect(await mesh.get(counter.add(5))).toBe(5);
  const lost = counter.wait();
  const retried = counter.add.options({ retriesMax: 1 })(1);
  process.kill(await homeOf(started, "Forgetful"), "SIGKILL");
  const error = await failure(mesh.get(lost));
  expect(error.code).toBe("ACTOR_UNAVAILABLE");
  expect(await mesh.get(retried), "its constructor has run again").toBe(1);
  const [row] = await mesh.listActors();
  expect(row).toMatchObject({ className: "Forgetful", state: "alive", restarts: 1 });
  process.kill(await homeOf(started, "Forgetful"), "SIGKILL");
  const final = await failure(mesh.get(counter.add(1)));
  expect(final.code).toBe("ACTOR_DIED");
  expect(final.message).toContain("after 1 of 1 restarts");
  await mesh.close();
});

test("an actor is restored from its last checkpoint", async () => {
  const started = await startMesh({ workers: 2, cpus: 1 });
  const { mesh } = started;
  const Kept = mesh.actor(Counter).options({ restartsMax: Infinity, checkpointEvery: 1 });
  const counter = Kept.create();
  for (const k of [1, 2, 3]) await mesh.get(counter.add(k));
  // On request: its state is kept when this has been answered.
  expect(await mesh.get(counter.checkpoint())).toBe(6);
  process.kill(await homeOf(started, "Counter"), "SIGKILL");
  expect(await mesh.get(counter.add.options({ retriesMax: -1 })(1))).toBe(7);
  await mesh.close();
});

test("an actor moves with its state when its worker leaves in order, though it has no restarts", async () => {
  const started = await startMesh({ workers: 2, cpus: 1 });
  const { mesh } = started;
  const counter = mesh.actor(Counter).create();
  await mesh.get(counter.add(41));
  const before = await homeOf(started, "Counter");
  process.kill(before, "SIGTERM");
  const answers = [];
  while ((await homeOf(started, "Counter")) === before) {
    answers.push(await mesh.get(counter.add(0)));
  }
  answers.push(await mesh.get(counter.add(1)));
  expect(new Set(answers.slice(0, -1))).toEqual(new Set(answers.length > 1 ? [41] : []));
  expect(answers.at(-1)).toBe(42);
  expect((await mesh.listActors())[0]).toMatchObject({ restarts: 0 });
  await mesh.close();
});

test("a detached actor outlives its driver and is found by its name, until it is killed", async () => {
  const { mesh, url, tokens } = await startMesh({ workers: 1, cpus: 1 });
  const first = await connect(url, { token: tokens.submit });
  const Kept = first.actor(Counter).options({ name: "count", lifetime: "detached" });
  await first.get(Kept.create().add(1));
  await first.close();

  const found = await mesh.getActor<Counter>("count");
  expect(await mesh.get(found.add(1))).toBe(2);
  const Again = mesh.actor(Counter).options({ name: "count" });
  const taken = await failure(mesh.get(Again.create().add(1)));
  expect(taken.code).toBe("NAME_TAKEN");
  const same = Again.options({ getIfExists: true }).create();
  expect(await mesh.get(same.add(1))).toBe(3);
  expect(await mesh.listActors()).toMatchObject([
    { name: "count", namespace: "default", isDetached: true, state: "alive", worker: "node-1" },
  ]);

  mesh.kill(found);
  const gone = await failure(mesh.getActor("count"));
  expect(gone.code).toBe("NOT_FOUND");
  expect((await failure(mesh.get(found.add(1)))).code).toBe("ACTOR_DIED");
  await mesh.close();
});

test("a name of a job's actor is free when its driver has left", async () => {
  const { mesh, url, tokens } = await startMesh({ workers: 1, cpus: 1 });
  const first = await connect(url, { token: tokens.submit });
  const named = { name: "mine", namespace: "team" };
  await first.get(first.actor(Counter).options(named).create().add(1));
  await mesh.getActor("mine", { namespace: "team" });
  await first.close();
  await expect
    .poll(async () => (await mesh.listActors()).length, { interval: 20, timeout: 20_000 })
    .toBe(0);
  expect(await mesh.get(mesh.actor(Counter).options(named).create().add(4))).toBe(4);
  await mesh.close();
});

test("kill with restart ends one life: the next begins anew", async () => {
  const { mesh } = await startMesh({ workers: 1, cpus: 1 });
  const counter = mesh.actor(Forgetful).options({ restartsMax: 1, retriesMax: -1 }).create();
  await mesh.get(counter.add(5));
  mesh.kill(counter, { restart: true });
  await expect
    .poll(async () => (await mesh.listActors())[0], { interval: 20, timeout: 20_000 })
    .toMatchObject({ restarts: 1, state: "alive" });
  expect(await mesh.get(counter.add(1))).toBe(1);
  mesh.kill(counter, { restart: true });
  expect((await failure(mesh.get(counter.add(1)))).code).toBe("ACTOR_DIED");
  await mesh.close();
});

test("calls of one group await side by side, another group has its own limit", async () => {
  const { mesh } = await startMesh({ workers: 1, cpus: 1 });
  const Meter = mesh
    .actor(
      class Meter {
        static methods = { read: { concurrencyGroup: "io" } };
        now = 0;
        most = 0;
        async read() {
          this.most = Math.max(this.most, ++this.now);
          await new Promise((resolve) => setTimeout(resolve, 20));
          this.now -= 1;
          return this.most;
        }
        peek() {
          return this.now;
        }
      },
    )
    .options({ concurrencyGroups: { io: 3 } });
  const meter = Meter.create();
  const reads = Array.from({ length: 9 }, () => meter.read());
  expect(await mesh.get(meter.peek()), "the default group does not wait").toBeLessThanOrEqual(3);
  const seen = await mesh.get(reads);
  expect(Math.max(...seen)).toBe(3);
  await mesh.close();
});

test("an actor ends itself, with its own last word, and is not restarted", async () => {
  const { mesh } = await startMesh({ workers: 1, cpus: 1 });
  const log = mesh.actor(Forgetful).create();
  const leaver = mesh
    .actor(
      class Leaver {
        log: typeof log;
        constructor(given: { log: typeof log }) {
          this.log = given.log;
        }
        async stop() {
          const { exitActor } = await import("manta");
          exitActor(this);
          return "bye";
        }
        async dispose() {
          const { connect: connectInside } = await import("manta");
          await (await connectInside()).get(this.log.add(1));
        }
      },
    )
    .options({ restartsMax: 5 })
    .create({ log });
  expect(await mesh.get(leaver.stop())).toBe("bye");
  await expect.poll(() => mesh.get(log.add(0)), { interval: 20, timeout: 20_000 }).toBe(1);
  expect((await failure(mesh.get(leaver.stop()))).code).toBe("ACTOR_DIED");
  await mesh.close();
});

test("what a call waits for is told, with the restarts of its actor", async () => {
  const { mesh } = await startMesh({ workers: 1, cpus: 1 });
  const counter = mesh.actor(Forgetful).options({ restartsMax: 3 }).create();
  await mesh.get(counter.add(1));
  const waiting = counter.wait();
  const { text } = await mesh.explain(waiting);
  expect(text).toMatch(
    /wait\(\) of actor .* has not answered.*lives on node-1, restarted 0 of 3 times/,
  );
  await mesh.close();
});
