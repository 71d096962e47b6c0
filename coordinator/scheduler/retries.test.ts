import { expect, test } from "vitest";
import type { ActorId, PeerId, TaskId } from "../../shared/ids.ts";
import { explainTask } from "./explain.ts";
import { nextWakeMs } from "./resting.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";

function scene(retriesMax = 2) {
  const s = new TestScheduler();
  s.define("f", { retriesMax });
  s.join("w1");
  s.submit("t", "f");
  const fails = (attempt: number, isRetryable = true) =>
    s.feed({
      type: "task-failed",
      worker: "w1" as PeerId,
      task: "t" as TaskId,
      attempt,
      error: { code: "TASK_FAILED", message: "it threw Error: busy" },
      isRetryable,
    });
  return { s, fails };
}

test("what its retryOn is meant for is tried again after a pause that grows, as often as retriesMax", () => {
  const { s, fails } = scene();
  const pauses: number[] = [];
  for (const attempt of [0, 1]) {
    expect(fails(attempt)).toEqual([]);
    const wakeMs = nextWakeMs(s.state)!;
    pauses.push(wakeMs - s.nowMs);
    expect(runsIn(s.tick(wakeMs - 1))).toEqual([]);
    expect(runsIn(s.tick(wakeMs))).toEqual(["t on w1"]);
    expect(s.task("t")?.attempt).toBe(attempt + 1);
  }
  expect(pauses[0]).toBeGreaterThanOrEqual(50);
  expect(pauses[1]).toBeGreaterThanOrEqual(100);
  expect(fails(2)).toMatchObject([
    { type: "fail-task", error: { code: "TASK_FAILED", message: /busy; that was attempt 3 of 3/ } },
  ]);
});

test("what it is not meant for fails at once", () => {
  const { fails } = scene();
  expect(fails(0, false)).toMatchObject([{ type: "fail-task" }]);
});

test("lost workers and thrown errors use up the same retries", () => {
  const { s, fails } = scene(1);
  s.leave("w1");
  s.join("w1");
  expect(fails(1)).toMatchObject([{ type: "fail-task", attempts: 2 }]);
});

test("while it rests its worker is free, explain says why, and it can be cancelled", () => {
  const { s, fails } = scene();
  s.submit("u", "f");
  expect(runsIn(fails(0))).toEqual(["u on w1"]);
  const { reason, text } = explainTask(s.state, s.task("t")!, { atMs: s.nowMs });
  expect(reason).toMatchObject({ code: "resting" });
  expect(text).toMatch(/tried again in \d+ ms.*busy/);
  expect(s.cancel("t")).toMatchObject([{ type: "fail-task", error: { code: "TASK_CANCELLED" } }]);
  expect(nextWakeMs(s.state)).toBeUndefined();
});

test("[A4] an actor that dies again and again is constructed again after longer and longer pauses", () => {
  const s = new TestScheduler();
  s.define("A", { isActor: true, restartsMax: Number.POSITIVE_INFINITY, demands: cpus(0) });
  s.join("w1");
  s.submit("a", "A");
  const lives = (attempt: number) => s.done("w1", "a", attempt);
  const dies = () =>
    s.feed({
      type: "actor-ended",
      worker: "w1" as PeerId,
      actor: "a" as ActorId,
      error: { code: "ACTOR_DIED", message: "it crashed" },
    });
  const pauses: number[] = [];
  lives(0);
  expect(runsIn(dies()), "the first time it is but a mishap").toEqual(["a on w1"]);
  for (let life = 1; life < 9; life++) {
    lives(life);
    dies();
    const wakeMs = nextWakeMs(s.state)!;
    pauses.push(wakeMs - s.nowMs);
    expect(runsIn(s.tick(wakeMs))).toEqual(["a on w1"]);
  }
  expect(Math.max(...pauses)).toBeLessThanOrEqual(5_050);
  expect(pauses.at(-1)).toBeGreaterThanOrEqual(2_500);
  expect(pauses[0]).toBeLessThanOrEqual(100);
  // A healthy life ends that.
  lives(9);
  s.beat("w1");
  s.nowMs += 10_000;
  expect(runsIn(dies())).toEqual(["a on w1"]);
});
