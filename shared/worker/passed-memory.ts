import type { ObjectBytes } from "./executor-api.ts";

/**
 * The shared memory that one executor was given. Each message makes new views on it over there, which
 * cannot be told to be of the same memory; here they can.
 */
export class PassedMemory {
  readonly #buffers = new WeakSet<ArrayBufferLike>();

  /** How much of this the executor did not have before. */
  newBytesOf(passing: readonly ObjectBytes[]): number {
    let newBytes = 0;
    for (const { buffer, byteLength } of passing) {
      // Memory that is not shared is moved or copied, and engines count it themselves.
      if (buffer instanceof ArrayBuffer || this.#buffers.has(buffer)) continue;
      this.#buffers.add(buffer);
      newBytes += byteLength;
    }
    return newBytes;
  }
}
