import type { ActorId, CallableId, JobId } from "../ids.ts";
import { JOBS_PER_EXECUTOR_MAX } from "../protocol/limits.ts";
import type { Define } from "../protocol/messages.ts";
import type { JobKey } from "../protocol/schema.ts";
import { runningOn } from "./machine/running.ts";
import type { ExecutorId, MachineState } from "./machine/types.ts";

/** In whose name an executor's code makes something. */
export interface Makers {
  readonly jobs: JobId[];
  /** Who may read it: of the first of those jobs. */
  readonly jobKey: JobKey | undefined;
}

/**
 * Which jobs the callables and actors of this worker belong to, and the keys that open what they
 * store. Keys never reach executors: the code in them could hand them on.
 */
export class JobsHere {
  readonly #ofCallables = new Map<CallableId, JobKey>();
  readonly #ofActors = new Map<ActorId, JobKey>();

  /** @returns the definition as executors may see it. */
  defined({ jobKey, ...define }: Define): Define {
    if (jobKey) this.#ofCallables.set(define.callable, jobKey);
    return define;
  }

  forget(callables: readonly CallableId[]): void {
    for (const callable of callables) this.#ofCallables.delete(callable);
  }

  hosted(actor: ActorId, callable: CallableId): void {
    const jobKey = this.#ofCallables.get(callable);
    if (jobKey) this.#ofActors.set(actor, jobKey);
  }

  dropped(actor: ActorId): void {
    this.#ofActors.delete(actor);
  }

  ofCallable(callable: CallableId): JobKey | undefined {
    return this.#ofCallables.get(callable);
  }

  ofActor(actor: ActorId): JobKey | undefined {
    return this.#ofActors.get(actor);
  }

  /** Whose code runs on an executor now: small actors of several jobs may share one. */
  makersOn(state: MachineState, executor: ExecutorId): Makers {
    const order = runningOn(state, executor);
    if (order && order.kind !== "call") return makersOf([this.#ofCallables.get(order.callable)]);
    const actors = [...(state.executors.get(executor)?.actors ?? [])];
    return makersOf(actors.map((actor) => this.#ofActor(state, actor)));
  }

  #ofActor(state: MachineState, actor: ActorId): JobKey | undefined {
    const creating = state.actors.get(actor)?.creating;
    return this.#ofActors.get(actor) ?? (creating && this.#ofCallables.get(creating.callable));
  }
}

function makersOf(jobKeys: readonly (JobKey | undefined)[]): Makers {
  const known = jobKeys.filter((jobKey) => jobKey !== undefined);
  const jobs = new Set(known.map(({ job }) => job));
  return { jobs: [...jobs].slice(0, JOBS_PER_EXECUTOR_MAX), jobKey: known[0] };
}
