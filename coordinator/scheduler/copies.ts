import type { PeerId, TaskId } from "../../shared/ids.ts";
import { invariant } from "../../shared/errors.ts";
import { vacate } from "./placement.ts";
import type { SchedulerEffect, SchedulerState, TaskRecord } from "./types.ts";

/**
 * A task may run twice: its record in `tasks`, and a copy with a later attempt on another worker.
 *
 *   P1. The first answer of either counts; the other attempt is cancelled.
 *   P2. If one of them is lost, the other goes on, and that costs no retry.
 *   P3. No number of an attempt is used again, so answers of attempts that are over stay stale.
 */
export interface CopyRecord {
  /** There while it runs. */
  copy: TaskRecord | undefined;
  /** The number of the copy's attempt. */
  readonly attempt: number;
}

/** The attempt of the task that runs on that worker under that number, if one does. */
export function runningAttempt(
  state: SchedulerState,
  worker: PeerId,
  id: TaskId,
  attempt: number,
): TaskRecord | undefined {
  const task = state.tasks.get(id);
  if (task?.worker?.id === worker && task.attempt === attempt) {
    return task.state === "running" ? task : undefined;
  }
  if (state.copies.size === 0) return undefined;
  const copy = state.copies.get(id)?.copy;
  return copy?.worker?.id === worker && copy.attempt === attempt ? copy : undefined;
}

/** Whether the task, or a copy of it, is with that worker. */
export const isWith = (state: SchedulerState, worker: PeerId, id: TaskId): boolean =>
  state.tasks.get(id)?.worker?.id === worker || state.copies.get(id)?.copy?.worker?.id === worker;

/** Whether it is the present attempt, or that of a copy. */
export const isCurrent = (state: SchedulerState, id: TaskId, attempt: number): boolean =>
  state.tasks.get(id)?.attempt === attempt || state.copies.get(id)?.copy?.attempt === attempt;

/** The number that no attempt of this task has had. */
export const nextAttempt = (state: SchedulerState, { id, attempt }: TaskRecord): number =>
  Math.max(attempt, state.copies.get(id)?.attempt ?? 0) + 1;

/**
 * An attempt was lost, and has been taken off its worker.
 * @returns whether the task runs on in another.
 */
export function goesOn(state: SchedulerState, lost: TaskRecord): boolean {
  const record = state.copies.get(lost.id);
  const copy = record?.copy;
  if (!copy) return false;
  record.copy = undefined;
  if (copy === lost) return true;
  copy.group.speculation?.copies.delete(copy);
  state.tasks.set(copy.id, copy);
  const job = state.jobs.get(copy.group.job);
  invariant(job, `${copy.id} has no job`);
  job.tasks.delete(lost);
  job.tasks.add(copy);
  return true;
}

/**
 * One attempt came to the task's end: cancel the other.
 * @param isGraceful whether the other's code may tidy up: not when an answer counts already.
 * @returns the task's record.
 */
export function endOthers(
  state: SchedulerState,
  ended: TaskRecord,
  effects: SchedulerEffect[],
  isGraceful = false,
): TaskRecord {
  const record = state.copies.get(ended.id);
  const task = state.tasks.get(ended.id)!;
  const other = record?.copy === ended ? task : record?.copy;
  if (record) record.copy = undefined;
  if (other?.worker) {
    const { worker, id, attempt } = other;
    const order = { worker: worker.id, task: id, attempt };
    effects.push({ type: "cancel-run", ...order, ...(isGraceful ? { isGraceful } : {}) });
    vacate(state, other);
  }
  return task;
}
