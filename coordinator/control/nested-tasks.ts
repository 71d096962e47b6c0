import { MeshError } from "../../shared/errors.ts";
import type { ActorId, CallableId, JobId, TaskId } from "../../shared/ids.ts";
import { keyOfDefine } from "../../shared/protocol/define-key.ts";
import type { Define } from "../../shared/protocol/messages.ts";
import { isWith } from "../scheduler/copies.ts";
import { DEPTH_MAX } from "../scheduler/placement.ts";
import type { SchedulerState } from "../scheduler/types.ts";
import type { PeerRecord } from "./types.ts";

/**
 * Whose job a peer acts in. A driver acts in its own. A worker acts for a task or an actor that was
 * given to it, in that one's job, and in no other.
 *
 * @returns nothing if the worker does not have that task any more: it ended, or was given to another
 *   worker, and what is left of it there has no say.
 * @throws MeshError `PROTOCOL_VIOLATION` if a worker does not say for whom it acts.
 */
export function jobOf(
  from: PeerRecord,
  parent: TaskId | undefined,
  scheduler: SchedulerState,
): JobId | undefined {
  if (from.role === "driver") return from.peer as string as JobId;
  if (!parent) {
    const message = `${from.peer} is a worker: it submits work for tasks that it runs, and named none`;
    throw new MeshError("PROTOCOL_VIOLATION", message);
  }
  const task = scheduler.tasks.get(parent);
  return task && isWith(scheduler, from.peer, parent) ? task.group.job : undefined;
}

/** As long as it has not ended. */
export const jobOfActor = (actor: ActorId, { tasks }: SchedulerState): JobId | undefined =>
  tasks.get(actor as string as TaskId)?.group.job;

/**
 * Functions and classes that tasks have defined. Every executor defines for itself what its code
 * submits; here the same function with the same options is one callable per job, however many define
 * it, or a recursion would make a new one with each level.
 */
export class NestedCallables {
  /** The callable that stands for another. */
  readonly #aliases = new Map<CallableId, CallableId>();
  readonly #jobs = new Map<
    JobId,
    { readonly byKey: Map<string, CallableId>; readonly aliases: Set<CallableId> }
  >();

  resolve(callable: CallableId): CallableId {
    return this.#aliases.get(callable) ?? callable;
  }

  /**
   * A task defines a callable.
   * @param plane what the job has defined so far; looked at when its first task defines one.
   * @returns whether it is a new one.
   */
  add(
    job: JobId,
    define: Define,
    plane: {
      readonly scheduler: SchedulerState;
      readonly callables: ReadonlyMap<CallableId, Define>;
    },
  ): boolean {
    if (this.#aliases.has(define.callable)) return false;
    let defined = this.#jobs.get(job);
    if (!defined) {
      defined = { byKey: new Map(), aliases: new Set() };
      for (const { callable } of plane.scheduler.jobs.get(job)?.classes ?? []) {
        const one = plane.callables.get(callable);
        if (one) defined.byKey.set(keyOfDefine(one), callable);
      }
      this.#jobs.set(job, defined);
    }
    const key = keyOfDefine(define);
    const same = defined.byKey.get(key);
    if (same === define.callable) return false;
    if (!same) {
      defined.byKey.set(key, define.callable);
      return true;
    }
    this.#aliases.set(define.callable, same);
    defined.aliases.add(define.callable);
    return false;
  }

  jobEnded(job: JobId): void {
    for (const alias of this.#jobs.get(job)?.aliases ?? []) this.#aliases.delete(alias);
    this.#jobs.delete(job);
  }

  /** These are gone, and are defined anew when they are wanted again. */
  forget(callables: readonly CallableId[]): void {
    const gone = new Set(callables);
    for (const { byKey, aliases } of this.#jobs.values()) {
      for (const [key, callable] of byKey) if (gone.has(callable)) byKey.delete(key);
      for (const alias of aliases) {
        if (!gone.has(this.#aliases.get(alias)!)) continue;
        this.#aliases.delete(alias);
        aliases.delete(alias);
      }
    }
  }

  get size(): number {
    return this.#aliases.size + this.#jobs.size;
  }
}

/**
 * A callable's tasks have a scheduling class for each depth: what tasks submit goes before what
 * drivers submit, because somebody occupies an executor and waits for it. No callable has such an
 * id: counters are in base 32.
 */
export const nestedClassOf = (callable: CallableId, depth: number): CallableId =>
  `${callable}w${depth}` as CallableId;

/** How deep the tasks are that this task or actor submits. */
export const depthBelow = (parent: TaskId, { tasks }: SchedulerState): number =>
  Math.min(DEPTH_MAX, (tasks.get(parent)?.group.depth ?? 0) + 1);
