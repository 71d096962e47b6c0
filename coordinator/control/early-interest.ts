import { makerOf, type ObjectId, type PeerId } from "../../shared/ids.ts";
import type { DirectoryEvent, DirectoryState } from "../directory/types.ts";

/** How long an object that another peer mentioned may take to be announced by its maker. */
export const EARLY_MS_MAX = 2_000;

/** Unknown objects that are waited for at a time; more than that is not an accident. */
const INTERESTS_MAX = 65_536;

interface Interest {
  readonly untilMs: number;
  readonly locating: Set<PeerId>;
  readonly holding: Set<PeerId>;
}

/**
 * Interest in objects the coordinator has not heard of yet. A caller tells an actor of a ref
 * directly and the coordinator of the object by another connection, so the actor's question may
 * come first. Such a question waits a moment before the answer is "freed".
 */
export class EarlyInterest {
  /** Oldest first, as all wait equally long. */
  readonly #interests = new Map<ObjectId, Interest>();
  readonly #isConnected: (peer: PeerId) => boolean;

  constructor(isConnected: (peer: PeerId) => boolean) {
    this.#isConnected = isConnected;
  }

  get isEmpty(): boolean {
    return this.#interests.size === 0;
  }

  /**
   * Keep what is said about objects that are still on their way here.
   * @returns whether that was all there is to it.
   */
  keeps(event: DirectoryEvent, { objects }: DirectoryState, nowMs: number): boolean {
    switch (event.type) {
      case "located":
        return !objects.has(event.object) && this.#locate(event.object, event.peer, nowMs);
      case "held":
        for (const object of event.objects) {
          if (!objects.has(object)) this.#note(object, event.peer, nowMs)?.holding.add(event.peer);
        }
        return false;
      case "released":
        if (this.isEmpty) return false;
        for (const object of event.objects) {
          this.#interests.get(object)?.holding.delete(event.peer);
        }
        return false;
      default:
        return false;
    }
  }

  peerLeft(peer: PeerId): void {
    for (const { locating, holding } of this.#interests.values()) {
      locating.delete(peer);
      holding.delete(peer);
    }
  }

  /** The object is known now: who holds it and who asked for it. */
  take(object: ObjectId): Interest | undefined {
    const interest = this.#interests.get(object);
    this.#interests.delete(object);
    return interest;
  }

  /** Questions that have waited long enough. */
  *expired(nowMs: number): IterableIterator<{ object: ObjectId; peers: Iterable<PeerId> }> {
    for (const [object, { untilMs, locating }] of this.#interests) {
      if (untilMs > nowMs) return;
      this.#interests.delete(object);
      yield { object, peers: locating };
    }
  }

  /** @returns false if it cannot be on its way: its maker is gone, or asks itself. */
  #locate(object: ObjectId, peer: PeerId, nowMs: number): boolean {
    const interest = this.#note(object, peer, nowMs);
    interest?.locating.add(peer);
    return interest !== undefined;
  }

  #note(object: ObjectId, peer: PeerId, nowMs: number): Interest | undefined {
    const maker = makerOf(object);
    if (maker === peer || !this.#isConnected(maker)) return undefined;
    let interest = this.#interests.get(object);
    if (!interest) {
      if (this.#interests.size >= INTERESTS_MAX) return undefined;
      const untilMs = nowMs + EARLY_MS_MAX;
      interest = { untilMs, locating: new Set(), holding: new Set() };
      this.#interests.set(object, interest);
    }
    return interest;
  }
}
