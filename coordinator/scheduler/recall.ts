import type { TaskId } from "../../shared/ids.ts";
import { RECALLED_MAX } from "../../shared/protocol/limits.ts";
import { hasRoom } from "./placement.ts";
import { countToRecall, restOf, type Holder } from "./policy/recall.ts";
import { slotsOf } from "./policy/speed.ts";
import type { Shape, SchedulerEffect, SchedulerState, TaskRecord, WorkerRecord } from "./types.ts";

/**
 * Work that was given ahead is asked back when others are idle (S6). A task stays its holder's until the
 * holder returns it, which it does only if it has not started it: so an answer that crosses the
 * request counts. Without an answer in time the others are asked for, and in the end the same again:
 * so a request that gets lost, or came too early for what is stuck there, costs that time and no more.
 */

/** Looked at for one event. */
const HOLDERS_MAX = 8;
const IDLE_MAX = 8;
const RUNNING_MAX = 8;
const AHEAD_MAX = 32;
/** A holder that has not answered for so long, besides the way, has started what it was asked for. */
const ANSWER_MS = 100;

/** Something became free, and no task is ready that could go there. */
export function recallForIdle(
  state: SchedulerState,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  let left = Math.min(HOLDERS_MAX, state.ahead.size);
  for (; left > 0; left--) {
    const holder = state.ahead.first!;
    if (holder.prefetched.size === 0) {
      state.ahead.delete(holder);
      continue;
    }
    state.ahead.moveToEnd(holder);
    const isAsked = holder.recalled !== undefined && atMs < holder.recalledUntilMs;
    if (!isAsked) recallFrom(holder, atMs, effects);
  }
}

/** Whether the worker was asked to return the task. */
export const wasRecalled = ({ recalled, unanswered }: WorkerRecord, task: TaskRecord): boolean =>
  recalled?.has(task) === true || unanswered?.has(task) === true;

/** What it got last may suit none of those that are idle, and what is before that may. */
function recallFrom(holder: WorkerRecord, atMs: number, effects: SchedulerEffect[]): void {
  const passed: Shape[] = [];
  let left = AHEAD_MAX;
  for (const last of holder.prefetched.backwards()) {
    if (left-- === 0) return;
    const { shape } = last.group;
    if (passed.includes(shape)) continue;
    const count = shape.ready.length > 0 ? undefined : countFor(holder, last, atMs);
    if (count === undefined) passed.push(shape);
    else return recall(holder, { shape, count }, atMs, effects);
  }
}

/** Over the workers that are idle for its shape. @returns nothing if there are none. */
function countFor(holder: WorkerRecord, last: TaskRecord, atMs: number): number | undefined {
  const { shape, averageMs } = last.group;
  let about: Holder | undefined;
  let count = 0;
  let left = IDLE_MAX;
  for (const { open } of shape.pools) {
    for (const idle of open) {
      if (left-- === 0) return about && Math.min(count, RECALLED_MAX);
      if (idle === holder || !hasRoom(idle, shape)) continue;
      about ??= aboutHolder(holder, atMs);
      count += countToRecall(
        { ...about, count: about.count - count },
        {
          slots: freeSlots(idle, shape),
          runUs: (averageMs ?? 0) * 1_000 * idle.speed.slowness,
          roundTripUs: idle.speed.roundTripMs * 1_000,
        },
      );
      if (count >= about.count) return Math.min(about.count, RECALLED_MAX);
    }
  }
  return about && Math.min(count, RECALLED_MAX);
}

function aboutHolder(holder: WorkerRecord, atMs: number): Holder {
  const { prefetched, aheadUs, launched, slow, speed } = holder;
  return {
    count: prefetched.size,
    aheadUs,
    slots: launched - prefetched.size - slow,
    restUs: restUsOf(holder, atMs),
    roundTripUs: speed.roundTripMs * 1_000,
  };
}

/** Until a task ends there, as far as can be told by those that it got first. */
function restUsOf({ assigned, prefetched, speed }: WorkerRecord, atMs: number): number {
  let least = Number.POSITIVE_INFINITY;
  let left = RUNNING_MAX;
  for (const task of assigned) {
    if (left-- === 0 || prefetched.has(task)) break;
    if (task.state !== "running") continue;
    const ranForMs = Math.max(0, atMs - task.launchedMs - speed.roundTripMs);
    least = Math.min(least, restOf(ranForMs * 1_000, task.expectedUs));
  }
  return Number.isFinite(least) ? least : 0;
}

const freeSlots = ({ capacity, used }: WorkerRecord, { demands }: Shape): number =>
  slotsOf(
    {
      cpuMilli: capacity.cpuMilli - used.cpuMilli,
      gpuMilli: capacity.gpuMilli - used.gpuMilli,
      memoryBytes: capacity.memoryBytes - used.memoryBytes,
    },
    demands,
  );

/** All that it was given ahead, whatever it was asked for before. */
export function recallAll(holder: WorkerRecord, atMs: number, effects: SchedulerEffect[]): void {
  const tasks = [...holder.prefetched.backwards()];
  if (tasks.length === 0) return;
  holder.unanswered = undefined;
  for (let at = 0; at < tasks.length; at += RECALLED_MAX) {
    ask(holder, tasks.slice(at, at + RECALLED_MAX), effects);
  }
  noteAsked(holder, tasks, atMs);
}

/** Ask for those of a shape that it got last, and for those that it was asked for already only then. */
function recall(
  holder: WorkerRecord,
  { shape, count }: { readonly shape: Shape; readonly count: number },
  atMs: number,
  effects: SchedulerEffect[],
): void {
  if (count === 0) return;
  const { prefetched } = holder;
  const unanswered = expire(holder);
  const tasks: TaskRecord[] = [];
  for (const task of prefetched.backwards()) {
    if (tasks.length === count) break;
    if (task.group.shape === shape && !unanswered?.has(task)) tasks.push(task);
  }
  for (const task of unanswered ?? []) {
    if (tasks.length === count) break;
    if (task.group.shape === shape && prefetched.has(task)) tasks.push(task);
  }
  if (tasks.length === 0) return;
  for (const task of tasks) unanswered?.delete(task);
  if (unanswered?.size === 0) holder.unanswered = undefined;
  noteAsked(holder, tasks, atMs);
  ask(holder, tasks, effects);
}

function noteAsked(holder: WorkerRecord, tasks: readonly TaskRecord[], atMs: number): void {
  holder.recalled = new Set(tasks);
  holder.recalledUntilMs = atMs + ANSWER_MS + 2 * holder.speed.roundTripMs;
}

function ask(holder: WorkerRecord, tasks: readonly TaskRecord[], effects: SchedulerEffect[]): void {
  const named = tasks.map(({ id, attempt }): [TaskId, number] => [id, attempt]);
  effects.push({ type: "recall-runs", worker: holder.id, tasks: named });
}

/** The request before was not answered in time. @returns all that it was asked for in vain. */
function expire(holder: WorkerRecord): Set<TaskRecord> | undefined {
  const { recalled, unanswered } = holder;
  holder.recalled = undefined;
  if (!unanswered) return (holder.unanswered = recalled);
  for (const task of recalled ?? []) unanswered.add(task);
  return unanswered;
}
