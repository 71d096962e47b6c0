import type { ObjectId, PeerId } from "../ids.ts";

/** When nobody asks for an object for so long, those who were sent it may not have it any more. */
const REMEMBERED_MS = 10_000;
/** Objects remembered; the one that was sent longest ago is forgotten first. */
const OBJECTS_MAX = 256;

interface Sent {
  /** Who was sent each piece. */
  readonly pieces: Map<number, PeerId[]>;
  /** When any of it was asked for last. */
  askedMs: number;
}

/**
 * Remembers who was sent which piece of large objects lately. When many want one object at the same
 * time, each piece need leave here only once or twice: those who come later are referred to those
 * who have it, and these do the same. So a broadcast costs its source about one copy, and every piece
 * spreads like a rumour, in about log n steps.
 */
export class UploadLedger {
  readonly #objects = new Map<ObjectId, Sent>();

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
    let record = this.#objects.get(object);
    if (!record || nowMs - record.askedMs >= REMEMBERED_MS) {
      record = { pieces: new Map(), askedMs: nowMs };
    }
    record.askedMs = nowMs;
    this.#objects.delete(object);
    this.#objects.set(object, record);
    const sent = (record.pieces.get(piece) ?? []).filter((peer) => peer !== to && isUsable(peer));
    if (sent.length >= copiesMax) return sent;
    record.pieces.set(piece, [...sent, to]);
    for (const oldest of this.#objects.keys()) {
      if (this.#objects.size <= OBJECTS_MAX) break;
      this.#objects.delete(oldest);
    }
    return [];
  }
}
