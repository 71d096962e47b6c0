import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import { OBJECT_BYTES_MAX } from "../protocol/limits.ts";

/** Sealed bytes of an object. In Node they may be in a SharedArrayBuffer. */
export type StoredBytes = Uint8Array<ArrayBufferLike>;

/** One object of the store, to be read in pieces. It can be read until it is closed, even if freed. */
export interface StoredObject {
  readonly sizeBytes: number;
  /** Bytes in memory come at once, bytes on disk as a promise. Neither may be changed. */
  read(offset: number, length: number): StoredBytes | Promise<StoredBytes>;
  close(): void;
}

/** The sealed objects whose bytes this peer has, within a limit. Stored bytes are never changed. */
export class LocalStore {
  readonly bytesMax: number;
  readonly #objects = new Map<ObjectId, StoredBytes>();
  #usedBytes = 0;

  constructor({ bytesMax }: { readonly bytesMax: number }) {
    this.bytesMax = bytesMax;
  }

  /**
   * Keep an object. Objects are immutable, so one that is already here stays as it is.
   * @throws MeshError `OBJECT_TOO_LARGE` or `STORE_FULL`; the store is unchanged then.
   */
  put(object: ObjectId, bytes: StoredBytes): void {
    if (this.#objects.has(object)) return;
    this.assertRoom(object, bytes.byteLength);
    this.#objects.set(object, bytes);
    this.#usedBytes += bytes.byteLength;
  }

  /**
   * For those who would fetch or compute an object for nothing.
   * @throws MeshError `OBJECT_TOO_LARGE` if it could never be kept, `STORE_FULL` if not now.
   */
  assertRoom(object: ObjectId, sizeBytes: number): void {
    const limitBytes = Math.min(this.bytesMax, OBJECT_BYTES_MAX);
    if (sizeBytes > limitBytes) {
      throw new MeshError(
        "OBJECT_TOO_LARGE",
        `object ${object} has ${sizeBytes} bytes, this peer's store takes at most ${limitBytes} for ` +
          `one object; split the value, or give the peer a larger store`,
        { object, sizeBytes, limitBytes },
      );
    }
    if (this.#usedBytes + sizeBytes <= this.bytesMax) return;
    throw new MeshError(
      "STORE_FULL",
      `no room for object ${object} of ${sizeBytes} bytes: ${this.#usedBytes} of ${this.bytesMax} ` +
        `bytes are taken by ${this.size} objects; release refs that are no longer needed, or give ` +
        `the peer a larger store`,
      { object, sizeBytes, usedBytes: this.#usedBytes, bytesMax: this.bytesMax },
    );
  }

  /** An object that is in memory; others may be on disk: see {@link load}. */
  get(object: ObjectId): StoredBytes | undefined {
    return this.#objects.get(object);
  }

  /** A whole object, brought into memory if it is not there; `undefined` if it is not here at all. */
  load(object: ObjectId): Promise<StoredBytes | undefined> {
    return Promise.resolve(this.#objects.get(object));
  }

  /** An object to be read in pieces, wherever it is; `undefined` if it is not here. Close it. */
  open(object: ObjectId): StoredObject | undefined {
    const bytes = this.#objects.get(object);
    if (!bytes) return undefined;
    return {
      sizeBytes: bytes.byteLength,
      read: (offset, length) => bytes.subarray(offset, offset + length),
      close() {},
    };
  }

  has(object: ObjectId): boolean {
    return this.#objects.has(object);
  }

  /** @returns whether it was here. */
  delete(object: ObjectId): boolean {
    const bytes = this.#objects.get(object);
    if (!bytes) return false;
    this.#usedBytes -= bytes.byteLength;
    return this.#objects.delete(object);
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** How many objects are here. */
  get size(): number {
    return this.#objects.size;
  }
}
