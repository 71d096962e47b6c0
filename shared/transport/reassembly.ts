import { MESSAGE_BYTES_MAX } from "../protocol/limits.ts";

/** A piece that is not the last one has at least this many bytes, which bounds their number. */
const PIECE_BYTES_MIN = 1024;

/** Puts the pieces of one message after another together again, in bounded memory. */
export class Reassembly {
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #totalBytes = 0;

  /**
   * @param more whether further pieces of this message follow.
   * @returns the message if it is complete (one that came in one piece is that piece, not a copy),
   *   or in words what the sender did wrong.
   */
  add(piece: Uint8Array<ArrayBuffer>, more: boolean): Uint8Array<ArrayBuffer> | string | undefined {
    if (!more && this.#pieces.length === 0) return piece;
    this.#pieces.push(piece);
    this.#totalBytes += piece.length;
    if (this.#totalBytes > MESSAGE_BYTES_MAX) {
      return `sent a message over ${MESSAGE_BYTES_MAX} bytes`;
    }
    if (more) {
      if (piece.length >= PIECE_BYTES_MIN) return undefined;
      return `sent a piece of ${piece.length} bytes`;
    }
    return this.#join();
  }

  #join(): Uint8Array<ArrayBuffer> {
    const message = new Uint8Array(this.#totalBytes);
    let at = 0;
    for (const piece of this.#pieces) {
      message.set(piece, at);
      at += piece.length;
    }
    this.#pieces = [];
    this.#totalBytes = 0;
    return message;
  }
}
