import type { MeshError } from "../errors.ts";
import type { ActorId, PeerId } from "../ids.ts";
import type { CallOptions } from "../protocol/actor-options.ts";
import type { CoordinatorMessage, PeerMessage } from "../protocol/messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";

/** Where an actor lives now. */
export interface ActorPlace {
  readonly worker: PeerId;
  /** Which life of it: a later one has a higher number. */
  readonly life: number;
  readonly calls?: CallOptions | undefined;
}

/** What is known of an actor's place: it may be but another name of an older one. */
export type Whereabouts = ActorPlace | { readonly sameAs: ActorId };

type Located = Extract<CoordinatorMessage, { type: "actor-located" }>;

interface Waiter {
  readonly after: number;
  resolve(found: Whereabouts): void;
  reject(error: MeshError): void;
}

/** Asks the coordinator where actors live; those who ask for the same one share the answer. */
export class ActorLocator {
  readonly #ask: (message: Extract<PeerMessage, { type: "locate-actor" }>) => void;
  readonly #waiting = new Map<ActorId, Waiter[]>();
  #closed: MeshError | undefined;

  constructor(ask: (message: Extract<PeerMessage, { type: "locate-actor" }>) => void) {
    this.#ask = ask;
  }

  /**
   * The worker it lives on, as soon as it does. No deadline: the coordinator tells whoever has asked
   * of every later life, and of the actor's end.
   * @param after lives up to this one are known to be over.
   * @throws MeshError `ACTOR_DIED` or what else it ended with, or why the coordinator is gone.
   */
  locate(actor: ActorId, after: number): Promise<Whereabouts> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      const waiting = this.#waiting.get(actor);
      if (waiting) return void waiting.push({ after, resolve, reject });
      this.#waiting.set(actor, [{ after, resolve, reject }]);
      return this.#ask({ type: "locate-actor", actor });
    });
  }

  located({ actor, worker, life = 0, calls, sameAs, error }: Located): void {
    const waiting = this.#waiting.get(actor);
    if (!waiting) return;
    const others = waiting.filter((waiter) => {
      if (sameAs) waiter.resolve({ sameAs });
      else if (!worker) waiter.reject(fromWireError(error!));
      else if (life > waiter.after) waiter.resolve({ worker, life, calls });
      else return true;
      return false;
    });
    if (others.length > 0) this.#waiting.set(actor, others);
    else this.#waiting.delete(actor);
  }

  /** The coordinator is gone. */
  close(error: MeshError): void {
    this.#closed = error;
    for (const waiting of this.#waiting.values()) for (const { reject } of waiting) reject(error);
    this.#waiting.clear();
  }
}
