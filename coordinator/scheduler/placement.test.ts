import { describe, expect, test } from "vitest";
import type { JobId, PeerId } from "../../shared/ids.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";

function submitMany(scheduler: TestScheduler, definition: string, count: number): string[] {
  const effects = [];
  for (let i = 0; i < count; i++) {
    effects.push(...scheduler.submit(`${definition}${i}`, definition));
  }
  return runsIn(effects);
}

/** A class whose tasks are known to take so long. */
function known(scheduler: TestScheduler, name: string, ranForMs: number, options = {}): void {
  scheduler.define(name, options);
  const [run] = scheduler.submit(`${name}-first`, name);
  if (run?.type !== "run") throw new Error("the first task of a class runs at once");
  scheduler.done(run.worker, run.task, 0, ranForMs);
}

test("workers with room are used in turn", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  for (const worker of ["w1", "w2", "w3"]) scheduler.join(worker, cpus(2));
  expect(submitMany(scheduler, "f", 7)).toEqual([
    "f0 on w1",
    "f1 on w2",
    "f2 on w3",
    "f3 on w1",
    "f4 on w2",
    "f5 on w3",
  ]);
});

test("fractions of a cpu, memory and custom resources are each respected", () => {
  const scheduler = new TestScheduler();
  const capacity = { ...cpus(4), memoryBytes: 100, custom: { lab: 2_000 } };
  scheduler.join("w1", capacity);
  scheduler.define("half", { demands: { ...cpus(0.5), memoryBytes: 30 } });
  scheduler.define("lab", { demands: { ...cpus(0), custom: { lab: 1_000 } } });
  expect(submitMany(scheduler, "half", 5)).toHaveLength(3);
  expect(submitMany(scheduler, "lab", 5)).toHaveLength(2);
});

test("labels must match exactly", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f", { labels: { runtime: "browser" } });
  scheduler.submit("t", "f");
  expect(scheduler.join("w1", cpus(4), { runtime: "node" })).toEqual([]);
  expect(runsIn(scheduler.join("w2", cpus(4), { runtime: "browser" }))).toEqual(["t on w2"]);
});

test("higher priorities go first", () => {
  const scheduler = new TestScheduler();
  scheduler.define("low", { priority: -1 });
  scheduler.define("high", { priority: 1 });
  scheduler.define("middle", { priority: 0 });
  for (const name of ["low", "middle", "high"]) submitMany(scheduler, name, 1);
  expect(runsIn(scheduler.join("w1", cpus(2)))).toEqual(["high0 on w1", "middle0 on w1"]);
});

test("classes of one priority are served in turn, also when one place at a time becomes free", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  scheduler.define("g");
  submitMany(scheduler, "f", 3);
  submitMany(scheduler, "g", 3);
  const order = runsIn(scheduler.join("w1"));
  for (let i = 0; i < 5; i++) {
    const [task] = order.at(-1)!.split(" ");
    order.push(...runsIn(scheduler.done("w1", task!)));
  }
  expect(order.map((run) => run[0]).join("")).toBe("fgfgfg");
});

describe("taking tasks ahead", () => {
  test("[S6] none while nothing is known of the class, nor if its tasks take long", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1");
    scheduler.define("new");
    expect(submitMany(scheduler, "new", 5)).toEqual(["new0 on w1"]);

    const other = new TestScheduler();
    other.join("w1");
    known(other, "long", 25);
    expect(submitMany(other, "long", 5)).toEqual(["long0 on w1"]);
  });

  test.each([
    [10, 3],
    [5, 5],
    [1, 21],
    [0.1, 201],
    [0, 1_025],
  ])("tasks of %d ms: a worker of one cpu gets %i", (ranForMs, given) => {
    const scheduler = new TestScheduler();
    scheduler.join("w1");
    known(scheduler, "f", ranForMs);
    expect(submitMany(scheduler, "f", 1_100)).toHaveLength(given);
  });

  test("[S6] nothing waits behind a long task of another class", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1");
    known(scheduler, "short", 1);
    known(scheduler, "long", 60_000);
    submitMany(scheduler, "long", 1);
    expect(submitMany(scheduler, "short", 5)).toEqual([]);
    expect(runsIn(scheduler.done("w1", "long0"))).toHaveLength(5);
  });

  test("a long task on one cpu does not keep short ones from waiting for the others", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(3));
    known(scheduler, "short", 5);
    known(scheduler, "long", 60_000);
    submitMany(scheduler, "long", 1);
    expect(submitMany(scheduler, "short", 100)).toHaveLength(2 + 8);
    const other = new TestScheduler();
    other.join("w1", cpus(3));
    known(other, "wide", 5, { demands: cpus(3) });
    known(other, "long", 60_000);
    submitMany(other, "long", 1);
    expect(submitMany(other, "wide", 1)).toEqual([]);
  });

  test("[S6] nothing waits behind an actor, which may never end", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1");
    known(scheduler, "short", 1);
    scheduler.define("A", { isActor: true });
    submitMany(scheduler, "A", 1);
    scheduler.done("w1", "A0");
    expect(submitMany(scheduler, "short", 5)).toEqual([]);
    expect(runsIn(scheduler.join("w2"))).toHaveLength(5);
  });

  test("[S8] a stream of short tasks keeps out neither another class nor an actor", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1");
    known(scheduler, "short", 1);
    const queue = submitMany(scheduler, "short", 200);
    scheduler.define("other");
    scheduler.define("A", { isActor: true });
    queue.push(...submitMany(scheduler, "other", 1), ...submitMany(scheduler, "A", 1));
    const order: string[] = [];
    for (let run = queue.shift(); run; run = queue.shift()) {
      const [task] = run.split(" ");
      order.push(task!);
      queue.push(...runsIn(scheduler.done("w1", task!, 0, 1)));
      if (task === "A0") break;
    }
    expect(order.indexOf("other0")).toBeLessThan(45);
    expect(order.at(-1)).toBe("A0");
    expect(order.length).toBeLessThan(90);
  });

  test("a worker starts what it was given in order: small tasks do not overtake a large one", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(2));
    known(scheduler, "small", 1);
    known(scheduler, "large", 1, { demands: cpus(2) });
    submitMany(scheduler, "small", 1);
    submitMany(scheduler, "large", 1);
    expect(scheduler.state.workers.get("w1" as PeerId)?.prefetched.size).toBe(1);
    scheduler.submit("later", "small");
    expect(scheduler.state.workers.get("w1" as PeerId)?.prefetched.size).toBe(2);
    scheduler.done("w1", "small0", 0, 1);
    expect(scheduler.state.workers.get("w1" as PeerId)?.used.cpuMilli).toBe(2_000);
  });

  test("what was taken ahead by a worker that leaves runs elsewhere", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1");
    known(scheduler, "f", 5);
    expect(submitMany(scheduler, "f", 5)).toHaveLength(5);
    scheduler.leave("w1");
    expect(runsIn(scheduler.join("w2"))).toEqual(
      ["f0", "f1", "f2", "f3", "f4"].map((task) => `${task} on w2`),
    );
  });
});

test("[S12] jobs are served alike, and within a job its classes, whatever they demand", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  scheduler.define("g", { job: "e" as JobId });
  scheduler.define("h", { demands: cpus(0.9) });
  for (const name of ["f", "g", "h"]) submitMany(scheduler, name, 3);
  const order = runsIn(scheduler.join("w1"));
  for (let i = 0; i < 8; i++) {
    const [task] = order.at(-1)!.split(" ");
    order.push(...runsIn(scheduler.done("w1", task!)));
  }
  expect(order.map((run) => run[0]).join("")).toBe("fghgfghfh");
});

test("[S1] a shape goes with the last class that has it", () => {
  const scheduler = new TestScheduler();
  scheduler.join("w1");
  scheduler.define("f");
  scheduler.define("g", { job: "e" as JobId });
  submitMany(scheduler, "f", 2);
  expect(scheduler.state.shapes.size).toBe(1);
  scheduler.feed({ type: "job-ended", job: "d" as JobId });
  expect(scheduler.state.shapes.size).toBe(1);
  expect(submitMany(scheduler, "g", 1)).toEqual(["g0 on w1"]);
  scheduler.feed({ type: "job-ended", job: "e" as JobId });
  expect(scheduler.state.shapes.size).toBe(0);
});
