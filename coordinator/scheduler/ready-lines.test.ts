import { expect, test } from "vitest";
import type { GroupId, JobId, PeerId, TaskId } from "../../shared/ids.ts";
import { Prng } from "../../shared/prng.ts";
import { explainTask } from "./explain.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";
import type { SchedulerEffect } from "./types.ts";

const alice = { job: "alice" as JobId };
const bob = { job: "bob" as JobId };

function submitMany(s: TestScheduler, definition: string, count: number): void {
  for (let i = 0; i < count; i++) s.submit(`${definition}${i}`, definition);
}

/** Have the worker end one task after the other. @returns the first letters of what it ran. */
function drain(s: TestScheduler, first: SchedulerEffect[], count: number, runMs = 100): string {
  const ran = runsIn(first);
  for (let i = 0; i < count; i++) {
    const [task] = ran[i]!.split(" ");
    s.nowMs += runMs;
    ran.push(...runsIn(s.done("w1", task!, 0, runMs)));
  }
  return ran.map((run) => run[0]).join("");
}

test("the priorities of one job do not keep out another", () => {
  const s = new TestScheduler();
  s.define("a", { ...alice, priority: 1_000 });
  s.define("b", bob);
  submitMany(s, "a", 4);
  submitMany(s, "b", 4);
  const ran = drain(s, s.join("w1"), 7);
  expect(ran.slice(0, 4).replaceAll("a", "")).toBe("bb");
});

test("within a job, its highest priority goes first, whatever it demands", () => {
  const s = new TestScheduler();
  s.define("a", { ...alice, demands: cpus(0.9) });
  s.define("A", { ...alice, priority: 1 });
  s.define("b", bob);
  for (const name of ["a", "A", "b"]) submitMany(s, name, 2);
  expect(drain(s, s.join("w1"), 5)).toBe("AbAbaa");
});

test("a job of long tasks and one of short ones get equal time", () => {
  const s = new TestScheduler();
  s.define("a", alice);
  s.define("b", bob);
  submitMany(s, "a", 10);
  submitMany(s, "b", 100);
  const ran = runsIn(s.join("w1"));
  const timeOf = { a: 0, b: 0 };
  for (let i = 0; i < 60; i++) {
    const [task] = ran[i]!.split(" ");
    const job = task![0] as "a" | "b";
    const runMs = job === "a" ? 1_000 : 100;
    s.nowMs += runMs;
    timeOf[job] += runMs;
    ran.push(...runsIn(s.done("w1", task!, 0, runMs)));
  }
  expect(Math.abs(timeOf.a - timeOf.b)).toBeLessThanOrEqual(1_100);
});

test("who comes late begins where the others are, and does not catch up", () => {
  const s = new TestScheduler();
  s.define("a", alice);
  submitMany(s, "a", 20);
  const ran = drain(s, s.join("w1"), 9);
  expect(ran).toBe("aaaaaaaaaa");
  s.define("b", bob);
  submitMany(s, "b", 8);
  const more = drain(s, s.done("w1", "a9", 0, 100), 7);
  // Nine tasks behind, it gets one more at most.
  expect(more.slice(0, 6).replaceAll("a", "").length).toBeLessThanOrEqual(4);
});

test("[S12] a job that waits for what nobody has saves up no claim to the rest of the mesh", () => {
  const s = new TestScheduler();
  s.define("a", alice);
  s.define("b", bob);
  s.define("huge", { ...bob, demands: cpus(100) });
  s.submit("huge0", "huge");
  submitMany(s, "a", 1_200);
  drain(s, s.join("w1"), 1_100, 1_000);
  submitMany(s, "b", 100);
  const ran = drain(s, s.done("w1", "a1100", 0, 1_000), 50, 1_000);
  expect(ran.replaceAll("a", "").length).toBeLessThanOrEqual(28);
});

/** Tasks of Alice are known to take an hour; four of them have the only worker, fifty wait. */
function withLongTasks(): TestScheduler {
  const s = new TestScheduler();
  s.define("a", alice);
  s.define("b", bob);
  s.join("w1", cpus(4));
  s.submit("a-known", "a");
  s.nowMs += 3_600_000;
  s.done("w1", "a-known", 0, 3_600_000);
  submitMany(s, "a", 54);
  return s;
}

test("[S12] what a job is charged and does not use moves it forward again, at once", () => {
  const s = withLongTasks();
  submitMany(s, "b", 50);
  const given = ["a0 on w1", "a1 on w1", "a2 on w1", "a3 on w1"];
  for (let i = 0; i < 40; i++) {
    s.nowMs += 10;
    given.push(...runsIn(s.done("w1", given[i]!.split(" ")[0]!, 0, 10)));
  }
  const later = given.slice(20).map((run) => run[0]);
  expect(later.filter((job) => job === "a").length).toBeGreaterThanOrEqual(8);
});

test("[S12] what will take long is charged with little at launch, or who comes then would begin far behind", () => {
  const s = withLongTasks();
  const running = [...s.state.tasks.values()].filter(({ worker }) => worker);
  expect(running.map(({ chargedUs }) => chargedUs)).toEqual(Array(4).fill(1_000_000));
  for (const { id } of running) s.cancel(id);
  s.define("c", { job: "carol" as JobId });
  const [alices, carols] = [alice.job, "carol" as JobId].map((job) => s.state.jobs.get(job)!);
  expect(Math.abs(alices!.servedUs - carols!.servedUs)).toBeLessThanOrEqual(1_000_000);
});

test("[S12] weights divide the time", () => {
  const s = new TestScheduler();
  s.feed({ type: "job-weighted", ...bob, weight: 3 });
  s.define("a", alice);
  s.define("b", bob);
  submitMany(s, "a", 40);
  submitMany(s, "b", 40);
  const ran = drain(s, s.join("w1"), 39);
  expect(ran.replaceAll("a", "")).toHaveLength(30);
});

test("what runs long is charged while it runs", () => {
  const s = new TestScheduler();
  s.define("a", alice);
  s.join("w1");
  s.submit("a0", "a");
  for (; s.nowMs < 60_000; s.nowMs += 5_000) s.beat("w1", ["a0", 0]);
  const { servedUs } = s.state.jobs.get(alice.job)!;
  expect(servedUs).toBeGreaterThan(50_000_000);
  s.done("w1", "a0", 0, 60_000);
  expect(s.state.jobs.get(alice.job)!.servedUs).toBeCloseTo(60_000_020, -3);
});

test("[S12] a job that has all that its quota allows waits; others go on, and so does it when it has less", () => {
  const s = new TestScheduler({ cpuMilli: 2_000 });
  s.define("a", alice);
  s.define("b", bob);
  submitMany(s, "a", 5);
  submitMany(s, "b", 1);
  const given = runsIn(s.join("w1", cpus(8))).map((run) => run.split(" ")[0]);
  expect(given.toSorted()).toEqual(["a0", "a1", "b0"]);
  expect(runsIn(s.submit("b1", "b"))).toEqual(["b1 on w1"]);
  s.submit("b2", "b");
  expect(runsIn(s.done("w1", "a0", 0, 100))).toEqual(["a2 on w1"]);
});

test("what demands more than the quota fails and says what is allowed; what waits for it explains that", () => {
  const s = new TestScheduler({ cpuMilli: 2_000 });
  s.join("w1", cpus(8));
  s.define("a", alice);
  s.define("big", { ...alice, demands: cpus(3) });
  const [failed] = s.submit("big0", "big");
  expect(failed).toMatchObject({ type: "fail-task", error: { code: "QUOTA_EXCEEDED" } });
  submitMany(s, "a", 3);
  const { reason, text } = explainTask(s.state, s.task("a2")!, { atMs: 0 });
  expect(reason).toEqual({ code: "quota", allowed: "2 cpus" });
  expect(text).toContain("it goes on when one of the job's tasks ends");
});

test("placement groups count, whether anything runs in them or not", () => {
  const s = new TestScheduler({ cpuMilli: 2_000 });
  s.join("w1", cpus(8));
  s.define("a", alice);
  const create = (group: string, amount: number) =>
    s.feed({
      type: "placement-group-created",
      ...alice,
      group: group as GroupId,
      name: group,
      strategy: "pack",
      bundles: [{ demands: cpus(amount), labels: {} }],
    });
  create("g1", 1);
  submitMany(s, "a", 2);
  expect(s.task("a1")!.state).toBe("ready");
  const [refused] = create("g2", 1.5);
  expect(refused).toMatchObject({ group: "g2", error: { code: "QUOTA_EXCEEDED" } });
  const removed = s.feed({ type: "placement-group-removed", group: "g1" as GroupId, why: "done" });
  expect(runsIn(removed)).toEqual(["a1 on w1"]);
});

test("a task that waits for others lends its quota too, or what it waits for could not run", () => {
  const s = new TestScheduler({ cpuMilli: 1_000 });
  s.define("a", alice);
  s.join("w1", cpus(4));
  submitMany(s, "a", 2);
  const blocked = { worker: "w1" as PeerId, task: "a0" as TaskId, attempt: 0 };
  expect(runsIn(s.feed({ type: "task-blocked", ...blocked }))).toEqual(["a1 on w1"]);
});

test("many jobs of many shapes and priorities: all is served, and every line is in order", () => {
  const prng = new Prng(7);
  const s = new TestScheduler({ cpuMilli: 3_000 });
  for (let i = 0; i < 4; i++) s.join(`w${i}`, cpus(2));
  const running = new Map<string, string>();
  const note = (effects: readonly SchedulerEffect[]) => {
    for (const run of runsIn(effects)) {
      const [task, , worker] = run.split(" ");
      running.set(task!, worker!);
    }
  };
  for (let i = 0; i < 12; i++) {
    const job = `j${i % 6}` as JobId;
    s.define(`f${i}`, { job, demands: cpus(1 + (i % 3) / 2), priority: prng.below(3) });
  }
  let count = 0;
  while (count < 400 || running.size > 0) {
    s.nowMs += prng.below(20);
    if (count < 400) note(s.submit(`t${count++}`, `f${prng.below(12)}`));
    const ending = count === 400 || prng.chance(1, 2) ? [...running][0] : undefined;
    if (!ending) continue;
    running.delete(ending[0]);
    note(s.done(ending[1], ending[0], 0, prng.below(50)));
  }
  expect(s.state.tasks.size).toBe(0);
});
