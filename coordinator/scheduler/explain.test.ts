import { describe, expect, test } from "vitest";
import type { GroupId, JobId, ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import { explainTask } from "./explain.ts";
import { cpus, TestScheduler } from "./test-scheduler.ts";

const explained = (scheduler: TestScheduler, task: string) =>
  explainTask(scheduler.state, scheduler.task(task)!, { atMs: scheduler.nowMs });

describe("a task is explained in words and as data:", () => {
  test("it waits for objects; which, and who makes them", () => {
    const scheduler = new TestScheduler();
    scheduler.define("make");
    scheduler.define("use");
    scheduler.submit("a", "make");
    scheduler.submit("t", "use", ["a", "b", "c", "d", "e", "f", "g"]);
    const { text, reason } = explained(scheduler, "t");
    expect(text).toBe("use (t) waits for a made by make (ready), b, c, d, e and 2 more");
    expect(reason).toMatchObject({
      code: "waits-for-objects",
      objects: [
        { object: "a", madeBy: { task: "a", name: "make", state: "ready" } },
        { object: "b" },
        { object: "c" },
        { object: "d" },
        { object: "e" },
      ],
      total: 7,
    });
  });

  test("no worker is connected", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f", { demands: { ...cpus(2), gpuMilli: 1_000 } });
    scheduler.submit("t", "f");
    const { text, reason } = explained(scheduler, "t");
    expect(text).toContain("no worker is connected, and it needs 2 cpus, 1 gpus");
    expect(reason).toEqual({ code: "no-worker", wanted: "2 cpus, 1 gpus" });
  });

  test("no worker matches; those that come nearest are told first, with all that they lack", () => {
    const scheduler = new TestScheduler();
    const demands = { ...cpus(2), gpuMilli: 1_000, custom: { lab: 1_000 } };
    scheduler.define("f", { demands });
    scheduler.submit("t", "f");
    scheduler.join("a", cpus(1));
    scheduler.join("b", cpus(2));
    scheduler.join("c", { ...cpus(2), gpuMilli: 1_000 });
    const { text, reason } = explained(scheduler, "t");
    expect(text).toBe(
      "f (t): no worker can run it: it needs 2 cpus, 1 gpus, 1 of lab, but " +
        "worker c has 0 of lab, worker b has 0 gpus and has 0 of lab, " +
        "worker a has 1 cpus and has 0 gpus and has 0 of lab; " +
        "ask for less or connect a worker that has it",
    );
    expect(reason).toMatchObject({
      code: "no-worker-matches",
      workers: 3,
      nearest: [{ worker: "worker c", lacks: ["has 0 of lab"], isOnlyLabels: false }, {}, {}],
    });
  });

  test("workers have the resources, but not the labels", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f", { demands: cpus(2), labels: { runtime: "browser" } });
    scheduler.submit("t", "f");
    scheduler.join("small", cpus(1), { runtime: "node" });
    scheduler.join("node", cpus(2), { runtime: "node" });
    expect(explained(scheduler, "t").reason).toMatchObject({
      code: "label-mismatch",
      nearest: [
        { worker: "worker node", lacks: ["has runtime = node"], isOnlyLabels: true },
        { worker: "worker small", isOnlyLabels: false },
      ],
    });
  });

  test("all workers are busy; until when is told once a task of the class has ended", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f");
    scheduler.join("w1");
    for (const task of ["t1", "t2", "t3", "t4"]) scheduler.submit(task, "f");
    expect(explained(scheduler, "t3")).toMatchObject({
      text: "f (t3) is ready; the 1 worker(s) that can run it are busy, 3 task(s) of its kind wait, 1 of them before it, and a task of its kind has not ended yet",
      reason: { code: "all-busy", workers: 1, standingBy: 0, queued: 3, before: 1 },
    });
    scheduler.nowMs = 2_000;
    scheduler.done("w1", "t1", 0, 2_000);
    scheduler.nowMs = 2_500;
    const { reason, text } = explained(scheduler, "t4");
    // 1 s of t2, by half of its kind's time, and all of t3.
    expect(reason).toMatchObject({
      code: "all-busy",
      before: 1,
      averageMs: 2_000,
      expectedMs: 3_000,
    });
    expect(text).toContain("it should start in about 3.0 s");
  });

  test("tasks of other classes that are served in turn count in what it waits for", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f");
    scheduler.define("g");
    scheduler.join("w1");
    scheduler.submit("warm", "f");
    scheduler.nowMs = 1_000;
    scheduler.done("w1", "warm", 0, 1_000);
    for (const task of ["f1", "f2"]) scheduler.submit(task, "f");
    for (const task of ["g1", "g2", "g3"]) scheduler.submit(task, "g");
    // Half of f1; then one of g goes before f2, or with it.
    expect(explained(scheduler, "f2").reason).toMatchObject({ expectedMs: 1_500 });
  });

  test("its placement group waits for places", () => {
    const scheduler = new TestScheduler();
    const group = "g" as GroupId;
    scheduler.join("w1", cpus(1));
    scheduler.feed({
      type: "placement-group-created",
      group,
      job: "d" as JobId,
      name: "trainers",
      strategy: "pack",
      bundles: [{ demands: cpus(2), labels: {} }],
    });
    scheduler.define("f", { strategy: { group } });
    scheduler.submit("t", "f");
    const { text, reason } = explained(scheduler, "t");
    expect(text).toContain("f (t) waits for its placement group: placement group trainers (g)");
    expect(reason).toEqual({
      code: "placement-group",
      group,
      name: "trainers",
      strategy: "pack",
      isHopeless: true,
      wasPlaced: false,
      waiting: [{ bundle: 0, wanted: "2 cpus", workers: 0 }],
      waitingTotal: 1,
      workers: 1,
    });
  });

  test("it was given ahead to a worker that has others before it", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f");
    scheduler.join("w1");
    scheduler.submit("warm", "f");
    scheduler.done("w1", "warm", 0, 4);
    for (const task of ["t1", "t2", "t3"]) scheduler.submit(task, "f");
    const { text, reason } = explained(scheduler, "t3");
    expect(reason).toEqual({
      code: "prefetched",
      worker: "worker w1",
      before: 1,
      expectedMs: 4,
      isRecalled: false,
    });
    expect(text).toContain("was given ahead to worker w1, which starts it after 1 other task(s)");
  });

  test("its worker fetches its arguments", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f");
    scheduler.join("w1");
    scheduler.submit("t", "f");
    const objects = [{ object: "a" as ObjectId, sizeBytes: 2 ** 20 }];
    const fetching = { objects, total: 3 };
    const told = explainTask(scheduler.state, scheduler.task("t")!, { atMs: 0, fetching });
    expect(told).toEqual({
      text: "f (t) is with worker w1, which fetches its arguments: a (1048576 bytes) and 2 more",
      reason: { code: "fetching-arguments", worker: "worker w1", objects, total: 3 },
    });
  });

  test("it runs", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f");
    scheduler.join("w1");
    scheduler.submit("t", "f");
    scheduler.nowMs = 250;
    expect(explained(scheduler, "t")).toEqual({
      text: "f (t) is with worker w1 (attempt 1 of at most 4) for 250 ms, heard of 250 ms ago",
      reason: {
        code: "running",
        worker: "worker w1",
        attempt: 1,
        attemptsMax: 4,
        sinceMs: 250,
        heardMs: 250,
      },
    });
  });

  test("it is late, and a copy of it runs", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f", { speculate: true });
    scheduler.join("w1");
    for (let i = 0; i < 8; i++) {
      scheduler.submit(`t${i}`, "f");
      scheduler.nowMs += 100;
      scheduler.done("w1", `t${i}`, 0, 100);
    }
    scheduler.submit("late", "f");
    scheduler.nowMs += 5_000;
    scheduler.join("w2");
    const { text, reason } = explained(scheduler, "late");
    expect(reason).toMatchObject({ code: "running", sinceMs: 5_000, copyOn: "worker w2" });
    expect(text).toContain("it is late, so a copy of it is with worker w2");
  });

  test("it runs, and waits for others", () => {
    const scheduler = new TestScheduler();
    scheduler.define("f");
    scheduler.join("w1");
    scheduler.submit("t", "f");
    const where = { worker: "w1" as PeerId, task: "t" as TaskId, attempt: 0 };
    scheduler.feed({ type: "task-blocked", ...where });
    const { text, reason } = explained(scheduler, "t");
    expect(reason).toEqual({ code: "waits-for-nested", worker: "worker w1" });
    expect(text).toContain("its CPUs serve others meanwhile");
  });

  test("it is an actor that lives", () => {
    const scheduler = new TestScheduler();
    scheduler.define("A", { isActor: true, restartsMax: Number.POSITIVE_INFINITY });
    scheduler.join("w1");
    scheduler.submit("a", "A");
    scheduler.done("w1", "a");
    expect(explained(scheduler, "a")).toEqual({
      text: "actor A (a) lives on worker w1, restarted 0 of any number times",
      reason: { code: "actor-lives", worker: "worker w1", restarts: 0 },
    });
  });
});
