import { MeshError } from "../errors.ts";
import type { TaskId } from "../ids.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { StreamReader } from "./stream-reader.ts";

/**
 * The objects that a generator makes somewhere in the mesh, as refs, one after the other.
 *
 * The generator runs ahead of its reader by `maxAhead` items at most. It is stopped, with its
 * `finally` blocks, when the reader leaves the loop, calls {@link return} or {@link dispose}, or
 * drops the stream; what was not read is freed.
 *
 * @example
 * const lines = mesh.remote(async function* (url) { for await (const line of read(url)) yield line; });
 * for await (const line of lines("/log").values()) console.log(line);
 */
export class ObjectStream<T = unknown> implements AsyncIterableIterator<ObjectRef<T>> {
  readonly #reader: StreamReader;

  /** @internal Streams come from remote generators. */
  constructor(reader: StreamReader) {
    this.#reader = reader;
  }

  /** @internal */
  get task(): TaskId {
    return this.#reader.task;
  }

  /**
   * How many items there were, once the generator has ended; it fails with what the generator fails
   * with. The generator ends only if its items are read. Take this ref before that: a stream that was
   * read to its end has let go of all that it had.
   */
  get completed(): ObjectRef<number> {
    return this.#reader.completed();
  }

  /**
   * A ref to the next item, as soon as there is one.
   * @throws MeshError what the task failed with, after the items that it made before.
   */
  async next(): Promise<IteratorResult<ObjectRef<T>, undefined>> {
    const ref = await this.#reader.next();
    return ref ? { done: false, value: ref as ObjectRef<T> } : { done: true, value: undefined };
  }

  /** Stop the generator. */
  return(): Promise<IteratorResult<ObjectRef<T>, undefined>> {
    this.dispose();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * The values of the items, each brought here when it is its turn, and let go of then.
   * @throws MeshError what the task failed with, after the items that it made before; what
   *   `get` of an item throws.
   */
  async *values(): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const ref = (await this.#reader.next()) as ObjectRef<T> | undefined;
        if (!ref) return;
        let value: T;
        try {
          value = await ref.get();
        } finally {
          ref.dispose();
        }
        yield value;
      }
    } finally {
      this.dispose();
    }
  }

  /** Stop the generator, and let go of what was not read. */
  dispose(): void {
    this.#reader.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
    return Promise.resolve();
  }

  /** @throws MeshError `NOT_ENCODABLE`: a stream has one reader. */
  toJSON(): never {
    throw new MeshError("NOT_ENCODABLE", `${this} has one reader; pass the refs of its items on`);
  }

  toString(): string {
    return `ObjectStream(${this.task})`;
  }
}
