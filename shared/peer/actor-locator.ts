import type { MeshError } from "../errors.ts";
import type { ActorId, PeerId } from "../ids.ts";
import type { CoordinatorMessage, PeerMessage } from "../protocol/messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";

interface Waiter {
  resolve(worker: PeerId): void;
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
   * The worker it lives on, as soon as it does.
   * @throws MeshError `ACTOR_DIED`, or why the coordinator is gone.
   */
  locate(actor: ActorId): Promise<PeerId> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      const waiting = this.#waiting.get(actor);
      if (waiting) return void waiting.push({ resolve, reject });
      this.#waiting.set(actor, [{ resolve, reject }]);
      return this.#ask({ type: "locate-actor", actor });
    });
  }

  located({ actor, worker, error }: Extract<CoordinatorMessage, { type: "actor-located" }>): void {
    const waiting = this.#waiting.get(actor) ?? [];
    this.#waiting.delete(actor);
    for (const { resolve, reject } of waiting) {
      if (worker) resolve(worker);
      else reject(fromWireError(error!));
    }
  }

  /** The coordinator is gone. */
  close(error: MeshError): void {
    this.#closed = error;
    for (const waiting of this.#waiting.values()) for (const { reject } of waiting) reject(error);
    this.#waiting.clear();
  }
}
