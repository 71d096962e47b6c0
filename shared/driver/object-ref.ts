import type { ObjectId } from "../ids.ts";
import type { ObjectTable } from "./object-table.ts";

declare const valueType: unique symbol;

export interface GetOptions {
  /** Reject with `TIMEOUT`, and say what it waits for, after so long. Default: wait. */
  readonly timeoutMs?: number;
}

/**
 * A handle to an immutable value somewhere in the mesh, perhaps one that is still being made.
 *
 * Pass it to a remote function or an actor's method and the value goes there directly, not through
 * you. It is deliberately not a thenable: an `async` function that returned one would fetch it by
 * accident. The value is kept as long as somebody has a ref: `using`, {@link dispose} or the
 * garbage collector let go of this one.
 */
export class ObjectRef<T = unknown> {
  declare readonly [valueType]: T;
  readonly id: ObjectId;
  /** @internal Which of the tasks of an executor it belongs to. */
  readonly epoch: number;
  readonly #table: ObjectTable;
  #isDisposed = false;

  /** @internal Refs come from remote functions, actors and `put`. */
  constructor(table: ObjectTable, id: ObjectId, epoch = 0) {
    this.#table = table;
    this.id = id;
    this.epoch = epoch;
  }

  /** @internal */
  get table(): ObjectTable {
    return this.#table;
  }

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  /**
   * The value.
   * @throws MeshError what its task failed with (`TASK_FAILED` carries the user's error as `cause`),
   *   `OBJECT_LOST`, `OBJECT_FREED`, `TIMEOUT`.
   */
  get(options: GetOptions = {}): Promise<T> {
    return this.#table.get(this, options) as Promise<T>;
  }

  /** Let go of the value. It is freed everywhere when the last ref is gone. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#table.released(this);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return `ObjectRef(${this.id})`;
  }
}

/** What `get` gives for each of a tuple or array of refs. */
export type Values<Refs extends readonly ObjectRef[]> = {
  -readonly [Index in keyof Refs]: Refs[Index] extends ObjectRef<infer T> ? T : never;
};
