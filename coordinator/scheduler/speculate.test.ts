import { expect, test } from "vitest";
import type { JobId, PeerId, TaskId } from "../../shared/ids.ts";
import { LEASE_MS_MAX } from "./step.ts";
import { runsIn, TestScheduler } from "./test-scheduler.ts";

/** Tasks take 100 ms; `late` is on w1 for 5 s already, and w2 is idle. */
function withLate(options = {}): TestScheduler {
  const s = new TestScheduler();
  s.define("f", { speculate: true, ...options });
  s.join("w1");
  for (let i = 0; i < 8; i++) {
    s.submit(`t${i}`, "f");
    s.nowMs += 100;
    s.done("w1", `t${i}`, 0, 100);
  }
  s.submit("late", "f");
  s.nowMs += 5_000;
  return s;
}

const kinds = (effects: readonly { type: string }[]): string[] => effects.map(({ type }) => type);

test("[S11] a task that takes far longer than its kind is started again where there is room", () => {
  const s = withLate();
  expect(runsIn(s.join("w2"))).toEqual(["late on w2"]);
  expect(s.task("late")).toMatchObject({ attempt: 0, losses: 0 });
  expect(s.join("w3"), "once").toEqual([]);
});

test("[S11] only if its author said that it may run twice", () => {
  expect(withLate({ speculate: false }).join("w2")).toEqual([]);
});

test("[S11] not while other tasks wait for that room", () => {
  const s = withLate();
  s.define("g");
  s.submit("other", "g");
  expect(runsIn(s.join("w2"))).toEqual(["other on w2"]);
});

test.each([
  { who: "the copy", winner: "w2", attempt: 1, loser: "w1", other: 0 },
  { who: "the first attempt", winner: "w1", attempt: 0, loser: "w2", other: 1 },
])("[P1] if $who answers first, the other is cancelled", ({ winner, attempt, loser, other }) => {
  const s = withLate();
  s.join("w2");
  expect(s.done(winner, "late", attempt)).toMatchObject([
    { type: "accept-result", task: "late", worker: winner, name: "f", attempts: 2 },
    { type: "cancel-run", worker: loser, task: "late", attempt: other },
  ]);
  expect(s.done(loser, "late", other), "a late answer").toEqual([]);
  expect(s.state.tasks.size + s.state.copies.size).toBe(0);
  for (const { launched } of s.state.workers.values()) expect(launched).toBe(0);
});

test("[P2] if the first attempt is lost, the copy goes on, and no retry is spent", () => {
  const s = withLate({ retriesMax: 0 });
  s.join("w2");
  expect(s.leave("w1")).toEqual([]);
  expect(s.task("late")).toMatchObject({ attempt: 1, losses: 0 });
  expect(kinds(s.done("w2", "late", 1))).toEqual(["accept-result"]);
});

test("[P3] if the copy is lost, its number is not used again", () => {
  const s = withLate();
  s.join("w2");
  expect(s.leave("w2")).toEqual([]);
  s.join("w3");
  expect(s.leave("w1")).toMatchObject([{ type: "run", worker: "w3", attempt: 2 }]);
});

test("an error of its own code ends both", () => {
  const s = withLate();
  s.join("w2");
  const failed = s.feed({
    type: "task-failed",
    worker: "w2" as PeerId,
    task: "late" as TaskId,
    attempt: 1,
    error: { code: "TASK_FAILED", message: "it threw" },
  });
  expect(kinds(failed)).toEqual(["cancel-run", "fail-task"]);
});

test("cancelled, both attempts stop; so they do with their job", () => {
  const s = withLate();
  s.join("w2");
  expect(s.cancel("late")).toMatchObject([
    { type: "cancel-run", worker: "w1", isGraceful: true },
    { type: "cancel-run", worker: "w2", isGraceful: true },
    { type: "fail-task", task: "late" },
  ]);
  const again = withLate();
  again.join("w2");
  const ended = again.feed({ type: "job-ended", job: "d" as JobId });
  expect(kinds(ended)).toEqual(["cancel-run", "cancel-run", "fail-task"]);
  expect(again.state.copies.size).toBe(0);
});

test("cancelled by force, neither attempt is given time to end by itself", () => {
  const s = withLate();
  s.join("w2");
  const order = { type: "task-cancelled", task: "late" as TaskId, why: "its driver did" } as const;
  const effects = s.feed({ ...order, isForced: true });
  expect(kinds(effects)).toEqual(["cancel-run", "cancel-run", "fail-task"]);
  expect(effects.some((effect) => "isGraceful" in effect)).toBe(false);
});

test("a copy that its worker never mentions is given up alone", () => {
  const s = withLate();
  s.join("w2");
  const startMs = s.nowMs;
  for (; s.nowMs <= startMs + LEASE_MS_MAX; s.nowMs += 10_000) {
    s.beat("w1", ["late", 0]);
    s.beat("w2");
  }
  expect(s.tick(s.nowMs)).toEqual([]);
  expect(s.task("late")).toMatchObject({ attempt: 0, losses: 0 });
  expect(s.state.workers.get("w2" as PeerId)!.launched).toBe(0);
});
