import { rankOf } from "./choices.ts";
import { nextAttempt } from "./copies.ts";
import { hasRoom, launch } from "./placement.ts";
import { copiesMax, isWorthACopy } from "./policy/speculation.ts";
import type {
  SchedulerEffect,
  SchedulerState,
  SchedulingClass,
  TaskRecord,
  WorkerRecord,
} from "./types.ts";

/** Tasks that are late are started once more on workers that are idle (S11). */

/** Looked at for one event. */
const CLASSES_MAX = 4;
const TASKS_MAX = 16;
const IDLE_MAX = 8;
const SHAPES_MAX = 8;

/** Something became free, or time has passed, and no task is ready that could go there. */
export function copyStragglers(
  state: SchedulerState,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  let left = Math.min(CLASSES_MAX, state.speculating.size);
  for (; left > 0; left--) {
    const group = state.speculating.first!;
    if (group.speculation!.running.size === 0) {
      state.speculating.delete(group);
      continue;
    }
    state.speculating.moveToEnd(group);
    if (group.shape.ready.length === 0) copyLate(state, group, atMs, effects);
  }
}

function copyLate(
  state: SchedulerState,
  group: SchedulingClass,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  const { running, copies } = group.speculation!;
  const slots = group.shape.pools.reduce((sum, { throughput }) => sum + throughput.slots, 0);
  let left = TASKS_MAX;
  for (const task of running) {
    if (left-- === 0 || copies.size >= copiesMax(slots)) return;
    const { worker, cpus } = task;
    // What waits for others is not late itself; what waits ahead is recalled instead.
    if (!worker || cpus === "lent" || worker.prefetched.has(task)) continue;
    const idle = idleFor(state, task, atMs);
    if (idle) start(state, { task, worker: idle }, atMs, effects);
  }
}

/** A worker that does nothing and would probably be done much sooner. */
function idleFor(state: SchedulerState, task: TaskRecord, atMs: number): WorkerRecord | undefined {
  const { group, launchedMs } = task;
  const { shape, speculation } = group;
  const { id, speed } = task.worker!;
  const ranForMs = Math.max(0, atMs - launchedMs - speed.roundTripMs);
  let left = IDLE_MAX;
  for (const { open } of shape.pools) {
    for (const idle of open) {
      if (left-- === 0) return undefined;
      if (idle.id === id || !hasRoom(idle, shape) || isWanted(state, idle)) continue;
      const attempt = { ranForMs, slowness: speed.slowness };
      if (isWorthACopy(speculation!.durations, attempt, idle.speed)) return idle;
    }
  }
  return undefined;
}

/** Whether it could hold something that waits, so that it should be kept free. */
function isWanted(state: SchedulerState, worker: WorkerRecord): boolean {
  if (state.pendingGroups.size > 0) return true;
  let left = SHAPES_MAX;
  for (const shape of state.readyShapes) {
    if (left-- === 0 || rankOf(worker, shape) >= 0) return true;
  }
  return false;
}

function start(
  state: SchedulerState,
  { task, worker }: { readonly task: TaskRecord; readonly worker: WorkerRecord },
  atMs: number,
  effects: SchedulerEffect[],
): void {
  const { running, copies } = task.group.speculation!;
  const attempt = nextAttempt(state, task);
  const copy: TaskRecord = {
    ...task,
    attempt,
    worker: undefined,
    cpus: "kept",
    places: task.places.map(() => undefined),
    story: task.story && [...task.story],
  };
  state.copies.set(task.id, { copy, attempt });
  state.counters.copied += 1;
  launch(state, { task: copy, worker }, atMs, effects);
  // Neither is copied again.
  running.delete(task);
  running.delete(copy);
  copies.add(copy);
}
