import type { ObjectId, PeerId } from "../../ids.ts";
import { PIECE_BYTES } from "../../protocol/limits.ts";

/** From this size on, receivers pass on what they have while they are still receiving. */
export const SWARM_BYTES_MIN = 4 * PIECE_BYTES;

/** An object of no bytes is one piece of no bytes: its arrival has to be seen too. */
export const pieceCountOf = (sizeBytes: number): number =>
  Math.max(1, Math.ceil(sizeBytes / PIECE_BYTES));

export const pieceLengthOf = (sizeBytes: number, piece: number): number =>
  Math.min(PIECE_BYTES, sizeBytes - piece * PIECE_BYTES);

export const pieceAt = (offset: number): number => Math.floor(offset / PIECE_BYTES);

/** `[first, behind the last]`, as they travel. */
export type PieceRange = readonly [from: number, to: number];

/** Some pieces of one object. */
export class PieceSet {
  readonly #has: Uint8Array;
  #size = 0;

  constructor(pieceCount: number) {
    this.#has = new Uint8Array(pieceCount);
  }

  get size(): number {
    return this.#size;
  }

  has(piece: number): boolean {
    return this.#has[piece] === 1;
  }

  /** @returns whether it is new. */
  add(piece: number): boolean {
    if (this.#has[piece] !== 0) return false;
    this.#has[piece] = 1;
    this.#size++;
    return true;
  }

  delete(piece: number): void {
    if (this.#has[piece] !== 1) return;
    this.#has[piece] = 0;
    this.#size--;
  }

  ranges(): PieceRange[] {
    const ranges: [number, number][] = [];
    for (let piece = 0; piece < this.#has.length; piece++) {
      if (this.#has[piece] !== 1) continue;
      const last = ranges.at(-1);
      if (last?.[1] === piece) last[1]++;
      else ranges.push([piece, piece + 1]);
    }
    return ranges;
  }
}

/** Where a receiver begins: each somewhere else, so that they soon have different pieces. */
export function placeOf(self: PeerId, object: ObjectId): number {
  let hash = 0;
  for (const char of `${self} ${object}`) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0;
  return hash;
}
