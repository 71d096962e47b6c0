import { expect, test } from "vitest";
import type { ActorId, JobId, ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import { LEASE_MS_MAX, WARN_AFTER_MS } from "./step.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";

const ran = (worker: string, task: string, attempt = 0) => ({ type: "run", worker, task, attempt });

function oneTask(options = {}): TestScheduler {
  const scheduler = new TestScheduler();
  scheduler.define("f", options);
  scheduler.join("w1");
  scheduler.submit("t", "f");
  return scheduler;
}

test("a task runs, its result is accepted, and nothing of it is left", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  expect(scheduler.submit("t", "f")).toEqual([]);
  expect(scheduler.join("w1")).toEqual([ran("w1", "t")]);
  expect(scheduler.done("w1", "t")).toEqual([
    { type: "accept-result", task: "t", worker: "w1", name: "f", attempts: 1, submittedMs: 0 },
  ]);
  expect(scheduler.state.tasks.size).toBe(0);
  expect(scheduler.state.workers.get("w1" as PeerId)?.used.cpuMilli).toBe(0);
});

test("a task submitted twice runs once", () => {
  const scheduler = oneTask();
  expect(scheduler.submit("t", "f")).toEqual([]);
});

test("when its worker leaves, a task runs elsewhere", () => {
  const scheduler = oneTask();
  scheduler.join("w2");
  expect(scheduler.leave("w1")).toEqual([ran("w2", "t", 1)]);
});

test("a task that lost every worker fails, and says how often and why", () => {
  const scheduler = oneTask({ retriesMax: 1 });
  scheduler.leave("w1");
  scheduler.join("w2");
  const [failure] = scheduler.leave("w2");
  expect(failure).toMatchObject({
    type: "fail-task",
    task: "t",
    attempts: 2,
    error: { code: "RETRIES_EXHAUSTED" },
  });
  expect(JSON.stringify(failure)).toContain("2 of 2 times");
  expect(JSON.stringify(failure)).toContain("worker w1 left: it crashed");
});

test("with retries without end it is tried again as often as it is lost", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f", { retriesMax: Number.POSITIVE_INFINITY });
  scheduler.submit("t", "f");
  for (let attempt = 0; attempt < 50; attempt++) {
    expect(runsIn(scheduler.join(`w${attempt}`))).toEqual([`t on w${attempt}`]);
    scheduler.leave(`w${attempt}`);
  }
});

test("a silent worker is dropped and its task moves on", () => {
  const scheduler = oneTask();
  scheduler.nowMs = 16_000;
  scheduler.join("w2");
  expect(scheduler.tick(16_001)).toEqual([
    { type: "drop-worker", worker: "w1", why: "it was silent for 16 s" },
    ran("w2", "t", 1),
  ]);
});

test("a worker that beats is kept", () => {
  const scheduler = oneTask();
  scheduler.nowMs = 10_000;
  scheduler.beat("w1", ["t", 0]);
  expect(scheduler.tick(20_000)).toEqual([]);
});

test("a task that its living worker does not mention is launched again", () => {
  const scheduler = oneTask();
  for (; scheduler.nowMs < LEASE_MS_MAX; scheduler.nowMs += 10_000) scheduler.beat("w1");
  expect(scheduler.tick(LEASE_MS_MAX)).toEqual([]);
  expect(scheduler.tick(LEASE_MS_MAX + 1)).toEqual([ran("w1", "t", 1)]);
});

test("a heartbeat that names a task renews its lease, one that names another attempt does not", () => {
  const scheduler = oneTask();
  const beatUntil = (atMs: number, attempt: number) => {
    for (; scheduler.nowMs <= atMs; scheduler.nowMs += 10_000) {
      scheduler.beat("w1", ["t", attempt]);
    }
  };
  beatUntil(100_000, 0);
  expect(scheduler.tick(101_000)).toEqual([]);
  beatUntil(200_000, 1);
  expect(scheduler.tick(201_000)).toEqual([ran("w1", "t", 1)]);
});

test("[S9] a late answer from a given-up attempt is ignored", () => {
  const scheduler = oneTask();
  scheduler.join("w2");
  scheduler.leave("w1");
  expect(scheduler.done("w1", "t", 0)).toEqual([]);
  expect(scheduler.done("w2", "t", 0)).toEqual([]);
  expect(scheduler.task("t")?.state).toBe("running");
  expect(scheduler.done("w2", "t", 1)).toMatchObject([{ type: "accept-result", attempts: 2 }]);
});

test("what the user's code throws is not retried; a crash of its executor is", () => {
  const fail = (code: "TASK_FAILED" | "WORKER_LOST") =>
    oneTask().feed({
      type: "task-failed",
      worker: "w1" as PeerId,
      task: "t" as TaskId,
      attempt: 0,
      error: { code, message: "boom" },
    });
  expect(fail("TASK_FAILED")).toMatchObject([{ type: "fail-task", error: { message: "boom" } }]);
  expect(fail("WORKER_LOST")).toEqual([ran("w1", "t", 1)]);
});

test("a worker that joins twice keeps its tasks", () => {
  const scheduler = oneTask();
  expect(scheduler.join("w1")).toEqual([]);
  expect(scheduler.state.workers.get("w1" as PeerId)?.assigned.size).toBe(1);
});

test("a task waits for all its arguments, also if one is named twice", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  scheduler.join("w1");
  expect(scheduler.submit("t", "f", ["a", "b", "a"])).toEqual([]);
  const make = (object: string) =>
    scheduler.feed({ type: "object-available", object: object as ObjectId });
  expect(make("a")).toEqual([]);
  expect(make("b")).toEqual([ran("w1", "t")]);
});

test("an argument that failed fails the tasks that wait for it", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  scheduler.submit("t", "f", ["a", "b"]);
  const error = { code: "TASK_FAILED", message: "a threw" } as const;
  const effects = scheduler.feed({ type: "object-failed", object: "a" as ObjectId, error });
  const message = "f (t) did not run, because what it depends on failed: a threw";
  expect(effects).toEqual([
    {
      type: "fail-task",
      task: "t",
      error: { ...error, message },
      name: "f",
      attempts: 1,
      submittedMs: 0,
    },
  ]);
  expect(scheduler.state.dependents.size).toBe(0);
});

test("a cancelled task fails whatever its state; one that runs is stopped", () => {
  const scheduler = oneTask();
  scheduler.submit("queued", "f");
  scheduler.submit("waiting", "f", ["a"]);
  const failed = (task: string) => ({
    type: "fail-task",
    task,
    name: "f",
    attempts: 1,
    submittedMs: 0,
    error: { code: "TASK_CANCELLED", message: `f (${task}) was cancelled: its driver did` },
  });
  expect(scheduler.cancel("waiting")).toEqual([failed("waiting")]);
  expect(scheduler.cancel("queued")).toEqual([failed("queued")]);
  const run = { worker: "w1", task: "t", attempt: 0 };
  const stop = { type: "cancel-run", ...run, isGraceful: true };
  expect(scheduler.cancel("t")).toEqual([stop, failed("t")]);
  expect(scheduler.cancel("t")).toEqual([]);
});

test("when a job ends, all it had is cancelled and its classes are forgotten", () => {
  const scheduler = oneTask();
  scheduler.define("g", { job: "other" as JobId });
  scheduler.submit("kept", "g");
  scheduler.submit("queued", "f");
  const effects = scheduler.feed({ type: "job-ended", job: "d" as JobId });
  expect(effects.map(({ type }) => type)).toEqual(["cancel-run", "fail-task", "fail-task", "run"]);
  expect([...scheduler.state.classes.keys()]).toEqual(["g"]);
  expect([...scheduler.state.jobs.keys()]).toEqual(["other"]);
});

function oneActor(): TestScheduler {
  const scheduler = new TestScheduler();
  scheduler.define("A", { isActor: true });
  scheduler.join("w1");
  scheduler.submit("a", "A");
  scheduler.done("w1", "a");
  return scheduler;
}

test("an actor that lives keeps its room and needs no lease", () => {
  const scheduler = oneActor();
  scheduler.define("f");
  scheduler.beat("w1");
  expect(scheduler.submit("t", "f")).toEqual([]);
  for (; scheduler.nowMs < 200_000; scheduler.nowMs += 10_000) scheduler.beat("w1");
  expect(scheduler.tick(200_000)).toEqual([]);
  expect(scheduler.task("a")?.state).toBe("alive");
});

test("an actor that is not wanted any more is stopped, and gives its room back", () => {
  const scheduler = oneActor();
  scheduler.define("f");
  scheduler.submit("t", "f");
  const actor = "a" as ActorId;
  const effects = scheduler.feed({ type: "actor-unwanted", actor, why: "its driver ended it" });
  const message = "actor A (a) was ended: its driver ended it";
  expect(effects).toMatchObject([
    { type: "stop-actor", worker: "w1", actor },
    { type: "actor-died", actor, how: "cancelled", error: { code: "ACTOR_DIED", message } },
    ran("w1", "t"),
  ]);
});

test("an actor that ended by itself is believed only if its own worker says so", () => {
  const scheduler = oneActor();
  const error = { code: "ACTOR_DIED", message: "it crashed" } as const;
  const end = (worker: string) =>
    scheduler.feed({
      type: "actor-ended",
      worker: worker as PeerId,
      actor: "a" as ActorId,
      error,
    });
  expect(end("w2")).toEqual([]);
  const message = expect.stringContaining("ended because it crashed; create it again");
  expect(end("w1")).toMatchObject([{ type: "actor-died", actor: "a", error: { message } }]);
});

test("an actor dies with its worker; one under construction is constructed elsewhere", () => {
  const scheduler = oneActor();
  scheduler.join("w2");
  scheduler.submit("b", "A");
  expect(scheduler.leave("w1")).toMatchObject([{ type: "actor-died", actor: "a" }]);
  scheduler.join("w3");
  expect(scheduler.leave("w2")).toEqual([ran("w3", "b", 1)]);
});

test("the driver is warned of tasks that nobody can run, once, and again after that changed", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f", { demands: cpus(8) });
  scheduler.join("w1", cpus(4));
  scheduler.submit("t", "f");
  const tickAt = (atMs: number) => {
    scheduler.nowMs = atMs;
    scheduler.beat("w1");
    return scheduler.tick(atMs);
  };
  expect(tickAt(1_000)).toEqual([]);
  expect(tickAt(WARN_AFTER_MS)).toEqual([]);
  const [warning, ...more] = tickAt(1_000 + WARN_AFTER_MS);
  expect(more).toEqual([]);
  expect(warning).toMatchObject({ type: "warn", job: "d", task: "t" });
  expect(JSON.stringify(warning)).toContain("it needs 8 cpus, but worker w1 has 4 cpus");
  expect(tickAt(10_000)).toEqual([]);

  scheduler.cancel("t");
  scheduler.submit("u", "f");
  tickAt(11_000);
  expect(tickAt(16_000)).toMatchObject([{ type: "warn", task: "u" }]);
  expect(runsIn(scheduler.join("w2", cpus(8)))).toEqual(["u on w2"]);
});

test("a clock that jumps ahead drops workers, and loses nothing", () => {
  const scheduler = oneTask();
  expect(scheduler.tick(3_600_000)).toMatchObject([{ type: "drop-worker", worker: "w1" }]);
  expect(scheduler.join("w2")).toEqual([ran("w2", "t", 1)]);
});
