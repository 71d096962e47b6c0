import type { ObjectId, TaskId } from "../../shared/ids.ts";
import type { DirectoryState } from "../directory/types.ts";

/**
 * What actors are restored from when they are constructed again: objects that are held until newer
 * ones replace them. One that rides inline is in the coordinator and cannot be lost. One that only
 * peers store can go with them before it has a second copy, so the one before it is kept as well.
 */
export class SavedStates {
  /** Newest first, at most two of each actor. */
  readonly #states = new Map<TaskId, readonly ObjectId[]>();
  readonly #hold: (type: "task-held" | "task-released", objects: readonly ObjectId[]) => void;

  constructor(hold: (type: "task-held" | "task-released", objects: readonly ObjectId[]) => void) {
    this.#hold = hold;
  }

  save(actor: TaskId, object: ObjectId, directory: DirectoryState): void {
    const before = this.#states.get(actor) ?? [];
    if (before.includes(object) || !directory.objects.has(object)) return;
    this.#hold("task-held", [object]);
    const isSafe = directory.objects.get(object)?.inline !== undefined;
    const kept = isSafe ? [object] : [object, ...before.slice(0, 1)];
    this.#states.set(actor, kept);
    const replaced = before.filter((old) => !kept.includes(old));
    if (replaced.length > 0) this.#hold("task-released", replaced);
  }

  /** The newest that is still to be had; `"lost"` if there were some and all are gone. */
  newestOf(actor: TaskId, directory: DirectoryState): ObjectId | "lost" | undefined {
    const states = this.#states.get(actor);
    if (!states) return undefined;
    const isThere = (object: ObjectId) => directory.objects.get(object)?.phase === "sealed";
    return states.find(isThere) ?? "lost";
  }

  /** The actor has ended. */
  drop(actor: TaskId): void {
    const states = this.#states.get(actor);
    if (!states) return;
    this.#states.delete(actor);
    this.#hold("task-released", states);
  }

  get size(): number {
    return this.#states.size;
  }

  [Symbol.iterator](): IterableIterator<readonly [TaskId, readonly ObjectId[]]> {
    return this.#states.entries();
  }
}
