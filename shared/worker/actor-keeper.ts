import type { Clock } from "../clock.ts";
import type { ActorId } from "../ids.ts";
import type { Define } from "../protocol/messages.ts";
import type { Outcome } from "./machine/types.ts";

/** The method that an actor's state is asked with. Calls of it run alone. */
export const CHECKPOINT = "checkpoint";

/** How long a worker that leaves waits for its actors to finish what they run and give their state. */
const HAND_OVER_ACTORS_MS_MAX = 3_000;

/** What `checkpoint()` gave in one life of an actor. */
export interface SavedState {
  readonly life: number;
  readonly outcome: Outcome;
  /** The actor takes no more calls here. */
  readonly isHandOver: boolean;
}

export interface ActorKeeperOptions {
  readonly clock: Clock;
  /** Have an actor's `checkpoint()` called, after the calls that it was given before. */
  takeState(actor: ActorId): Promise<Outcome>;
  /** Have the mesh restore the actor from this value. */
  save(actor: ActorId, saved: SavedState): void;
  /** Take no more calls of it: they are for its next life. */
  suspend(actor: ActorId): void;
  log(text: string): void;
}

interface Kept {
  readonly life: number;
  readonly name: string;
  readonly savesState: boolean;
  /** Take a checkpoint after so many calls; 0 for never. */
  readonly every: number;
  calls: number;
  isSaving: boolean;
}

/**
 * Keeps the state of actors that can give it: after every so many calls, whenever somebody calls
 * their `checkpoint()`, and before this worker leaves in order.
 */
export class ActorKeeper {
  readonly #options: ActorKeeperOptions;
  readonly #actors = new Map<ActorId, Kept>();

  constructor(options: ActorKeeperOptions) {
    this.#options = options;
  }

  hosted(actor: ActorId, life: number, { name, actor: options }: Define): void {
    const savesState = options?.savesState === true;
    const every = savesState ? (options.checkpointEvery ?? 0) : 0;
    this.#actors.set(actor, { life, name, savesState, every, calls: 0, isSaving: false });
  }

  dropped(actor: ActorId): void {
    this.#actors.delete(actor);
  }

  /** A call has its outcome. That of `checkpoint` is a state to restore the actor from. */
  called(actor: ActorId, method: string, outcome: Outcome): void {
    const kept = this.#actors.get(actor);
    if (!kept?.savesState) return;
    if (method === CHECKPOINT) return this.#save(actor, kept, outcome, false);
    kept.calls += 1;
    if (kept.every === 0 || kept.calls < kept.every || kept.isSaving) return;
    kept.calls = 0;
    void this.#checkpoint(actor, kept, false);
  }

  /** This worker leaves: the states that are given in time go with the actors. */
  async handOver(): Promise<void> {
    const saving: Promise<void>[] = [];
    for (const [actor, kept] of this.#actors) {
      this.#options.suspend(actor);
      if (kept.savesState) saving.push(this.#checkpoint(actor, kept, true));
    }
    if (saving.length === 0) return;
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(HAND_OVER_ACTORS_MS_MAX, resolve);
    });
    await Promise.race([Promise.all(saving), late]).finally(() => cancel());
  }

  async #checkpoint(actor: ActorId, kept: Kept, isHandOver: boolean): Promise<void> {
    kept.isSaving = true;
    const outcome = await this.#options.takeState(actor);
    kept.isSaving = false;
    this.#save(actor, kept, outcome, isHandOver);
  }

  #save(actor: ActorId, kept: Kept, outcome: Outcome, isHandOver: boolean): void {
    if (this.#actors.get(actor) !== kept || outcome.over) return;
    if (outcome.error) {
      const { message } = outcome.error;
      this.#options.log(`actor ${kept.name} (${actor}) gave no checkpoint: ${message}`);
    } else {
      this.#options.save(actor, { life: kept.life, outcome, isHandOver });
    }
  }
}
