import { expect, test } from "vitest";
import type { CallableId, PeerId, TaskId } from "../../shared/ids.ts";
import { LENT_MAX } from "./placement.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";
import type { SchedulerEffect } from "./types.ts";

/** A scheduler with a worker of one CPU, and the classes of a function at three depths. */
class Nested extends TestScheduler {
  constructor() {
    super();
    this.join("w1", cpus(1));
    for (const depth of [0, 1, 2]) {
      this.define(`f${depth}`, { callable: "f" as CallableId, depth, priority: depth / 7 });
    }
  }

  under(parent: string, task: string, depth: number): SchedulerEffect[] {
    return this.feed({
      type: "task-submitted",
      task: task as TaskId,
      class: `f${depth}` as CallableId,
      missing: [],
      parent: parent as TaskId,
    });
  }

  waits(task: string, isWaiting = true): SchedulerEffect[] {
    const type = isWaiting ? "task-blocked" : "task-resumed";
    return this.feed({ type, worker: "w1" as PeerId, task: task as TaskId, attempt: 0 });
  }
}

test("a task that waits lends its CPU to what it has submitted", () => {
  const mesh = new Nested();
  expect(runsIn(mesh.submit("root", "f0"))).toEqual(["root on w1"]);
  expect(runsIn(mesh.under("root", "child", 1))).toEqual([]);
  expect(runsIn(mesh.waits("root"))).toEqual(["child on w1"]);
  expect(mesh.state.workers.get("w1" as PeerId)?.lent).toBe(1);
  mesh.done("w1", "child");
  mesh.waits("root", false);
  expect(mesh.state.workers.get("w1" as PeerId)?.lent).toBe(0);
});

test("it has its CPU back when it goes on, and nobody else gets it", () => {
  const mesh = new Nested();
  mesh.submit("root", "f0");
  mesh.waits("root");
  mesh.waits("root", false);
  expect(runsIn(mesh.submit("other", "f0"))).toEqual([]);
  expect(runsIn(mesh.done("w1", "root"))).toEqual(["other on w1"]);
});

test("a task that ends while it waits gives back what it has, once", () => {
  const mesh = new Nested();
  mesh.submit("root", "f0");
  mesh.waits("root");
  mesh.done("w1", "root");
  expect(mesh.state.workers.get("w1" as PeerId)?.used.cpuMilli).toBe(0);
});

test("an outdated attempt has nothing to lend", () => {
  const mesh = new Nested();
  mesh.submit("root", "f0");
  const worker = "w1" as PeerId;
  mesh.feed({ type: "task-blocked", worker, task: "root" as TaskId, attempt: 7 });
  expect(runsIn(mesh.submit("other", "f0"))).toEqual([]);
});

test("a recursion goes into the depth: the newest parent's tasks first, in their order", () => {
  const mesh = new Nested();
  mesh.submit("root", "f0");
  mesh.submit("next root", "f0");
  for (const child of ["a", "b", "c"]) mesh.under("root", child, 1);
  expect(runsIn(mesh.waits("root"))).toEqual(["a on w1"]);
  for (const child of ["a.a", "a.b"]) mesh.under("a", child, 1);
  expect(runsIn(mesh.waits("a"))).toEqual(["a.a on w1"]);
  const order = ["a.a", "a.b", "b", "c"].flatMap((task) => runsIn(mesh.done("w1", task)));
  expect(order).toEqual(["a.b on w1", "b on w1", "c on w1", "next root on w1"]);
});

test("what waits is never given ahead: there is no telling when the one before it ends", () => {
  const mesh = new Nested();
  mesh.submit("root", "f0");
  mesh.under("root", "a", 1);
  mesh.waits("root");
  mesh.under("a", "a.a", 1);
  mesh.waits("a");
  mesh.done("w1", "a.a", 0, 0.1);
  mesh.waits("a", false);
  mesh.done("w1", "a", 0, 0.1);
  for (const child of ["b", "c", "d"]) mesh.under("root", child, 1);
  // A short task of another kind would be given ahead of time.
  expect(mesh.state.workers.get("w1" as PeerId)?.prefetched.size).toBe(0);
});

test("what drivers submit takes half of the executors at most; what tasks submit has the rest", () => {
  const mesh = new Nested();
  for (let i = 0; i < LENT_MAX; i++) {
    mesh.submit(`r${i}`, "f0");
    if (mesh.task(`r${i}`)?.state === "running") mesh.waits(`r${i}`);
  }
  const { lent } = mesh.state.workers.get("w1" as PeerId)!;
  expect(lent).toBe(LENT_MAX / 2);
  expect(runsIn(mesh.under("r0", "child", 1))).toEqual(["child on w1"]);
});

test("a recursion that is too deep is told to its driver, once", () => {
  const mesh = new Nested();
  mesh.define("deep", { depth: 6, priority: 6 / 7 });
  const warnings: string[] = [];
  for (let i = 0; i <= LENT_MAX + 1; i++) {
    mesh.submit(`t${i}`, "deep");
    if (mesh.task(`t${i}`)?.state !== "running") continue;
    const effects = mesh.waits(`t${i}`);
    warnings.push(...effects.flatMap((effect) => (effect.type === "warn" ? [effect.text] : [])));
  }
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("lends its CPUs to no more");
});
