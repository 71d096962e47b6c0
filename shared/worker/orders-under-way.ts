import type { CurrentTask } from "../driver/current-task.ts";
import { MeshError } from "../errors.ts";
import type { CallableId } from "../ids.ts";
import type { Order } from "./executor-api.ts";

/**
 * What an executor runs now; which of it nobody wants any more; and the signals that its code has asked
 * for. Most orders leave no trace here.
 */
export class OrdersUnderWay {
  /** The task that runs. */
  task: Order | undefined;
  /** What is being called now, until it returns a promise. */
  calling: Order | undefined;
  /** Calls of actors that have returned a promise. */
  readonly #awaited = new Map<string, Order>();
  readonly #cancelled = new Set<string>();
  readonly #signals = new Map<string, AbortController>();
  readonly #onSignalTaken: (order: Order) => void;

  /** @param onSignalTaken its code may end by itself from now on. */
  constructor(onSignalTaken: (order: Order) => void) {
    this.#onSignalTaken = onSignalTaken;
  }

  /** It has returned a promise. */
  awaits(order: Order): void {
    if (order.kind === "call") this.#awaited.set(order.key, order);
  }

  /** It has its outcome. */
  ended(order: Order): void {
    if (this.#awaited.size > 0) this.#awaited.delete(order.key);
    if (this.#cancelled.size > 0) this.#cancelled.delete(order.key);
    if (this.#signals.size > 0) this.#signals.delete(order.key);
    if (order.kind === "task") this.task = undefined;
  }

  /**
   * What runs of a callable's code.
   * @param began that very order, if it is known.
   * @param classOf the class of an actor.
   * @returns `several` if there is no telling which.
   */
  find(
    callable: CallableId,
    began: Order | undefined,
    classOf: (order: Order) => CallableId | undefined,
  ): Order | "several" | undefined {
    if (began) return this.#isUnfinished(began) ? began : undefined;
    if (this.task?.callable === callable) return this.task;
    const calls = [...this.#awaited.values()].filter((order) => classOf(order) === callable);
    return calls.length > 1 ? "several" : calls[0];
  }

  runs(key: string): boolean {
    return this.task?.key === key || this.#awaited.has(key);
  }

  /** Nobody wants its outcome any more. It runs, or waits for its turn: then it is not to begin. */
  cancel(key: string): void {
    this.#cancelled.add(key);
    this.#signals.get(key)?.abort(reason());
  }

  /** Before it begins. @throws MeshError `TASK_CANCELLED` if it is not to. */
  assertWanted({ key }: Order): void {
    if (this.#cancelled.size > 0 && this.#cancelled.has(key)) throw reason();
  }

  /** What an unfinished order's own code may know of it. */
  viewOf(order: Order, name: string): CurrentTask {
    const signalOf = () => this.#signalOf(order);
    const { kind, actor = "", task = "", method } = order;
    return Object.freeze({
      id: kind === "task" ? task : actor,
      name,
      ...(kind === "call" && method ? { method } : {}),
      get signal() {
        return signalOf();
      },
    });
  }

  #isUnfinished(order: Order): boolean {
    return order === this.task || order === this.calling || this.#awaited.has(order.key);
  }

  #signalOf(order: Order): AbortSignal {
    let controller = this.#signals.get(order.key);
    if (!controller) {
      controller = new AbortController();
      // What has ended is not told any more.
      if (this.#isUnfinished(order)) this.#signals.set(order.key, controller);
      if (this.#cancelled.has(order.key)) controller.abort(reason());
      this.#onSignalTaken(order);
    }
    return controller.signal;
  }
}

const reason = (): MeshError => new MeshError("TASK_CANCELLED", "it was cancelled");
