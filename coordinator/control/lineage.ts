import { sourceOf, type ObjectId, type TaskId } from "../../shared/ids.ts";
import { sizeOfArgs } from "./kept-args.ts";
import type { Payload } from "./types.ts";

/** How a stored result came to be, kept so that it can be made again. */
export interface LineageEntry {
  readonly task: TaskId;
  readonly payload: Payload;
  /** Arguments whose values the coordinator has: held, or they would be gone when they are needed. */
  readonly pinned: readonly ObjectId[];
  /** The attempt that comes next. */
  attempt: number;
  /** Attempts that were lost, this result counted: `retriesMax` is what it may have. */
  losses: number;
  /** Whether the result exists or is being made; of a task that gives several objects, any of them. */
  isWanted: boolean;
  /** Those that do, of such a task. */
  items: Set<ObjectId> | undefined;
}

/** What is kept at most. Ray keeps 1 GB of lineage per worker; this is for the whole mesh. */
export const LINEAGE_BYTES_MAX = 256 * 2 ** 20;

/** What an entry costs without its arguments, roughly. */
const ENTRY_BYTES = 512;

/**
 * The tasks whose results only workers have. A result that is small enough to be in the coordinator
 * is never lost, so nothing is kept for it.
 *
 * An entry outlives its result as long as the result of another one was made from it.
 */
export class Lineage {
  readonly #entries = new Map<TaskId, LineageEntry>();
  /**
   * How many kept entries have an object of a task as argument: for them it may have to run again.
   * What no task made is counted too.
   */
  readonly #readers = new Map<TaskId, number>();
  readonly #bytesMax: number;
  readonly #unpin: (objects: readonly ObjectId[]) => void;
  #bytes = 0;
  #evicted = 0;

  /** @param unpin lets go of what an entry held. */
  constructor(unpin: (objects: readonly ObjectId[]) => void, bytesMax = LINEAGE_BYTES_MAX) {
    this.#unpin = unpin;
    this.#bytesMax = bytesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Entries that were given up because there were too many. */
  get evicted(): number {
    return this.#evicted;
  }

  get(object: ObjectId): LineageEntry | undefined {
    return this.#entries.get(sourceOf(object));
  }

  [Symbol.iterator](): IterableIterator<LineageEntry> {
    return this.#entries.values();
  }

  /** How many kept entries have the object as argument, or another one of the same task. */
  readersOf(object: ObjectId): number {
    return this.#readers.get(sourceOf(object)) ?? 0;
  }

  /** The result was made again. @returns false if it was not kept before. */
  renew(task: TaskId, attempt: number, losses: number): boolean {
    const entry = this.#entries.get(task);
    if (!entry) return false;
    entry.attempt = attempt;
    entry.losses = losses;
    entry.isWanted = true;
    return true;
  }

  /** An attempt to make it again came to nothing: no other one may have its number. */
  tried(task: TaskId, nextAttempt: number): void {
    const entry = this.#entries.get(task);
    if (entry) entry.attempt = Math.max(entry.attempt, nextAttempt);
  }

  /** It was run again, for nothing that is wanted any more. */
  ranAgain(task: TaskId, attempt: number, losses: number): void {
    const entry = this.#entries.get(task);
    if (entry) Object.assign(entry, { attempt, losses });
  }

  /** The entry is for these objects of the task, and not for its result. */
  keepFor(task: TaskId, items: Iterable<ObjectId>): void {
    const entry = this.#entries.get(task);
    if (!entry) return;
    entry.items ??= new Set();
    for (const item of items) entry.items.add(item);
  }

  keep(entry: Pick<LineageEntry, "task" | "payload" | "pinned" | "attempt" | "losses">): void {
    this.#entries.set(entry.task, { ...entry, isWanted: true, items: undefined });
    for (const object of entry.payload.held) {
      this.#readers.set(sourceOf(object), this.readersOf(object) + 1);
    }
    this.#bytes += bytesOf(entry);
    for (const oldest of this.#entries.values()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#evicted += 1;
      this.#drop(oldest);
    }
  }

  /** The result is made again for a reader's sake, or its ref is back. */
  wanted(object: ObjectId): void {
    const entry = this.get(object);
    if (!entry) return;
    entry.isWanted = true;
    entry.items?.add(object);
  }

  /** Nobody refers to the result any more. */
  freed(object: ObjectId): void {
    if (this.#entries.size === 0) return;
    const entry = this.get(object);
    if (!entry) return;
    entry.items?.delete(object);
    if (entry.items && entry.items.size > 0) return;
    entry.isWanted = false;
    if (this.readersOf(object) === 0) this.#drop(entry);
  }

  /** Forget an entry, and those that were kept only for it. Iterative: chains may be long. */
  #drop(first: LineageEntry): void {
    const worklist = [first];
    for (let entry = worklist.pop(); entry; entry = worklist.pop()) {
      if (!this.#entries.delete(entry.task)) continue;
      this.#bytes -= bytesOf(entry);
      for (const object of entry.payload.held) {
        const readers = this.readersOf(object) - 1;
        if (readers > 0) this.#readers.set(sourceOf(object), readers);
        else this.#readers.delete(sourceOf(object));
        const argument = this.get(object);
        if (argument && readers === 0 && !argument.isWanted) worklist.push(argument);
      }
      if (entry.pinned.length > 0) this.#unpin(entry.pinned);
    }
  }
}

const bytesOf = ({ payload }: Pick<LineageEntry, "payload">): number =>
  ENTRY_BYTES + sizeOfArgs(payload.args) + 32 * payload.held.length;
