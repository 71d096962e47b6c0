import type { ObjectId, PeerId } from "../ids.ts";

/** Who was sent a piece so long ago may not have it any more. */
const REMEMBERED_MS = 3_000;
/** Objects remembered; the one that was sent longest ago is forgotten first. */
const OBJECTS_MAX = 256;

interface Sent {
  readonly peer: PeerId;
  readonly atMs: number;
}

/**
 * Remembers who was sent which piece of large objects lately. When many want one object at the same
 * time, each piece need leave here only once or twice: those who come later are referred to those
 * who have it, and these do the same. So a broadcast costs its source about one copy, and every piece
 * spreads like a rumour, in about log n steps.
 */
export class UploadLedger {
  readonly #objects = new Map<ObjectId, Map<number, Sent[]>>();

  /**
   * Somebody asks for a piece.
   * @param options.copiesMax how many copies of a piece may leave here before others are referred.
   * @param options.isUsable whether a peer can still be referred to.
   * @returns whom to ask instead; none: send it, that is remembered.
   */
  refer(
    object: ObjectId,
    piece: number,
    to: PeerId,
    options: {
      readonly nowMs: number;
      readonly copiesMax: number;
      readonly isUsable: (peer: PeerId) => boolean;
    },
  ): PeerId[] {
    const { nowMs, copiesMax, isUsable } = options;
    const pieces = this.#objects.get(object) ?? new Map<number, Sent[]>();
    this.#objects.delete(object);
    this.#objects.set(object, pieces);
    const sent = (pieces.get(piece) ?? []).filter(
      ({ peer, atMs }) => peer !== to && nowMs - atMs < REMEMBERED_MS && isUsable(peer),
    );
    if (sent.length >= copiesMax) return sent.map(({ peer }) => peer);
    sent.push({ peer: to, atMs: nowMs });
    pieces.set(piece, sent);
    for (const oldest of this.#objects.keys()) {
      if (this.#objects.size <= OBJECTS_MAX) break;
      this.#objects.delete(oldest);
    }
    return [];
  }

  forget(object: ObjectId): void {
    this.#objects.delete(object);
  }
}
