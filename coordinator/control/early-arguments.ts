import { makerOf, type JobId, type ObjectId, type PeerId } from "../../shared/ids.ts";
import type { DirectoryEvent, DirectoryState } from "../directory/types.ts";
import { EARLY_MS_MAX } from "./early-interest.ts";
import { freed } from "./object-state.ts";

/** More than that at a time is not an accident. */
const EXPECTED_MAX = 65_536;

/** Who put a ref into a value or a task, in the name of which job. */
export interface Referrer {
  readonly inside: ObjectId;
  readonly peer: PeerId;
  readonly job: JobId | undefined;
}

/** Values and tasks that are remembered until it is known whose the objects are that they refer to. */
const REFERRERS_MAX = 65_536;

/**
 * Objects that a task or a value refers to before their maker has announced them: the ref came over a
 * link, faster than the maker's own message. They count as promised by their maker for a moment, so
 * that the task waits and whatever refers to them holds them; then as freed.
 */
export class EarlyArguments {
  /** Oldest first, as all wait equally long. */
  readonly #untilMs = new Map<ObjectId, number>();
  readonly #referrers = new Map<ObjectId, Referrer[]>();
  readonly #isConnected: (peer: PeerId) => boolean;
  #referrersCount = 0;

  constructor(isConnected: (peer: PeerId) => boolean) {
    this.#isConnected = isConnected;
  }

  /** What has to be said to the directory before `from` may refer to these. */
  *expect(
    from: PeerId,
    ids: readonly ObjectId[],
    { objects }: DirectoryState,
    nowMs: number,
  ): IterableIterator<DirectoryEvent> {
    for (const object of ids) {
      if (objects.has(object) || this.#untilMs.size >= EXPECTED_MAX) continue;
      const maker = makerOf(object);
      // What a peer makes itself it has announced before, or it was freed.
      if (maker === from || !this.#isConnected(maker)) continue;
      this.#untilMs.set(object, nowMs + EARLY_MS_MAX);
      yield { type: "object-promised", object, holder: maker, by: maker, isAwaited: false };
    }
  }

  has(object: ObjectId): boolean {
    return this.#untilMs.has(object);
  }

  /** @returns false if nothing more can be remembered: it must not refer to what is expected. */
  refers(referrer: Referrer, ids: readonly ObjectId[]): boolean {
    for (const object of ids) {
      if (!this.#untilMs.has(object)) continue;
      if (this.#referrersCount >= REFERRERS_MAX) return false;
      const referrers = this.#referrers.get(object);
      if (referrers) referrers.push(referrer);
      else this.#referrers.set(object, [referrer]);
      this.#referrersCount++;
    }
    return true;
  }

  /** Its maker has promised or made it. @returns what refers to it, if it was expected. */
  heard(object: ObjectId): readonly Referrer[] | undefined {
    if (this.#untilMs.size === 0 || !this.#untilMs.delete(object)) return undefined;
    return this.#forgetReferrers(object);
  }

  /** What has to be said of those that their makers did not announce in time. */
  *expired({ objects }: DirectoryState, nowMs: number): IterableIterator<DirectoryEvent> {
    for (const [object, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) return;
      this.#untilMs.delete(object);
      this.#forgetReferrers(object);
      const maker = makerOf(object);
      if (objects.get(object)?.promisedBy !== maker) continue;
      yield { type: "object-failed", object, error: freed(object), holder: undefined };
      yield { type: "released", peer: maker, objects: [object] };
    }
  }

  #forgetReferrers(object: ObjectId): readonly Referrer[] {
    const referrers = this.#referrers.get(object) ?? [];
    this.#referrers.delete(object);
    this.#referrersCount -= referrers.length;
    return referrers;
  }
}
