import { expect, test } from "vitest";
import type { CallableId, TaskId } from "../../shared/ids.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";
import type { SchedulerEffect } from "./types.ts";

/** Workers of four CPUs each, and tasks of one. */
function scene(...workers: string[]) {
  const s = new TestScheduler();
  s.define("f");
  for (const worker of workers) s.join(worker, cpus(4));
  const submit = (task: string, parent?: string) =>
    s.feed({
      type: "task-submitted",
      task: task as TaskId,
      class: "f" as CallableId,
      missing: [],
      ...(parent ? { parent: parent as TaskId } : {}),
    });
  const cancel = (task: string, more = {}) =>
    s.feed({ type: "task-cancelled", task: task as TaskId, why: "its driver did", ...more });
  return { s, submit, cancel };
}

const inShort = (effects: readonly SchedulerEffect[]): string[] =>
  effects.flatMap((effect) => {
    if (effect.type === "fail-task") return [`${effect.task} ${effect.error.code}`];
    if (effect.type !== "cancel-run") return [];
    return [`stop ${effect.task} on ${effect.worker}${effect.isGraceful ? " gently" : ""}`];
  });

test("a recursive cancel reaches every depth, on every worker, and nothing else", () => {
  const { s, submit, cancel } = scene("w1");
  submit("root");
  submit("bystander");
  submit("a", "root");
  s.join("w2", cpus(4));
  submit("b", "a");
  submit("c", "b");
  submit("d", "b");
  expect(runsIn(submit("e", "d"))).toEqual(["e on w2"]);
  const effects = inShort(cancel("root", { isRecursive: true }));
  for (const task of ["root", "a", "b", "c", "d", "e"]) {
    expect(effects).toContain(`${task} TASK_CANCELLED`);
    expect(effects.some((effect) => effect.startsWith(`stop ${task} on`))).toBe(true);
  }
  expect([...s.state.tasks.keys()]).toEqual(["bystander"]);
  expect(s.state.family.parents.size).toBe(0);
});

test("what a task submitted that has ended meanwhile is cancelled with the one above it", () => {
  const { s, submit, cancel } = scene("w1");
  submit("root");
  submit("middle", "root");
  submit("leaf", "middle");
  s.done("w1", "middle");
  expect(inShort(cancel("root", { isRecursive: true }))).toContain("leaf TASK_CANCELLED");
});

test("without recursion, what a cancelled task has submitted goes on", () => {
  const { s, submit, cancel } = scene("w1");
  submit("root");
  submit("child", "root");
  expect(inShort(cancel("root"))).toEqual(["stop root on w1 gently", "root TASK_CANCELLED"]);
  expect(s.task("child")?.state).toBe("running");
});

test("force is passed on to the workers", () => {
  const { submit, cancel } = scene("w1");
  submit("root");
  submit("child", "root");
  const effects = inShort(cancel("root", { isForced: true, isRecursive: true }));
  expect(effects.filter((effect) => effect.includes("stop"))).toEqual([
    "stop child on w1",
    "stop root on w1",
  ]);
});

test("a cancelled task is not run again when its worker is lost", () => {
  const { s, submit, cancel } = scene("w1", "w2");
  submit("root");
  cancel("root");
  expect(runsIn(s.leave("w1"))).toEqual([]);
});
