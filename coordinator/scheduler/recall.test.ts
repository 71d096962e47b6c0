import { expect, test } from "vitest";
import type { PeerId, TaskId } from "../../shared/ids.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";
import type { SchedulerEffect } from "./types.ts";

const recalledIn = (effects: readonly SchedulerEffect[]): string[] =>
  effects.flatMap((effect) =>
    effect.type === "recall-runs"
      ? effect.tasks.map(([task, attempt]) => `${task}#${attempt} from ${effect.worker}`)
      : [],
  );

/** `w1` runs t1; t2 to t5, of 5 ms each, wait behind it. */
function holding(): TestScheduler {
  const s = new TestScheduler();
  s.define("f");
  s.join("w1");
  s.submit("t0", "f");
  s.nowMs = 5;
  s.done("w1", "t0", 0, 5);
  for (const task of ["t1", "t2", "t3", "t4", "t5"]) s.submit(task, "f");
  expect(s.state.workers.get("w1" as PeerId)!.prefetched.size).toBe(4);
  return s;
}

const giveBack = (s: TestScheduler, worker: string, task: string, attempt = 0) =>
  s.feed({
    type: "task-returned",
    worker: worker as PeerId,
    task: task as TaskId,
    attempt,
    missing: [],
    why: "it had not started",
  });

test("[S6] a worker that becomes idle gets the task that would wait longest", () => {
  const s = holding();
  expect(recalledIn(s.join("w2"))).toEqual(["t5#0 from w1"]);
  expect(runsIn(giveBack(s, "w1", "t5"))).toEqual(["t5 on w2"]);
});

test("[S6] what it has started it answers as if nothing had been asked", () => {
  const s = holding();
  s.join("w2");
  for (const task of ["t1", "t2", "t3", "t4"]) s.done("w1", task, 0, 5);
  const [accepted] = s.done("w1", "t5", 0, 5);
  expect(accepted).toMatchObject({ type: "accept-result", task: "t5" });
  expect(giveBack(s, "w1", "t5")).toEqual([]);
});

test("one request at a time; without an answer the others are asked for", () => {
  const s = holding();
  s.join("w2");
  expect(recalledIn(s.join("w3"))).toEqual([]);
  expect(recalledIn(s.tick(1_000))).toEqual(["t4#0 from w1", "t3#0 from w1"]);
});

test("when none answers, all are asked for again, and what comes late is no offence", () => {
  const s = holding();
  s.join("w2");
  const asked = [1_000, 2_000, 3_000, 4_000, 5_000].flatMap((atMs) => recalledIn(s.tick(atMs)));
  const turns = ["t4", "t3", "t2", "t5", "t4"].map((task) => `${task}#0 from w1`);
  expect(asked).toEqual(turns);
  expect(runsIn(giveBack(s, "w1", "t5")), "asked for long before").toEqual(["t5 on w2"]);
  expect(s.task("t5")).toMatchObject({ returns: 0, attempt: 1 });
  s.nowMs = 6_000;
  expect(recalledIn(s.done("w2", "t5", 1, 5)), "at once").toEqual(["t3#0 from w1"]);
});

test.each([
  ["at the end", ["f2", "g1", "f3", "g2"]],
  ["in between", ["f2", "g1", "g2", "f3"]],
])("what the idle may not run, %s, is passed over and left where it is", (_, ahead) => {
  const s = new TestScheduler();
  s.define("f");
  s.define("g", { labels: { only: "w1" } });
  s.join("w1", cpus(1), { only: "w1" });
  for (const callable of ["f", "g"]) {
    s.submit(`first-${callable}`, callable);
    s.nowMs += 5;
    s.done("w1", `first-${callable}`, 0, 5);
  }
  for (const task of ["f1", ...ahead]) s.submit(task, task.slice(0, 1));
  expect(s.state.workers.get("w1" as PeerId)!.prefetched.size).toBe(4);
  s.nowMs += 1_000;
  expect(recalledIn(s.join("w2", cpus(4)))).toEqual(["f3#0 from w1", "f2#0 from w1"]);
});

test("behind a task that takes far longer than its kind, nothing is left waiting", () => {
  const s = holding();
  s.join("w2");
  giveBack(s, "w1", "t5");
  s.nowMs = 2_000;
  expect(recalledIn(s.done("w2", "t5", 1, 5))).toEqual(["t4#0 from w1"]);
  expect(runsIn(giveBack(s, "w1", "t4"))).toEqual(["t4 on w2"]);
});

test("while tasks of the kind are ready, none is asked for", () => {
  const s = holding();
  for (let i = 6; i < 12; i++) s.submit(`t${i}`, "f");
  expect(recalledIn(s.done("w1", "t1", 0, 5))).toEqual([]);
});

test("to be asked back costs neither an attempt of `retriesMax` nor trust", () => {
  const s = holding();
  s.join("w2");
  giveBack(s, "w1", "t5");
  expect(s.task("t5")).toMatchObject({ losses: 0, returns: 0, attempt: 1 });
});
