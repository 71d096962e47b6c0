import { expect, test } from "vitest";
import type { PeerId, TaskId } from "../../shared/ids.ts";
import { runsIn, TestScheduler } from "./test-scheduler.ts";
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
