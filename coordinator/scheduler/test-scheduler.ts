import type { CallableId, JobId, ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import type { Demands, Labels } from "../../shared/protocol/schema.ts";
import { checkInvariants } from "./invariants.ts";
import type { Quota } from "./policy/fairness.ts";
import { step } from "./step.ts";
import {
  emptySchedulerState,
  type SchedulerEffect,
  type SchedulerEvent,
  type SchedulerState,
  type TaskRecord,
} from "./types.ts";

type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

export const cpus = (amount: number): Demands => ({
  cpuMilli: amount * 1_000,
  gpuMilli: 0,
  memoryBytes: 0,
});

/** A scheduler for tests: short names, and every invariant checked after each event. */
export class TestScheduler {
  readonly state: SchedulerState;
  nowMs = 0;

  /** @param quota of each job. */
  constructor(quota?: Quota) {
    this.state = emptySchedulerState(quota);
  }

  feed(event: Untimed<SchedulerEvent>): SchedulerEffect[] {
    const effects = step(this.state, { ...event, atMs: this.nowMs });
    checkInvariants(this.state);
    return effects;
  }

  tick(atMs: number): SchedulerEffect[] {
    this.nowMs = atMs;
    return this.feed({ type: "tick" });
  }

  join(worker: string, capacity: Demands = cpus(1), labels: Labels = {}): SchedulerEffect[] {
    const name = `worker ${worker}`;
    const silenceMsMax = 16_000;
    const id = worker as PeerId;
    return this.feed({ type: "worker-joined", worker: id, name, capacity, labels, silenceMsMax });
  }

  leave(worker: string): SchedulerEffect[] {
    return this.feed({ type: "worker-left", worker: worker as PeerId, why: "it crashed" });
  }

  beat(worker: string, ...tasks: (readonly [task: string, attempt: number])[]): SchedulerEffect[] {
    const named = tasks as unknown as (readonly [TaskId, number])[];
    return this.feed({ type: "heartbeat", worker: worker as PeerId, tasks: named });
  }

  define(id: string, options: Partial<DefineOptions> = {}): void {
    this.feed({
      type: "class-defined",
      id: id as CallableId,
      job: "d" as JobId,
      name: id,
      isActor: false,
      demands: cpus(1),
      labels: {},
      retriesMax: 3,
      priority: 0,
      ...options,
    });
  }

  submit(task: string, definition: string, missing: readonly string[] = []): SchedulerEffect[] {
    return this.feed({
      type: "task-submitted",
      task: task as TaskId,
      class: definition as CallableId,
      missing: missing as ObjectId[],
    });
  }

  done(worker: string, task: string, attempt = 0, ranForMs = 1_000): SchedulerEffect[] {
    const names = { worker: worker as PeerId, task: task as TaskId };
    return this.feed({ type: "task-done", ...names, attempt, ranForMs });
  }

  cancel(task: string): SchedulerEffect[] {
    return this.feed({ type: "task-cancelled", task: task as TaskId, why: "its driver did" });
  }

  task(id: string): TaskRecord | undefined {
    return this.state.tasks.get(id as TaskId);
  }
}

export type DefineOptions = Omit<
  Extract<SchedulerEvent, { type: "class-defined" }>,
  "type" | "atMs" | "id"
>;

/** What runs where after these effects: `"t1 on w1"`. */
export const runsIn = (effects: readonly SchedulerEffect[]): string[] =>
  effects.flatMap((effect) =>
    effect.type === "run" ? [`${effect.task} on ${effect.worker}`] : [],
  );
