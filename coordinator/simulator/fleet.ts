import type { CallableId, JobId, PeerId, TaskId } from "../../shared/ids.ts";
import { Prng } from "../../shared/prng.ts";
import type { Nearness } from "../scheduler/policy/locality.ts";
import { step } from "../scheduler/step.ts";
import {
  emptySchedulerState,
  type SchedulerEffect,
  type SchedulerEvent,
} from "../scheduler/types.ts";
import { EventHeap } from "./event-heap.ts";

/** A worker of the fleet, and a class of tasks, as one run has them. */
export interface FleetWorker {
  readonly slots: number;
  readonly slowness: number;
  readonly roundTripMs: number;
}

export interface FleetTask {
  readonly job: number;
  readonly class: number;
  readonly runMs: number;
  /** How much longer its first attempt takes, through no fault of its own. */
  readonly heldUpMs?: number;
  /** Bytes of its argument, and the worker that has it. */
  readonly argument?: { readonly bytes: number; readonly at: number };
}

export interface FleetPlan {
  readonly workers: readonly FleetWorker[];
  readonly tasks: readonly FleetTask[];
  /** Whether the scheduler is told where arguments are. */
  readonly withLocality: boolean;
  /** Whether tasks that are late may be run twice. */
  readonly speculate?: boolean;
  /** Of the jobs, if not all have the same. */
  readonly weights?: readonly number[];
}

export interface FleetResult {
  readonly events: number;
  readonly decisions: number;
  /** Time spent in the scheduler, by the wall clock. */
  readonly schedulerMs: number;
  readonly makespanMs: number;
  /** All work at the speed of the whole fleet; or the longest task, if that takes longer. */
  readonly lowerBoundMs: number;
  /**
   * The longest task on the slowest worker, argument and way included: while nothing is known of the
   * workers, it may get it, and nobody can tell before it has ended.
   */
  readonly blindBoundMs: number;
  /** Share of all slots' time that was spent on tasks, until half of them were done. */
  readonly utilisation: number;
  /** Jain's index of the work done for each job, by weight, until one had nothing left that waits: 1 is equal. */
  readonly fairness: number;
  /** That work of each job, in milliseconds. */
  readonly workMs: readonly number[];
  readonly bytesMoved: number;
  /** Tasks that were given ahead and taken back. */
  readonly recalled: number;
  /** Tasks that were run twice because they were late. */
  readonly copied: number;
}

/** What a worker was told to run. */
interface Order {
  readonly i: number;
  readonly attempt: number;
  isOver: boolean;
}

interface Host extends FleetWorker {
  readonly id: PeerId;
  readonly queue: Order[];
  next: number;
  running: number;
  busyMs: number;
}

type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

/** What a link carries, for the time that an argument is on its way. */
const BYTES_PER_MS = 12_500;
const TICK_MS = 1_000;
const SLOT = { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 };

/**
 * The scheduler with a whole fleet of workers, in virtual time: no network, no faults, no values.
 * What it decides, how fast, and how good that is.
 */
export class Fleet {
  readonly #state = emptySchedulerState();
  readonly #plan: FleetPlan;
  readonly #agenda = new EventHeap<() => void>();
  readonly #hosts: Host[];
  readonly #workOfJob: number[] = [];
  #nowMs = 0;
  #events = 0;
  #decisions = 0;
  #done = 0;
  #schedulerMs = 0;
  #bytesMoved = 0;
  #recalled = 0;
  #utilisation = 0;
  /** Of each job, the tasks that were never given to a worker. */
  readonly #waiting: number[] = [];
  /** Until one of the jobs had none. */
  #contested: readonly number[] | undefined;

  constructor(plan: FleetPlan) {
    this.#plan = plan;
    this.#hosts = plan.workers.map((worker, i) => ({
      ...worker,
      id: `w${i}` as PeerId,
      queue: [],
      next: 0,
      running: 0,
      busyMs: 0,
    }));
  }

  run(): FleetResult {
    const { tasks } = this.#plan;
    for (const { id, slots } of this.#hosts) {
      const capacity = { ...SLOT, cpuMilli: slots * 1_000 };
      const about = { name: id, capacity, labels: {}, silenceMsMax: Number.MAX_SAFE_INTEGER };
      this.#feed({ type: "worker-joined", worker: id, ...about });
    }
    this.#defineClasses();
    for (let i = 0; i < tasks.length; i++) this.#submit(i);
    let tickMs = TICK_MS;
    while (this.#done < tasks.length) {
      const atMs = Math.min(this.#agenda.nextAtMs, tickMs);
      this.#nowMs = atMs;
      if (atMs === tickMs) {
        this.#beat();
        tickMs += TICK_MS;
      } else this.#agenda.pop()();
    }
    const contested = this.#contested ?? this.#workOfJob;
    return {
      events: this.#events,
      decisions: this.#decisions,
      schedulerMs: this.#schedulerMs,
      makespanMs: this.#nowMs,
      lowerBoundMs: lowerBoundMs(this.#plan),
      blindBoundMs: blindBoundMs(this.#plan),
      utilisation: this.#utilisation,
      fairness: jain(contested.map((work, job) => work / this.#weightOf(job))),
      workMs: contested,
      bytesMoved: this.#bytesMoved,
      recalled: this.#recalled,
      copied: this.#state.counters.copied,
    };
  }

  #feed(event: Untimed<SchedulerEvent>): void {
    const startedMs = performance.now();
    const effects = step(this.#state, { ...event, atMs: this.#nowMs });
    this.#schedulerMs += performance.now() - startedMs;
    this.#events += 1;
    for (const effect of effects) {
      if (effect.type === "run") this.#order(effect);
      else if (effect.type === "recall-runs") this.#recall(effect);
      else if (effect.type === "cancel-run") this.#cancel(effect);
      else if (effect.type === "accept-result") this.#accept(effect);
    }
  }

  #defineClasses(): void {
    this.#plan.weights?.forEach((weight, job) => {
      this.#feed({ type: "job-weighted", job: `d${job}` as JobId, weight });
    });
    const classes = new Map(this.#plan.tasks.map((task) => [classOf(task), task]));
    for (const [id, { job }] of classes) {
      const about = { isActor: false, demands: SLOT, labels: {}, retriesMax: 0, priority: 0 };
      const { speculate = false } = this.#plan;
      this.#feed({
        type: "class-defined",
        id,
        job: `d${job}` as JobId,
        name: id,
        ...about,
        speculate,
      });
    }
  }

  #submit(i: number): void {
    const task = this.#plan.tasks[i]!;
    const { argument } = task;
    const near: Nearness[] | undefined =
      argument && this.#plan.withLocality
        ? [{ worker: this.#hosts[argument.at]!.id, bytes: argument.bytes }]
        : undefined;
    const id = `d${task.job}.${i}` as TaskId;
    this.#waiting[task.job] = (this.#waiting[task.job] ?? 0) + 1;
    this.#workOfJob[task.job] ??= 0;
    this.#feed({ type: "task-submitted", task: id, class: classOf(task), missing: [], near });
  }

  #order({ worker, task, attempt }: Extract<SchedulerEffect, { type: "run" }>): void {
    this.#decisions += 1;
    const { job } = this.#plan.tasks[numberOf(task)]!;
    if (attempt === 0) this.#waiting[job]! -= 1;
    if (this.#waiting[job] === 0 && this.#nowMs > 0) this.#contested ??= [...this.#workOfJob];
    const host = this.#hosts[Number(worker.slice(1))]!;
    this.#after(host.roundTripMs / 2, () => {
      host.queue.push({ i: numberOf(task), attempt, isOver: false });
      this.#start(host);
    });
  }

  /** The other attempt was first: what runs is stopped. */
  #cancel({ worker, task, attempt }: Extract<SchedulerEffect, { type: "cancel-run" }>): void {
    const host = this.#hosts[Number(worker.slice(1))]!;
    const i = numberOf(task);
    this.#after(host.roundTripMs / 2, () => {
      const at = host.queue.findIndex((each) => each.i === i && each.attempt === attempt);
      const order = host.queue[at];
      if (!order || order.isOver) return;
      order.isOver = true;
      if (at >= host.next) host.queue.splice(at, 1);
      else {
        host.running -= 1;
        this.#start(host);
      }
    });
  }

  #accept({ task }: Extract<SchedulerEffect, { type: "accept-result" }>): void {
    const { job, runMs } = this.#plan.tasks[numberOf(task)]!;
    this.#workOfJob[job] = (this.#workOfJob[job] ?? 0) + runMs;
    this.#done += 1;
    if (this.#done === Math.ceil(this.#plan.tasks.length / 2)) this.#lookHalfway();
  }

  /** It returns what it has not started. */
  #recall({ worker, tasks }: Extract<SchedulerEffect, { type: "recall-runs" }>): void {
    const host = this.#hosts[Number(worker.slice(1))]!;
    this.#after(host.roundTripMs / 2, () => {
      for (const [task, attempt] of tasks) {
        const i = numberOf(task);
        const at = host.queue.findIndex((each) => each.i === i && each.attempt === attempt);
        if (at < host.next) continue;
        host.queue.splice(at, 1);
        this.#recalled += 1;
        const returned = { worker, task, attempt, why: "recalled", missing: [] };
        this.#after(host.roundTripMs / 2, () => this.#feed({ type: "task-returned", ...returned }));
      }
    });
  }

  /** In the order of their coming, as workers do. */
  #start(host: Host): void {
    while (host.running < host.slots && host.next < host.queue.length) {
      const order = host.queue[host.next++]!;
      const { i } = order;
      const task = this.#plan.tasks[i]!;
      const { argument } = task;
      const fetched = argument && this.#hosts[argument.at] !== host ? argument.bytes : 0;
      this.#bytesMoved += fetched;
      const heldUpMs = order.attempt === 0 ? (task.heldUpMs ?? 0) : 0;
      const ranForMs = task.runMs * host.slowness + heldUpMs;
      host.running += 1;
      this.#after(fetched / BYTES_PER_MS + ranForMs, () => this.#finish(host, order, ranForMs));
    }
  }

  #finish(host: Host, order: Order, ranForMs: number): void {
    if (order.isOver) return;
    order.isOver = true;
    host.running -= 1;
    host.busyMs += ranForMs;
    this.#start(host);
    const { i, attempt } = order;
    const { job } = this.#plan.tasks[i]!;
    this.#after(host.roundTripMs / 2, () => {
      const task = `d${job}.${i}` as TaskId;
      this.#feed({ type: "task-done", worker: host.id, task, attempt, ranForMs });
    });
  }

  #lookHalfway(): void {
    const slots = this.#hosts.reduce((sum, host) => sum + host.slots, 0);
    const busyMs = this.#hosts.reduce((sum, host) => sum + host.busyMs, 0);
    this.#utilisation = busyMs / (slots * this.#nowMs);
  }

  #weightOf(job: number): number {
    return this.#plan.weights?.[job] ?? 1;
  }

  /** Nothing is lost here, so that heartbeats only keep leases alive. */
  #beat(): void {
    for (const task of this.#state.leased) task.leasedMs = this.#nowMs;
    this.#feed({ type: "tick" });
  }

  #after(delayMs: number, run: () => void): void {
    this.#agenda.push(this.#nowMs + delayMs, run);
  }
}

/** 1 if all are equal, less the more they differ. */
function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, each) => total + each, 0);
  const squares = shares.reduce((total, each) => total + each * each, 0);
  return squares === 0 ? 0 : (sum * sum) / (shares.length * squares);
}

const numberOf = (task: TaskId): number => Number(task.slice(task.indexOf(".") + 1));

const classOf = ({ job, class: each }: FleetTask): CallableId => `d${job}.f${each}` as CallableId;

function lowerBoundMs({ workers, tasks }: FleetPlan): number {
  const speed = workers.reduce((sum, { slots, slowness }) => sum + slots / slowness, 0);
  const work = tasks.reduce((sum, { runMs }) => sum + runMs, 0);
  const fastest = workers.reduce((least, { slowness }) => Math.min(least, slowness), Infinity);
  const longest = tasks.reduce((most, { runMs }) => Math.max(most, runMs), 0);
  return Math.max(work / speed, longest * fastest);
}

function blindBoundMs({ workers, tasks }: FleetPlan): number {
  const slowest = workers.reduce((most, { slowness }) => Math.max(most, slowness), 0);
  const way = workers.reduce((most, { roundTripMs }) => Math.max(most, roundTripMs), 0);
  const times = tasks.map(
    ({ runMs, argument }) => runMs * slowest + (argument?.bytes ?? 0) / BYTES_PER_MS,
  );
  return way + times.reduce((most, each) => Math.max(most, each), 0);
}

/** Uneven machines, four jobs with one to four functions each, large arguments for half the tasks. */
export function drawFleet(
  workers: number,
  tasks: number,
  seed: number,
): Omit<FleetPlan, "withLocality"> {
  const prng = new Prng(seed);
  const slownesses = [0.5, 1, 1, 1, 2, 2, 4, 10];
  const means = [10, 50, 200, 1_000];
  return {
    workers: Array.from({ length: workers }, () => ({
      slots: 1 + prng.below(4),
      slowness: slownesses[prng.below(slownesses.length)]!,
      roundTripMs: 5 + prng.below(100),
    })),
    tasks: Array.from({ length: tasks }, () => {
      const job = prng.below(4);
      const each = prng.below(job + 1);
      const runMs = means[each]! * (0.75 + prng.below(500) / 1_000);
      if (prng.chance(1, 2)) return { job, class: each, runMs };
      const argument = { bytes: 2 ** 20 * (1 + prng.below(8)), at: prng.below(workers) };
      return { job, class: each, runMs, argument };
    }),
  };
}
