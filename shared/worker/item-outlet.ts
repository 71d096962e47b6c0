import { MeshError } from "../errors.ts";
import { itemOf, type TaskId } from "../ids.ts";
import type { LocalStore } from "../objects/local-store.ts";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import type { ItemsWanted } from "../protocol/item-messages.ts";
import type { Define, Run, TaskItem } from "../protocol/messages.ts";
import type { JobKey, WireError } from "../protocol/schema.ts";
import { boundedError, toWireError } from "../protocol/wire-error.ts";
import type { Item } from "./executor-api.ts";
import type { JobsHere } from "./jobs-here.ts";
import type { OrderKey, Outcome } from "./machine/types.ts";
import { unshared } from "./results.ts";

/** An order that gives several objects. */
interface Outlet {
  readonly key: OrderKey;
  readonly task: TaskId;
  readonly attempt: number;
  readonly maxAhead: number;
  /** Of the job that its items belong to. */
  readonly jobKey: JobKey | undefined;
  /** Its items were read before: it goes on as they are dealt with here. */
  readonly isRepeated: boolean;
  taken: number;
  /** The item that comes next. */
  next: number;
  /** Resolves when all that came so far is reported. Unset if it is. */
  line: Promise<void> | undefined;
  failure: WireError | undefined;
}

export interface ItemOutletsOptions {
  readonly store: LocalStore;
  readonly jobs: JobsHere;
  report(item: TaskItem, valueBytes: number): void;
  /** So many items of an order were taken, by its reader or from here. */
  taken(key: OrderKey, taken: number): void;
  /** Have the executor stop making more. */
  stop(key: OrderKey): void;
}

/**
 * The items of this worker's orders on their way to the mesh: in order, and each when there is room
 * for it in the store. What an executor may say is bounded by what its reader has taken.
 */
export class ItemOutlets {
  readonly #options: ItemOutletsOptions;
  readonly #outlets = new Map<OrderKey, Outlet>();
  /** The latest attempt of each: a worker may have thousands of readers to hear of. */
  readonly #byTask = new Map<TaskId, Outlet>();

  constructor(options: ItemOutletsOptions) {
    this.#options = options;
  }

  open(key: OrderKey, { task, attempt, items }: Run, define: Define): void {
    if (!items) return;
    const { stream, returns, callable } = define;
    const jobKey = this.#options.jobs.ofCallable(callable);
    const { from, taken = returns === undefined ? from : 0 } = items;
    const isRepeated = stream !== undefined && items.taken === undefined;
    const maxAhead = returns ?? stream?.maxAhead ?? 1;
    const about = { key, task, attempt, maxAhead, jobKey, isRepeated, taken };
    const outlet: Outlet = { ...about, next: from, line: undefined, failure: undefined };
    this.#outlets.set(key, outlet);
    // An order that came again is ignored.
    const known = this.#byTask.get(task);
    if (!known || known.attempt < attempt) this.#byTask.set(task, outlet);
  }

  /** Its reader has taken so many. */
  taken({ task, attempt, taken }: Omit<ItemsWanted, "type">): void {
    const outlet = this.#byTask.get(task);
    if (outlet?.attempt !== attempt) return;
    outlet.taken = Math.max(outlet.taken, taken);
    this.#options.taken(outlet.key, outlet.taken);
  }

  /**
   * An executor that has the order has made an item.
   * @param done is called when the item is in the mesh's hands, or nobody wants it.
   * @throws MeshError `PROTOCOL_VIOLATION` if it may not say that.
   */
  give({ key, index, bytes, contained }: Item, done: () => void): void {
    const outlet = this.#outlets.get(key);
    if (!outlet || outlet.failure) return done();
    if (index !== outlet.next || index >= outlet.taken + outlet.maxAhead) {
      const text = `it gave item ${index} when ${outlet.next} was next and ${outlet.taken} were taken`;
      throw new MeshError("PROTOCOL_VIOLATION", text);
    }
    outlet.next += 1;
    const { task, attempt } = outlet;
    const item: TaskItem = { type: "task-item", task, attempt, index, sizeBytes: bytes.byteLength };
    if (contained.length > 0) item.contained = [...contained];
    if (!outlet.line && bytes.byteLength <= INLINE_BYTES_MAX) {
      this.#report(item, bytes);
      this.#dealtWith(outlet, index);
      return done();
    }
    const line = (outlet.line ?? Promise.resolve())
      .then(() => this.#store(outlet, item, bytes))
      .catch((error: unknown) => this.#fail(outlet, error))
      .finally(() => {
        if (outlet.line === line) outlet.line = undefined;
        this.#dealtWith(outlet, index);
        done();
      });
    outlet.line = line;
  }

  /** The order has an outcome: it comes after its items. */
  finish(outcome: Outcome, deliver: (outcome: Outcome) => void): void {
    const outlet = this.#outlets.size > 0 ? this.#outlets.get(outcome.key) : undefined;
    if (!outlet) return deliver(outcome);
    const deliverNow = () => {
      const { key, ranForMs } = outcome;
      deliver(outlet.failure ? { key, ranForMs, error: outlet.failure } : outcome);
    };
    if (!outlet.line) return deliverNow();
    return void outlet.line.then(deliverNow);
  }

  /** Nobody wants more of the order. */
  close(key: OrderKey): void {
    const outlet = this.#outlets.size > 0 ? this.#outlets.get(key) : undefined;
    if (!outlet) return;
    this.#outlets.delete(key);
    if (this.#byTask.get(outlet.task) === outlet) this.#byTask.delete(outlet.task);
  }

  async #store(outlet: Outlet, item: TaskItem, bytes: Item["bytes"]): Promise<void> {
    if (outlet.failure || !this.#isOpen(outlet)) return;
    if (bytes.byteLength <= INLINE_BYTES_MAX) return this.#report(item, bytes);
    const object = itemOf(outlet.task, item.index);
    const { store } = this.#options;
    if (!store.has(object)) {
      const endReservation = await store.reserve(object, bytes.byteLength, { isKept: true });
      try {
        if (!this.#isOpen(outlet)) return;
        store.put(object, bytes, { jobKey: outlet.jobKey, version: outlet.attempt });
      } finally {
        endReservation();
      }
    }
    this.#options.report(item, 0);
  }

  #report(item: TaskItem, bytes: Item["bytes"]): void {
    item.inline = unshared(bytes);
    this.#options.report(item, bytes.byteLength);
  }

  #dealtWith(outlet: Outlet, index: number): void {
    if (!outlet.isRepeated || !this.#isOpen(outlet)) return;
    outlet.taken = index + 1;
    this.#options.taken(outlet.key, outlet.taken);
  }

  #fail(outlet: Outlet, error: unknown): void {
    outlet.failure = boundedError(toWireError(error));
    this.#options.stop(outlet.key);
  }

  #isOpen(outlet: Outlet): boolean {
    return this.#outlets.get(outlet.key) === outlet;
  }
}
