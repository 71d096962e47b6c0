import type { ObjectId } from "../../shared/ids.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { forget } from "./actors.ts";
import { endOthers } from "./copies.ts";
import { descendantsOf } from "./family.ts";
import { vacate } from "./placement.ts";
import { takeFromQueue } from "./ready-lines.ts";
import { stopResting } from "./resting.ts";
import type { SchedulerEffect, SchedulerState, TaskRecord } from "./types.ts";

/** How tasks come to an end that is not a result. */

/** Fail a task that nobody wants any more. If it runs, its code may still tidy up. */
export function abandon(
  state: SchedulerState,
  task: TaskRecord,
  why: string,
  effects: SchedulerEffect[],
): void {
  cancelTask(state, task, { why, isForced: false }, effects);
}

/**
 * The same, as its driver asks. Its end is told at once; code that heeds its signal has a while to end
 * by itself, and the worker counts what that occupies.
 */
export function cancelTask(
  state: SchedulerState,
  task: TaskRecord,
  { why, isForced }: { readonly why: string; readonly isForced: boolean },
  effects: SchedulerEffect[],
): void {
  const { worker, attempt, id } = task;
  if (worker) {
    const order = { worker: worker.id, task: id, attempt };
    effects.push({ type: "cancel-run", ...order, ...(isForced ? {} : { isGraceful: true }) });
  }
  if (state.copies.size > 0) endOthers(state, task, effects, !isForced);
  failTask(state, task, cancelled(task, why), effects);
}

/** Cancel what came from the task: how deep in it, and on which workers, does not matter. */
export function cancelDescendants(
  state: SchedulerState,
  { id, group }: TaskRecord,
  isForced: boolean,
  effects: SchedulerEffect[],
): void {
  const why = `${group.name} (${id}), which it was submitted for, was cancelled`;
  for (const task of descendantsOf(state, id)) cancelTask(state, task, { why, isForced }, effects);
}

/** Fail a task, and stop it if it runs. */
export function endTask(
  state: SchedulerState,
  task: TaskRecord,
  error: WireError,
  effects: SchedulerEffect[],
): void {
  const { worker, attempt, id } = task;
  if (worker) effects.push({ type: "cancel-run", worker: worker.id, task: id, attempt });
  failTask(state, task, error, effects);
}

/** Take the task off whatever it is on, and tell. */
export function failTask(
  state: SchedulerState,
  task: TaskRecord,
  error: WireError,
  effects: SchedulerEffect[],
): void {
  if (task.state === "ready") takeFromQueue(state, task);
  else if (task.state === "resting") stopResting(state, task);
  if (task.missing) {
    for (const object of task.missing) dropDependent(state, object, task);
  }
  if (task.worker) vacate(state, task);
  if (state.copies.size > 0) endOthers(state, task, effects);
  state.counters.failed += 1;
  forget(state, task);
  const { id, attempt, submittedMs, story } = task;
  const about = { name: task.group.name, attempts: attempt + 1, submittedMs, story };
  effects.push({ type: "fail-task", task: id, error, ...about });
}

function dropDependent(state: SchedulerState, object: ObjectId, task: TaskRecord): void {
  const dependents = state.dependents.get(object);
  dependents?.delete(task);
  if (dependents?.size === 0) state.dependents.delete(object);
}

const cancelled = (task: TaskRecord, why: string): WireError => ({
  code: "TASK_CANCELLED",
  message: `${task.group.name} (${task.id}) was cancelled: ${why}`,
});
