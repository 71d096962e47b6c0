import { SOCKET_CHUNK_BYTES } from "../protocol/limits.ts";

/** As many as one connection can have on its way. */
const SPARES_MAX = 4;

/** Smaller ones do not pay for a mebibyte, and many of them may wait for their reader. */
const POOLED_BYTES_MIN = 64 * 1024;

/**
 * Memory for the tails of messages that arrive, used again: fresh memory costs the kernel 0.5 ms a
 * mebibyte here, four times as long as to copy it, and has V8 collect all garbage for every 64 MiB.
 */
class TailPool {
  readonly #spares: ArrayBuffer[] = [];

  take(sizeBytes: number): Uint8Array<ArrayBuffer> {
    if (sizeBytes < POOLED_BYTES_MIN || sizeBytes > SOCKET_CHUNK_BYTES) {
      return new Uint8Array(sizeBytes);
    }
    const spare = this.#spares.pop() ?? new ArrayBuffer(SOCKET_CHUNK_BYTES);
    return new Uint8Array(spare, 0, sizeBytes);
  }

  giveBack({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength !== SOCKET_CHUNK_BYTES || this.#spares.length >= SPARES_MAX) return;
    this.#spares.push(buffer);
  }
}

/** Of all connections of this process. */
export const tailPool = new TailPool();
