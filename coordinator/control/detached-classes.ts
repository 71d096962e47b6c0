import type { CallableId, JobId, PeerId, TaskId } from "../../shared/ids.ts";

/** A detached class and its actors are a job of their own, which ends with the class. */
export const detachedJobOf = (callable: CallableId): JobId => callable as string as JobId;

/** Other jobs are named after drivers, and no peer's id has a dot. */
export const isDetachedJob = (job: JobId): boolean => job.includes(".");

/**
 * The classes of detached actors: each is kept as long as its driver is there, who may make more of
 * them, and as long as one of its actors lives.
 */
export class DetachedClasses {
  readonly #classes = new Map<CallableId, { owner: PeerId | undefined; actors: Set<TaskId> }>();

  add(callable: CallableId, owner: PeerId): void {
    this.#classes.set(callable, { owner, actors: new Set() });
  }

  actorAdded(callable: CallableId, actor: TaskId): void {
    this.#classes.get(callable)?.actors.add(actor);
  }

  /** @returns the class, if nobody needs it any more. */
  actorEnded(callable: CallableId, actor: TaskId): CallableId[] {
    const entry = this.#classes.get(callable);
    if (!entry?.actors.delete(actor)) return [];
    return this.#forgetUnneeded(callable);
  }

  /** @returns its classes that nobody needs any more. */
  ownerLeft(owner: PeerId): CallableId[] {
    const unneeded: CallableId[] = [];
    for (const [callable, entry] of this.#classes) {
      if (entry.owner !== owner) continue;
      entry.owner = undefined;
      unneeded.push(...this.#forgetUnneeded(callable));
    }
    return unneeded;
  }

  #forgetUnneeded(callable: CallableId): CallableId[] {
    const entry = this.#classes.get(callable)!;
    if (entry.owner || entry.actors.size > 0) return [];
    this.#classes.delete(callable);
    return [callable];
  }
}
