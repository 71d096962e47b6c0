import type { TaskId } from "../../shared/ids.ts";
import { RECALLED_MAX } from "../../shared/protocol/limits.ts";
import { hasRoom } from "./placement.ts";
import { countToRecall, restOf, type Holder } from "./policy/recall.ts";
import { slotsOf } from "./policy/speed.ts";
import type { Shape, SchedulerEffect, SchedulerState, TaskRecord, WorkerRecord } from "./types.ts";

/**
 * Work that was given ahead is asked back when others are idle (S6). A task stays its holder's until the
 * holder returns it, which it does only if it has not started it: so an answer that crosses the
 * request counts, and a request that gets lost costs nothing.
 */

/** Looked at for one event. */
const HOLDERS_MAX = 8;
const IDLE_MAX = 8;
const RUNNING_MAX = 8;
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
    const last = holder.prefetched.last;
    if (!last) {
      state.ahead.delete(holder);
      continue;
    }
    state.ahead.moveToEnd(holder);
    const { shape } = last.group;
    const isAsked = holder.recalled !== undefined && atMs < holder.recalledUntilMs;
    if (isAsked || shape.ready.length > 0) continue;
    const count = countFor(holder, last, atMs);
    if (count > 0) recall(holder, count, atMs, effects);
  }
}

/** Over the workers that are idle for its shape. */
function countFor(holder: WorkerRecord, last: TaskRecord, atMs: number): number {
  const { shape, averageMs } = last.group;
  const about = aboutHolder(holder, atMs);
  let count = 0;
  let left = IDLE_MAX;
  for (const { open } of shape.pools) {
    for (const idle of open) {
      if (left-- === 0) return Math.min(count, RECALLED_MAX);
      if (idle === holder || !hasRoom(idle, shape)) continue;
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
  return Math.min(count, RECALLED_MAX);
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

/** Ask for those that it got last. */
function recall(
  holder: WorkerRecord,
  count: number,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  const recalled = (holder.recalled ??= new Set());
  const tasks: [TaskId, number][] = [];
  for (const task of holder.prefetched.backwards()) {
    if (tasks.length === count) break;
    if (recalled.has(task)) continue;
    recalled.add(task);
    tasks.push([task.id, task.attempt]);
  }
  if (recalled.size === 0) holder.recalled = undefined;
  if (tasks.length === 0) return;
  holder.recalledUntilMs = atMs + ANSWER_MS + 2 * holder.speed.roundTripMs;
  effects.push({ type: "recall-runs", worker: holder.id, tasks });
}
