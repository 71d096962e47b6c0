import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { ObjectState } from "../../shared/protocol/messages.ts";

/** Whole and partial copies that one answer names: more than a receiver asks at the same time. */
const WHOLE_NAMED_MAX = 16;
const PARTIAL_NAMED_MAX = 8;
/** Receivers that are remembered of one object; later ones hear of them from each other. */
const PARTIAL_KNOWN_MAX = 64;

/**
 * Whom to fetch an object from. Besides the peers with a whole copy, which the directory knows, those
 * that are receiving one: they pass on what they have. Everybody is told of others first, so that the
 * load spreads, and never of more than a few.
 *
 * What is on its way may never arrive, so nothing is decided by it: a peer that is named in vain
 * refuses.
 */
export class Holders {
  readonly #receiving = new Map<ObjectId, PeerId[]>();
  readonly #objects = new Map<PeerId, Set<ObjectId>>();
  #turn = 0;

  /** A peer has begun to fetch a large object. */
  started(peer: PeerId, object: ObjectId): void {
    const receiving = this.#receiving.get(object) ?? [];
    if (receiving.includes(peer)) return;
    receiving.push(peer);
    this.#receiving.set(object, receiving);
    const objects = this.#objects.get(peer) ?? new Set();
    this.#objects.set(peer, objects.add(object));
    if (receiving.length > PARTIAL_KNOWN_MAX) this.ended(receiving[0]!, object);
  }

  /** It has the object now, or not. */
  ended(peer: PeerId, object: ObjectId): void {
    const objects = this.#objects.get(peer);
    if (!objects?.delete(object)) return;
    if (objects.size === 0) this.#objects.delete(peer);
    const receiving = this.#receiving.get(object)!.filter((other) => other !== peer);
    if (receiving.length > 0) this.#receiving.set(object, receiving);
    else this.#receiving.delete(object);
  }

  peerLeft(peer: PeerId): void {
    for (const object of this.#objects.get(peer) ?? []) this.ended(peer, object);
  }

  /** It is freed, or its last whole copy went: what comes next under this name may differ. */
  forget(object: ObjectId): void {
    for (const peer of this.#receiving.get(object) ?? []) this.ended(peer, object);
  }

  /** How many peers are receiving it. */
  receiving(object: ObjectId): number {
    return this.#receiving.get(object)?.length ?? 0;
  }

  /** Peers that are receiving something. For tests: none, when all is quiet. */
  get receivers(): number {
    return this.#objects.size;
  }

  /** Who is named to the next who asks. */
  named(
    object: ObjectId,
    whole: readonly PeerId[],
  ): Pick<ObjectState, "locations" | "partialLocations"> {
    const receiving = this.#receiving.get(object);
    return {
      locations: whole.length > 1 ? this.#some(whole, WHOLE_NAMED_MAX) : [...whole],
      ...(receiving ? { partialLocations: this.#some(receiving, PARTIAL_NAMED_MAX) } : {}),
    };
  }

  #some(peers: readonly PeerId[], max: number): PeerId[] {
    const from = this.#turn++ % peers.length;
    return [...peers.slice(from), ...peers.slice(0, from)].slice(0, max);
  }
}
