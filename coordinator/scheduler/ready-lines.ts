import { ChainedSet } from "../../shared/collections/chained-set.ts";
import { LinkedSet } from "../../shared/collections/linked-set.ts";
import type { PeerId } from "../../shared/ids.ts";
import { isWithinQuota, resume } from "./policy/fairness.ts";
import { SLOT } from "./types.ts";
import type { JobRecord, SchedulerState, SchedulingClass, Shape, TaskRecord } from "./types.ts";

/**
 * What waits for a worker: per shape, a line for each job that has ready tasks of it; in the line, the job's
 * classes by priority, those of one priority in turn; in the class, its tasks, oldest first.
 *
 * The lines of a shape are a heap by what their jobs have got. That grows with every task of any shape, so a
 * line is filed under what it was and sinks when it comes to the head: being served walks over no lines,
 * classes or tasks. A line is never filed above what its job has, or it would wait where nobody looks; so
 * when a job gets back what it was charged too much, those of its lines rise that are above that.
 */
export interface Line {
  readonly job: JobRecord;
  readonly shape: Shape;
  /** Highest priority first; none is empty. */
  readonly levels: Level[];
  /** What it is filed under, never more than its job has; and where in the heap, -1 while it is not there. */
  servedUs: number;
  at: number;
}

interface Level {
  readonly priority: number;
  readonly classes: LinkedSet<SchedulingClass>;
}

/** The line of a job's classes of this shape. */
export function joinLine(job: JobRecord, shape: Shape): Line {
  let line = job.lines.get(shape);
  if (!line) {
    line = { job, shape, levels: [], servedUs: 0, at: -1 };
    job.lines.set(shape, line);
  }
  return line;
}

/** The line whose job has got least. */
export function headOf({ ready }: Shape): Line {
  for (;;) {
    const line = ready[0]!;
    if (line.servedUs === line.job.servedUs) return line;
    line.servedUs = line.job.servedUs;
    sink(ready, 0);
  }
}

/** The job has got less than it was charged. */
export function refile(job: JobRecord): void {
  for (const line of job.lines.values()) {
    if (line.at < 0 || line.servedUs <= job.servedUs) continue;
    line.servedUs = job.servedUs;
    rise(line.shape.ready, line.at);
  }
}

/** The class to be served next, with its priority. */
export const firstOf = ({ levels }: Line): Level => levels[0]!;

export function makeReady(state: SchedulerState, task: TaskRecord): void {
  const { group } = task;
  task.state = "ready";
  enqueue(group, task);
  if (task.near && group.depth === 0) preferring(group, task.near[0]!.worker).add(task);
  if (group.queue.size > 1) return;
  group.turn = state.turns++;
  const { line, priority } = group;
  const { levels } = line;
  let at = 0;
  while (at < levels.length && levels[at]!.priority > priority) at++;
  if (levels[at]?.priority === priority) return levels[at]!.classes.add(group);
  const classes = new LinkedSet<SchedulingClass>();
  classes.add(group);
  levels.splice(at, 0, { priority, classes });
  if (levels.length === 1) file(state, line);
}

/** The class was served: others of its priority go before it is again. */
export function servedOnce(state: SchedulerState, group: SchedulingClass): void {
  group.turn = state.turns++;
  for (const { priority, classes } of group.line.levels) {
    if (priority === group.priority) return classes.moveToEnd(group);
  }
}

export function takeFromQueue(state: SchedulerState, task: TaskRecord): void {
  unqueue(task);
  if (task.group.queue.size === 0) retireClass(state, task.group);
}

/** The class has no ready task left. */
export function retireClass(state: SchedulerState, group: SchedulingClass): void {
  const { line, priority } = group;
  const { levels } = line;
  group.stuck = undefined;
  const at = levels.findIndex((level) => level.priority === priority);
  const { classes } = levels[at]!;
  classes.delete(group);
  if (classes.size > 0) return;
  levels.splice(at, 1);
  if (levels.length > 0) return;
  if (!line.job.parked.delete(line)) withdrawLine(state, line);
}

/** It has its first ready task. */
function file(state: SchedulerState, line: Line): void {
  const { job } = line;
  if (job.linesReady === 0) resume(job, state.servedUs);
  job.linesReady += 1;
  const { ready, isActor } = line.shape;
  line.servedUs = job.servedUs;
  line.at = ready.length;
  ready.push(line);
  rise(ready, line.at);
  state.readyShapes.add(line.shape);
  if (isActor) state.readyActors.add(line.shape);
}

function withdrawLine(state: SchedulerState, line: Line): void {
  const { shape, at } = line;
  const { ready } = shape;
  line.job.linesReady -= 1;
  line.at = -1;
  const last = ready.pop()!;
  if (last !== line) {
    ready[at] = last;
    last.at = at;
    sink(ready, at);
    rise(ready, last.at);
  }
  if (ready.length > 0) return;
  state.readyShapes.delete(shape);
  state.readyActors.delete(shape);
}

/** The job has all that it may have: this waits until it has less. */
export function park(state: SchedulerState, line: Line): void {
  withdrawLine(state, line);
  line.job.parked.add(line);
}

/** The job uses less than before. */
export function unpark(state: SchedulerState, job: JobRecord): void {
  for (const line of job.parked) {
    if (!isWithinQuota(state.quota!, job.used, line.shape.demands)) continue;
    job.parked.delete(line);
    file(state, line);
  }
}

function rise(ready: Line[], from: number): void {
  const line = ready[from]!;
  let at = from;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (ready[above]!.servedUs <= line.servedUs) break;
    place(ready, ready[above]!, at);
    at = above;
  }
  place(ready, line, at);
}

function sink(ready: Line[], from: number): void {
  const line = ready[from]!;
  let at = from;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= ready.length) break;
    if (below + 1 < ready.length && ready[below + 1]!.servedUs < ready[below]!.servedUs) below++;
    if (ready[below]!.servedUs >= line.servedUs) break;
    place(ready, ready[below]!, at);
    at = below;
  }
  place(ready, line, at);
}

function place(ready: Line[], line: Line, at: number): void {
  ready[at] = line;
  line.at = at;
}

/**
 * What tasks submit goes before what waits, so that a recursion goes into the depth: in the order of
 * their coming, all tasks of one level would start, and wait, before the first of the next.
 */
function enqueue(group: SchedulingClass, task: TaskRecord): void {
  if (group.depth === 0) return group.queue.add(task);
  const { newest } = group;
  group.queue.addAfter(task, newest?.parent === task.parent ? newest : undefined);
  group.newest = task;
}

/** The ready tasks of a class that prefer this worker. */
function preferring(group: SchedulingClass, worker: PeerId): ChainedSet<TaskRecord> {
  group.nearBy ??= new Map();
  let tasks = group.nearBy.get(worker);
  if (!tasks) group.nearBy.set(worker, (tasks = new ChainedSet(SLOT.near)));
  return tasks;
}

export function unqueue(task: TaskRecord): void {
  const { group, near } = task;
  group.queue.delete(task);
  const worker = near?.[0]?.worker;
  const tasks = worker && group.nearBy?.get(worker);
  if (!tasks) return;
  tasks.delete(task);
  if (tasks.size === 0) group.nearBy!.delete(worker);
}
