import { backOffMs, chanceOf } from "../../shared/back-off-ms.ts";
import { makeReady } from "./ready-lines.ts";
import type { SchedulerState, TaskRecord } from "./types.ts";

/** The pause before a task that failed is tried again. */

/**
 * Tasks that failed and wait a while before they are tried again. Waking them costs what there is to
 * wake: times are rounded, so there are never more than a hundred of them.
 */
export interface Resting {
  readonly until: Map<TaskRecord, number>;
  readonly byTime: Map<number, Set<TaskRecord>>;
}

const GRAIN_MS = 50;

/** @param failures in a row. */
export function rest(
  { resting }: SchedulerState,
  task: TaskRecord,
  { failures, atMs }: { readonly failures: number; readonly atMs: number },
): void {
  const waitMs = backOffMs(failures, chanceOf(`${task.id} ${task.attempt}`));
  const untilMs = Math.ceil((atMs + waitMs) / GRAIN_MS) * GRAIN_MS;
  task.state = "resting";
  resting.until.set(task, untilMs);
  const others = resting.byTime.get(untilMs);
  if (others) others.add(task);
  else resting.byTime.set(untilMs, new Set([task]));
}

/** It ends before its time. */
export function stopResting({ resting }: SchedulerState, task: TaskRecord): void {
  const untilMs = resting.until.get(task);
  if (untilMs === undefined) return;
  resting.until.delete(task);
  const others = resting.byTime.get(untilMs)!;
  others.delete(task);
  if (others.size === 0) resting.byTime.delete(untilMs);
}

/** Have those go on whose time has come. */
export function wakeRested(state: SchedulerState, atMs: number): void {
  const { until, byTime } = state.resting;
  for (const [untilMs, tasks] of byTime) {
    if (untilMs > atMs) continue;
    byTime.delete(untilMs);
    for (const task of tasks) {
      until.delete(task);
      makeReady(state, task);
    }
  }
}

/** When the next one's time comes: a tick then is not too soon. */
export function nextWakeMs({ resting: { byTime } }: SchedulerState): number | undefined {
  if (byTime.size === 0) return undefined;
  let soonest: number | undefined;
  for (const untilMs of byTime.keys()) soonest = Math.min(soonest ?? untilMs, untilMs);
  return soonest;
}
