import { change, fits } from "../../shared/worker/machine/amounts.ts";
import { chargeEnd, chargeLaunch, isCounted, mayHaveMore } from "./charging.ts";
import { rankOf } from "./choices.ts";
import { staysFirst } from "./policy/hybrid.ts";
import { PASSED_OVER_MAX } from "./policy/locality.ts";
import { aheadUsMax } from "./policy/prefetch.ts";
import { isKnown, isLeftToOthers, slotsOf, type Speed } from "./policy/speed.ts";
import {
  firstOf,
  headOf,
  park,
  retireClass,
  servedOnce,
  unqueue,
  type Line,
} from "./ready-lines.ts";
import type {
  PlacementGroupRecord,
  Pool,
  SchedulerEffect,
  SchedulerState,
  SchedulingClass,
  Shape,
  TaskRecord,
  WorkerRecord,
} from "./types.ts";

/**
 * Which worker takes which task.
 *
 * Assumptions: the first task of a shape speaks for all of them; a worker starts what it is given in
 * order; one that is busy now becomes free only when one of its tasks ends. Hence each shape keeps,
 * per choice, the workers that may have room in `open` and `deep`; one found without room is demoted, and comes
 * back when one of its tasks ends. Each demotion is paid for by one end of a task, so a decision
 * costs amortised O(shapes), however many classes and tasks wait and however many workers are busy.
 */

/** So long may a class go unserved while slow workers stand by: the others may be busy for ever. */
const STANDBY_MS_MAX = 30_000;
const PREFETCH_TASKS_MAX = 1_024;
/** Tasks one worker is given at a time, even if they demand nothing. */
const LAUNCHED_TASKS_MAX = 2_048;

/** Give ready tasks to workers: of the job that has got least first, its highest priority first. */
export function placeReadyTasks(
  state: SchedulerState,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  const shapes = [...state.readyShapes];
  while (shapes.length > 0) {
    const next = nextInTurn(shapes);
    const shape = shapes[next]!;
    // What waits for its job's quota has left it, and perhaps nothing else is there.
    const placed = shape.ready.length > 0 && placeOne(state, shape, atMs, effects);
    if (placed && shape.ready.length > 0) continue;
    shapes[next] = shapes.at(-1)!;
    shapes.pop();
  }
}

/** The index of the shape whose first class goes before those of the others. */
function nextInTurn(shapes: readonly Shape[]): number {
  let next = 0;
  for (let i = 1; i < shapes.length; i++) {
    if (shapes[i]!.ready.length === 0 || goesBefore(headOf(shapes[i]!), shapes[next]!)) next = i;
  }
  return next;
}

/** By what their jobs have got; within a job by priority, and then in turn. */
function goesBefore(line: Line, shape: Shape): boolean {
  if (shape.ready.length === 0) return false;
  const other = headOf(shape);
  if (line.job !== other.job) return line.job.servedUs < other.job.servedUs;
  const [a, b] = [firstOf(line), firstOf(other)];
  if (a.priority !== b.priority) return a.priority > b.priority;
  return a.classes.first!.turn < b.classes.first!.turn;
}

/** @returns whether a task of this shape was placed, or its first line is out of the way. */
function placeOne(
  state: SchedulerState,
  shape: Shape,
  atMs: number,
  effects: SchedulerEffect[],
): boolean {
  const line = headOf(shape);
  const group = firstOf(line).classes.first!;
  if (!mayHaveMore(state, group)) {
    park(state, line);
    return true;
  }
  const worker = workerFor(state, { group, task: group.queue.first!, atMs });
  if (!worker) return false;
  const task = nextFor(group, worker);
  unqueue(task);
  if (group.queue.size === 0) retireClass(state, group);
  else servedOnce(state, group);
  launch(state, { task, worker }, atMs, effects);
  return true;
}

/** The oldest that prefers this worker, else the oldest; which is not passed over for ever. */
function nextFor(group: SchedulingClass, worker: WorkerRecord): TaskRecord {
  const oldest = group.queue.first!;
  const near = group.nearBy?.get(worker.id)?.first;
  if (!near || near === oldest || group.passedOver >= PASSED_OVER_MAX) {
    group.passedOver = 0;
    return oldest;
  }
  group.passedOver += 1;
  return near;
}

/**
 * The way of a task for which a worker has room, while none is ready before it: never queued, which
 * was a tenth of what it cost the coordinator.
 * @returns false if it must wait for its turn.
 */
export function placeAtOnce(
  state: SchedulerState,
  task: TaskRecord,
  atMs: number,
  effects: SchedulerEffect[],
): boolean {
  const { group } = task;
  if (state.readyShapes.size > 0 || !mayHaveMore(state, group)) return false;
  const worker = workerFor(state, { group, task, atMs });
  if (!worker) return false;
  launch(state, { task, worker }, atMs, effects);
  return true;
}

export function launch(
  state: SchedulerState,
  { task, worker }: { readonly task: TaskRecord; readonly worker: WorkerRecord },
  atMs: number,
  effects: SchedulerEffect[],
): void {
  assign(worker, task);
  chargeLaunch(state, task);
  if (task.isAhead && worker.prefetched.size === 1) state.ahead.add(worker);
  if (task.group.speculation) {
    task.group.speculation.running.add(task);
    state.speculating.add(task.group);
  }
  moveOn(task.group.shape, worker);
  task.launchedMs = atMs;
  task.group.servedMs = atMs;
  task.leasedMs = atMs;
  state.leased.moveToEnd(task);
  effects.push({ type: "run", worker: worker.id, task: task.id, attempt: task.attempt });
}

/** A task that is to be given to a worker. */
interface Wish {
  readonly group: SchedulingClass;
  readonly task: TaskRecord;
  readonly atMs: number;
}

/**
 * A worker with room, of the first choice that has one; else one that may take a task ahead of time.
 */
function workerFor(state: SchedulerState, wish: Wish): WorkerRecord | undefined {
  const { shape } = wish.group;
  for (const pool of shape.pools) {
    const worker = withRoom(wish, pool);
    if (worker) return nearest(state, wish, pool) ?? worker;
  }
  for (const pool of shape.pools) {
    const worker = standIn(wish, pool) ?? aheadOf(state, shape, pool);
    if (worker) return worker;
  }
  return undefined;
}

function withRoom(wish: Wish, pool: Pool): WorkerRecord | undefined {
  const { open } = pool;
  const { shape } = wish.group;
  for (let worker = open.first; worker; worker = open.first) {
    if (worker.launched >= LAUNCHED_TASKS_MAX || !hasRoom(worker, shape)) {
      demote(pool, worker);
    } else if (standsBy(worker, wish, pool)) {
      open.delete(worker);
      pool.standby.add(worker);
    } else return worker;
  }
  return undefined;
}

/** Of those with room, the one that has most of the arguments. */
function nearest(
  { workers }: SchedulerState,
  { group, task }: Wish,
  { open }: Pool,
): WorkerRecord | undefined {
  const { shape } = group;
  if (!task.near || shape.isSpread || shape.choices[0]!.place) return undefined;
  for (const { worker: id } of task.near) {
    const worker = workers.get(id);
    const isOpen = worker && open.has(worker) && worker.launched < LAUNCHED_TASKS_MAX;
    if (isOpen && hasRoom(worker, shape)) return worker;
  }
  return undefined;
}

/** A slow worker, once enough waits that it should help, or nobody else does anything about it. */
function standIn(wish: Wish, pool: Pool): WorkerRecord | undefined {
  const { standby } = pool;
  for (let worker = standby.first; worker; worker = standby.first) {
    if (worker.launched >= LAUNCHED_TASKS_MAX || !hasRoom(worker, wish.group.shape)) {
      demote(pool, worker);
      continue;
    }
    if (standsBy(worker, wish, pool)) return undefined;
    standby.delete(worker);
    pool.open.add(worker);
    return worker;
  }
  return undefined;
}

/** Unless the class has not been served for as long as this worker would take. */
function standsBy(worker: WorkerRecord, { group, task, atMs }: Wish, pool: Pool): boolean {
  const { averageMs, isActor, queue, shape } = group;
  const { speed, capacity } = worker;
  if (isActor || averageMs === undefined || !isKnown(speed, averageMs, atMs)) return false;
  const load = { queued: Math.max(1, queue.size), all: pool.throughput };
  if (!isLeftToOthers(speed, slotsOf(capacity, shape.demands), load)) return false;
  const unservedMs = atMs - Math.max(group.servedMs, task.submittedMs);
  return unservedMs < Math.min(STANDBY_MS_MAX, averageMs * speed.published);
}

/** It has no room: it comes back when one of its tasks ends. */
export function demote(pool: Pool, worker: WorkerRecord): void {
  pool.open.delete(worker);
  pool.standby.delete(worker);
  pool.deep.add(worker);
  worker.demotedFrom.push(pool);
}

function aheadOf(state: SchedulerState, shape: Shape, { deep }: Pool): WorkerRecord | undefined {
  for (let worker = deep.first; worker; worker = deep.first) {
    if (mayTakeAhead(state, worker, shape)) {
      deep.moveToEnd(worker);
      return worker;
    }
    deep.delete(worker);
  }
  return undefined;
}

/** It was given a task: whether the next one goes to another is a matter of policy. */
function moveOn({ pools, takesTurns }: Shape, worker: WorkerRecord): void {
  if (!takesTurns && staysFirst(worker)) return;
  for (const { open } of pools) if (open.has(worker)) open.moveToEnd(worker);
}

/** It could start now: nothing that came before waits, because the worker keeps the order. */
export const hasRoom = (worker: WorkerRecord, shape: Shape): boolean =>
  worker.prefetched.size === 0 &&
  fits(worker.capacity, worker.used, shape.demands) &&
  mayWaitOn(worker, shape);

/**
 * Each task that waits for others occupies an executor, of which there are so many. What drivers
 * submit gets half of them, what those tasks submit half of the rest, and so on: or many tasks could
 * wait for each other's room.
 */
const mayWaitOn = ({ lent }: WorkerRecord, { depth, isActor }: Shape): boolean =>
  isActor || depth === DEPTH_MAX || lent < LENT_MAX - (LENT_MAX >> (depth + 1));

/** Tasks of one worker that wait for others and lend their CPUs (lending.ts). */
export const LENT_MAX = 64;
/** Tasks that are submitted deeper than this are treated alike. */
export const DEPTH_MAX = 6;

/**
 * Whether a busy worker may be given a task beyond what it runs: only if the ends of short tasks
 * make room for it, soon. What slow tasks hold comes back late, what actors hold perhaps never.
 */
function mayTakeAhead(state: SchedulerState, worker: WorkerRecord, shape: Shape): boolean {
  const { demands, isActor } = shape;
  return (
    !isActor &&
    mayWaitOn(worker, shape) &&
    worker.aheadUs < aheadUsMax(worker.speed) * Math.max(1, shortRunning(worker)) &&
    worker.prefetched.size < PREFETCH_TASKS_MAX &&
    worker.launched < LAUNCHED_TASKS_MAX &&
    fits(worker.capacity, worker.held, demands) &&
    !isAwaited(state, worker)
  );
}

const shortRunning = ({ launched, prefetched, slow }: WorkerRecord): number =>
  launched - prefetched.size - slow;

/**
 * Whether an actor waits that fits as soon as the worker has done what it has. An actor is not given
 * ahead: while a task before it fetches its arguments it could take that task's room for good. So
 * the worker must run empty for it, or a stream of short tasks would keep it out.
 */
function isAwaited(state: SchedulerState, worker: WorkerRecord): boolean {
  const { first: group } = state.pendingGroups;
  // The oldest is enough: one after the other finds its place.
  if (group && !group.isHopeless && !worker.bundle && mayHold(worker, group)) return true;
  for (const shape of state.readyActors) {
    const isPossible = rankOf(worker, shape) >= 0;
    if (isPossible && fits(worker.capacity, worker.held, shape.demands)) return true;
  }
  return false;
}

const mayHold = (worker: WorkerRecord, { bundles }: PlacementGroupRecord): boolean =>
  bundles.some(({ place, shape }) => {
    const isPossible = !place && rankOf(worker, shape) >= 0;
    return isPossible && fits(worker.capacity, worker.held, shape.demands);
  });

/** What has not ended yet, and the construction of an actor, may take for ever. */
function expectedUs(group: SchedulingClass, { slowness }: Speed, maxUs: number): number {
  const { isActor, averageMs, waits } = group;
  if (isActor || averageMs === undefined || waits) return maxUs;
  return Math.min(maxUs, Math.round(averageMs * slowness * 1_000));
}

function assign(worker: WorkerRecord, task: TaskRecord): void {
  const { group } = task;
  const maxUs = aheadUsMax(worker.speed);
  task.state = "running";
  task.worker = worker;
  task.expectedUs = expectedUs(group, worker.speed, maxUs);
  task.isSlow = task.expectedUs === maxUs;
  task.isAhead = !hasRoom(worker, group.shape);
  worker.assigned.add(task);
  worker.launched += 1;
  if (task.isSlow) {
    worker.slow += 1;
    change(worker.held, group.demands, 1);
  }
  if (task.isAhead) {
    worker.prefetched.add(task);
    worker.aheadUs += task.expectedUs;
  } else {
    change(worker.used, group.demands, 1);
  }
}

/** A task of this worker ended: it may have room again for every class. */
export function vacate(state: SchedulerState, task: TaskRecord, ranForMs?: number): void {
  takeBack(task);
  task.cpus = "kept";
  const worker = task.worker!;
  const { demands, isActor } = task.group;
  chargeEnd(state, task, { worker, ranForMs });
  worker.assigned.delete(task);
  if (task.state === "running") land(worker, task);
  if (worker.prefetched.delete(task)) worker.aheadUs -= task.expectedUs;
  else change(worker.used, demands, -1);
  if (isActor) change(worker.held, demands, -1);
  state.leased.delete(task);
  task.worker = undefined;
  const { speculation } = task.group;
  if (speculation && !speculation.running.delete(task)) speculation.copies.delete(task);
  if (worker.recalled?.delete(task) && worker.recalled.size === 0) worker.recalled = undefined;
  if (worker.unanswered?.delete(task) && worker.unanswered.size === 0) {
    worker.unanswered = undefined;
  }
  freed(state, worker);
}

/** Some of what it has is free again. */
export function freed(state: SchedulerState, worker: WorkerRecord): void {
  startPrefetched(state, worker);
  promote(worker);
  if (worker.prefetched.size === 0) state.isIdle = true;
  state.isRoomMade = true;
}

/** What lent its CPUs (lending.ts) goes on, or ends. */
export function takeBack(task: TaskRecord): void {
  const { worker, group } = task;
  if (!worker || task.cpus !== "lent") return;
  task.cpus = "returned";
  worker.lent -= 1;
  promote(worker);
  worker.isDeep = false;
  worker.used.cpuMilli += group.demands.cpuMilli;
  if (isCounted(group)) group.line.job.used.cpuMilli += group.demands.cpuMilli;
  if (holdsOn(task)) worker.held.cpuMilli += group.demands.cpuMilli;
}

/** Whether nobody knows when the task will free what it has. */
export const holdsOn = (task: TaskRecord): boolean =>
  task.group.isActor || (task.state === "running" && task.isSlow);

/** The worker starts what it holds in order, as soon as it fits. */
export function startPrefetched({ nowMs }: SchedulerState, worker: WorkerRecord): void {
  for (let task = worker.prefetched.first; task; task = worker.prefetched.first) {
    if (!fits(worker.capacity, worker.used, task.group.demands)) return;
    worker.prefetched.delete(task);
    worker.aheadUs -= task.expectedUs;
    task.launchedMs = nowMs;
    change(worker.used, task.group.demands, 1);
  }
}

/** An actor was constructed: it keeps its resources, but is not under way any more. */
export function settleIn(task: TaskRecord): void {
  takeBack(task);
  const worker = task.worker!;
  land(worker, task);
  task.state = "alive";
  promote(worker);
}

/** It is not under way any more. An actor that was constructed goes on to hold what it has. */
function land(worker: WorkerRecord, task: TaskRecord): void {
  const { demands, isActor } = task.group;
  worker.launched -= 1;
  if (!task.isSlow) return;
  worker.slow -= 1;
  if (!isActor) change(worker.held, demands, -1);
}

export function promote(worker: WorkerRecord): void {
  for (const pool of worker.demotedFrom) {
    pool.deep.delete(worker);
    pool.open.add(worker);
  }
  worker.demotedFrom.length = 0;
}
