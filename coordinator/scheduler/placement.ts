import { LinkedSet } from "../../shared/collections/linked-set.ts";
import type { Demands, Labels } from "../../shared/protocol/schema.ts";
import type {
  SchedulerEffect,
  SchedulerState,
  SchedulingClass,
  TaskRecord,
  WorkerRecord,
} from "./types.ts";

/**
 * Which worker takes which task.
 *
 * Assumptions: the first task of a class speaks for all of them; a worker that is busy now becomes
 * free only when one of its tasks ends. Hence each class keeps the workers that may have room in
 * `open` and `deep`; one found without room is demoted, and comes back when one of its tasks ends.
 * Each demotion is paid for by one end of a task, so a decision costs amortised O(1), however many
 * tasks are queued and however many workers are busy.
 */

/** Work a busy worker should have at hand: hides the way to the coordinator and back. */
const PREFETCH_MS = 20;
const PREFETCH_TASKS_MAX = 1_024;
/** Tasks one worker is given at a time, even if they demand nothing. */
const LAUNCHED_TASKS_MAX = 2_048;

/** Give ready tasks to workers, highest priority first, classes of one priority in turn. */
export function placeReadyTasks(
  state: SchedulerState,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  for (const priority of state.priorities) {
    const classes = state.readyClasses.get(priority)!;
    // One round gives each class one task; a class leaves the round when it cannot place one.
    let round: SchedulingClass[] = [...classes];
    while (round.length > 0) {
      const next: SchedulingClass[] = [];
      for (const group of round) {
        if (placeOne(state, group, atMs, effects) && group.queue.size > 0) next.push(group);
      }
      round = next;
    }
  }
}

function placeOne(
  state: SchedulerState,
  group: SchedulingClass,
  atMs: number,
  effects: SchedulerEffect[],
): boolean {
  const worker = workerFor(group);
  if (!worker) return false;
  const task = state.tasks.get(group.queue.first!)!;
  group.queue.delete(task.id);
  if (group.queue.size === 0) retireClass(state, group);
  task.state = "running";
  task.worker = worker;
  worker.assigned.add(task);
  worker.launched += 1;
  if (hasRoom(worker, group.demands)) take(worker, group.demands, 1);
  else worker.prefetched.add(task);
  task.leasedMs = atMs;
  state.leased.moveToEnd(task);
  effects.push({ type: "run", worker: worker.id, task: task.id, attempt: task.attempt });
  return true;
}

/** The longest unused worker with room, else one that may take a task ahead of time. */
function workerFor(group: SchedulingClass): WorkerRecord | undefined {
  for (let worker = group.open.first; worker; worker = group.open.first) {
    if (worker.launched < LAUNCHED_TASKS_MAX && hasRoom(worker, group.demands)) {
      group.open.moveToEnd(worker);
      return worker;
    }
    group.open.delete(worker);
    group.deep.add(worker);
    worker.demotedFrom.add(group);
  }
  const depth = prefetchDepth(group);
  for (let worker = group.deep.first; worker; worker = group.deep.first) {
    if (worker.prefetched.size < depth && worker.launched < LAUNCHED_TASKS_MAX) {
      group.deep.moveToEnd(worker);
      return worker;
    }
    group.deep.delete(worker);
  }
  return undefined;
}

/**
 * How many tasks of this class a busy worker may hold beyond what it runs. None until one has
 * ended: a long task must not wait behind another while some other worker is about to be free.
 */
export function prefetchDepth(group: SchedulingClass): number {
  if (group.isActor || group.averageMs === undefined) return 0;
  return Math.min(PREFETCH_TASKS_MAX, Math.floor(PREFETCH_MS / Math.max(group.averageMs, 0.001)));
}

/** A task of this worker ended: it may have room again for every class. */
export function vacate(state: SchedulerState, task: TaskRecord): void {
  const worker = task.worker!;
  worker.assigned.delete(task);
  if (task.state === "running") settleIn(worker);
  if (!worker.prefetched.delete(task)) take(worker, task.group.demands, -1);
  startPrefetched(worker);
  state.leased.delete(task);
  task.worker = undefined;
  promote(worker);
}

/** The worker starts what it holds in order, as soon as it fits. */
function startPrefetched(worker: WorkerRecord): void {
  for (let task = worker.prefetched.first; task; task = worker.prefetched.first) {
    if (!hasRoom(worker, task.group.demands)) return;
    worker.prefetched.delete(task);
    take(worker, task.group.demands, 1);
  }
}

/** An actor was constructed: it keeps its resources, but is not under way any more. */
export function settleIn(worker: WorkerRecord): void {
  worker.launched -= 1;
  promote(worker);
}

function promote(worker: WorkerRecord): void {
  for (const group of worker.demotedFrom) {
    group.deep.delete(worker);
    group.open.add(worker);
  }
  worker.demotedFrom.clear();
}

export function makeReady(state: SchedulerState, task: TaskRecord): void {
  const { group } = task;
  task.state = "ready";
  group.queue.add(task.id);
  let classes = state.readyClasses.get(group.priority);
  if (!classes) {
    classes = new LinkedSet();
    state.readyClasses.set(group.priority, classes);
    const at = state.priorities.findIndex((priority) => priority < group.priority);
    state.priorities.splice(at === -1 ? state.priorities.length : at, 0, group.priority);
  }
  classes.add(group);
}

export function takeFromQueue(state: SchedulerState, task: TaskRecord): void {
  task.group.queue.delete(task.id);
  if (task.group.queue.size === 0) retireClass(state, task.group);
}

/** The class has no ready task left. */
function retireClass(state: SchedulerState, group: SchedulingClass): void {
  const classes = state.readyClasses.get(group.priority)!;
  classes.delete(group);
  group.stuckSinceMs = undefined;
  if (classes.size > 0) return;
  state.readyClasses.delete(group.priority);
  state.priorities.splice(state.priorities.indexOf(group.priority), 1);
}

/** Whether the worker could run it when idle. */
export function isFeasible(worker: WorkerRecord, demands: Demands, labels: Labels): boolean {
  return obstacleTo(worker, demands, labels) === undefined;
}

/** Why this worker could not run it even when idle, in words. */
export function obstacleTo(
  worker: WorkerRecord,
  demands: Demands,
  labels: Labels,
): string | undefined {
  const { capacity } = worker;
  if (demands.cpuMilli > capacity.cpuMilli) return `has ${capacity.cpuMilli / 1000} cpus`;
  if (demands.gpuMilli > capacity.gpuMilli) return `has ${capacity.gpuMilli / 1000} gpus`;
  if (demands.memoryBytes > capacity.memoryBytes) {
    return `has ${capacity.memoryBytes} bytes of memory`;
  }
  for (const [name, amount] of Object.entries(demands.custom ?? {})) {
    if (amount > (capacity.custom?.[name] ?? 0)) {
      return `has ${(capacity.custom?.[name] ?? 0) / 1000} of ${name}`;
    }
  }
  for (const [name, value] of Object.entries(labels)) {
    if (worker.labels[name] !== value) return `has ${name} = ${worker.labels[name] ?? "nothing"}`;
  }
  return undefined;
}

function hasRoom(worker: WorkerRecord, demands: Demands): boolean {
  const { capacity, used } = worker;
  if (used.cpuMilli + demands.cpuMilli > capacity.cpuMilli && demands.cpuMilli > 0) return false;
  if (used.gpuMilli + demands.gpuMilli > capacity.gpuMilli && demands.gpuMilli > 0) return false;
  if (demands.memoryBytes > 0 && used.memoryBytes + demands.memoryBytes > capacity.memoryBytes) {
    return false;
  }
  if (!demands.custom) return true;
  return Object.entries(demands.custom).every(
    ([name, amount]) =>
      (worker.usedCustom.get(name) ?? 0) + amount <= (capacity.custom?.[name] ?? 0),
  );
}

function take(worker: WorkerRecord, demands: Demands, sign: 1 | -1): void {
  worker.used.cpuMilli += sign * demands.cpuMilli;
  worker.used.gpuMilli += sign * demands.gpuMilli;
  worker.used.memoryBytes += sign * demands.memoryBytes;
  if (!demands.custom) return;
  for (const [name, amount] of Object.entries(demands.custom)) {
    worker.usedCustom.set(name, (worker.usedCustom.get(name) ?? 0) + sign * amount);
  }
}
