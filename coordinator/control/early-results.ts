import { makerOf, type JobId, type ObjectId, type PeerId } from "../../shared/ids.ts";
import type { DirectoryEvent } from "../directory/types.ts";

/** How long a caller may take to confirm a result: its link may be much slower than the worker's. */
const CONFIRM_MS_MAX = 60_000;
const PARKED_MAX = 65_536;

interface Parked {
  readonly worker: PeerId;
  readonly event: DirectoryEvent;
  /** What job it is of, if the worker said so. */
  readonly job: JobId | undefined;
  readonly untilMs: number;
}

/**
 * Large results of actor calls that their worker announced before their caller did. A result has an
 * id of the caller's, and the coordinator does not see the call: only the caller's promise shows
 * that the announcement is not a forgery, so it waits for that.
 */
export class EarlyResults {
  /** Oldest first. */
  readonly #parked = new Map<ObjectId, Parked>();

  /** @returns false if too many wait already, or another worker has announced it. */
  park(object: ObjectId, made: Omit<Parked, "untilMs">, nowMs: number): boolean {
    const parked = this.#parked.get(object);
    if (parked) return parked.worker === made.worker;
    if (this.#parked.size >= PARKED_MAX) return false;
    this.#parked.set(object, { ...made, untilMs: nowMs + CONFIRM_MS_MAX });
    return true;
  }

  /** The caller has promised it: what its worker said of it, if it did. */
  confirm(object: ObjectId): Parked | undefined {
    const parked = this.#parked.get(object);
    this.#parked.delete(object);
    return parked;
  }

  /** Results that nobody confirmed, or that cannot be confirmed any more. */
  *unconfirmed(nowMs: number): IterableIterator<{ object: ObjectId; worker: PeerId }> {
    for (const [object, { worker, untilMs }] of this.#parked) {
      if (untilMs > nowMs) return;
      this.#parked.delete(object);
      yield { object, worker };
    }
  }

  *peerLeft(peer: PeerId): IterableIterator<{ object: ObjectId; worker: PeerId }> {
    for (const [object, { worker }] of this.#parked) {
      if (worker !== peer && makerOf(object) !== peer) continue;
      this.#parked.delete(object);
      yield { object, worker };
    }
  }
}
