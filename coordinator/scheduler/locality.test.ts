import { expect, test } from "vitest";
import type { CallableId, ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";

const MB = 2 ** 20;

function submitNear(scheduler: TestScheduler, task: string, ...near: [string, number][]): string[] {
  const effects = scheduler.feed({
    type: "task-submitted",
    task: task as TaskId,
    class: "f" as CallableId,
    missing: [],
    near: near.map(([worker, bytes]) => ({ worker: worker as PeerId, bytes })),
  });
  return runsIn(effects);
}

function fleet(size: number): TestScheduler {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  for (let i = 1; i <= size; i++) scheduler.join(`w${i}`);
  return scheduler;
}

test("[S4] of the workers with room, a task goes to the one with most bytes of its arguments", () => {
  const scheduler = fleet(3);
  expect(submitNear(scheduler, "a", ["w3", 2 * MB], ["w2", MB])).toEqual(["a on w3"]);
  expect(submitNear(scheduler, "b", ["w3", 2 * MB], ["w2", MB])).toEqual(["b on w2"]);
  expect(submitNear(scheduler, "c", ["w3", 2 * MB], ["w2", MB])).toEqual(["c on w1"]);
});

test("[S4] a worker that becomes free gets the tasks first whose arguments it has", () => {
  const scheduler = fleet(2);
  scheduler.submit("x", "f");
  scheduler.submit("y", "f");
  scheduler.submit("any", "f");
  expect(submitNear(scheduler, "near", ["w2", MB])).toEqual([]);
  expect(runsIn(scheduler.done("w2", "y"))).toEqual(["near on w2"]);
  expect(runsIn(scheduler.done("w1", "x"))).toEqual(["any on w1"]);
});

test("[S4] the oldest task is not passed over for ever", () => {
  const scheduler = fleet(1);
  scheduler.submit("x", "f");
  scheduler.submit("old", "f");
  for (let i = 0; i < 100; i++) submitNear(scheduler, `n${i}`, ["w1", MB]);
  const order = runsIn(scheduler.done("w1", "x"));
  for (let i = 0; i < 100 && !order.includes("old on w1"); i++) {
    const [task] = order.at(-1)!.split(" on ");
    order.push(...runsIn(scheduler.done("w1", task!)));
  }
  expect(order.indexOf("old on w1")).toBe(64);
});

test("arguments that are made later count when they are there", () => {
  const scheduler = fleet(2);
  scheduler.submit("t", "f", ["o"]);
  const near = [{ worker: "w2" as PeerId, bytes: MB }];
  const object = "o" as ObjectId;
  expect(runsIn(scheduler.feed({ type: "object-available", object, near }))).toEqual(["t on w2"]);
});

test("a task whose arguments are on a worker that left goes elsewhere", () => {
  const scheduler = fleet(1);
  expect(submitNear(scheduler, "a", ["gone", MB])).toEqual(["a on w1"]);
});

/** Two workers that have run as many tasks as say something: the second takes so long for one. */
function fastAndOther(otherMs: readonly [first: number, second: number]): TestScheduler {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  scheduler.join("fast", cpus(1));
  scheduler.join("slow", cpus(1));
  for (const [round, ranForMs] of otherMs.entries()) {
    scheduler.submit(`a${round}`, "f");
    scheduler.submit(`b${round}`, "f");
    scheduler.done("fast", `a${round}`, 0, 100);
    scheduler.nowMs += ranForMs;
    scheduler.done("slow", `b${round}`, 0, ranForMs);
  }
  scheduler.nowMs = 1_000;
  return scheduler;
}

test("the first task of a class on a worker says nothing of its speed: it loads what the class needs", () => {
  const scheduler = fastAndOther([800, 100]);
  expect(runsIn(scheduler.submit("c", "f"))).toEqual(["c on fast"]);
  expect(runsIn(scheduler.submit("d", "f"))).toEqual(["d on slow"]);
});

test("a worker that was slow and has long had no work is tried again", () => {
  const scheduler = fastAndOther([100, 900]);
  scheduler.nowMs = 10_000;
  expect(runsIn(scheduler.submit("c", "f"))).toEqual(["c on fast"]);
  expect(runsIn(scheduler.submit("d", "f"))).toEqual(["d on slow"]);
});

test("[S5] the last tasks of many are not left to a worker that is ten times slower", () => {
  const scheduler = fastAndOther([100, 900]);
  expect(runsIn(scheduler.submit("c", "f"))).toEqual(["c on fast"]);
  expect(runsIn(scheduler.submit("d", "f"))).toEqual([]);
  scheduler.nowMs = 1_100;
  expect(runsIn(scheduler.done("fast", "c", 0, 100))).toEqual(["d on fast"]);
  // The fast one does not answer: the slow one steps in.
  expect(runsIn(scheduler.submit("e", "f"))).toEqual([]);
  scheduler.beat("fast", ["d", 0]);
  scheduler.beat("slow");
  expect(runsIn(scheduler.tick(5_000))).toEqual(["e on slow"]);
});
