import type { Outcome } from "../../shared/worker/executor-api.ts";
import type { ExecutorId, OrderKey } from "../../shared/worker/machine/types.ts";
import type { VirtualPeer } from "./virtual-peer.ts";

const START_MS = 30;

export interface ExecutorEvents {
  ready(executor: ExecutorId): void;
  /**
   * @param resume goes on with an order that waits.
   * @returns how long the order runs, or that its executor crashes over it, or that it waits first.
   */
  begin(
    key: OrderKey,
    executor: ExecutorId,
    resume: (ms: number) => void,
  ): number | "crash" | "waits";
  /** @returns what became of it, or nothing if nobody wants to know any more. */
  finish(key: OrderKey): Outcome | undefined;
  finished(executor: ExecutorId, outcome: Outcome): void;
  ended(executor: ExecutorId, reason: string): void;
}

/** Executors that take virtual time: each runs its orders one after the other. */
export class VirtualExecutors {
  readonly #host: VirtualPeer;
  readonly #events: ExecutorEvents;
  readonly #queues = new Map<ExecutorId, OrderKey[]>();
  readonly #ready = new Set<ExecutorId>();
  readonly #dropped = new Set<string>();

  constructor(host: VirtualPeer, events: ExecutorEvents) {
    this.#host = host;
    this.#events = events;
  }

  spawn(executor: ExecutorId): void {
    const queue: OrderKey[] = [];
    this.#queues.set(executor, queue);
    this.#host.after(START_MS, () => {
      if (this.#queues.get(executor) !== queue) return;
      this.#events.ready(executor);
      this.#ready.add(executor);
      if (queue.length > 0) this.#start(executor, queue);
    });
  }

  stop(executor: ExecutorId): void {
    this.#queues.delete(executor);
  }

  give(executor: ExecutorId, key: OrderKey): void {
    const queue = this.#queues.get(executor);
    if (!queue) return;
    queue.push(key);
    if (queue.length === 1 && this.#ready.has(executor)) this.#start(executor, queue);
  }

  /** @param isHeeded whether its code ends when it is told. What has not begun will not. */
  abort(order: { readonly executor: ExecutorId; readonly key: OrderKey }, isHeeded: boolean): void {
    const { executor, key } = order;
    const queue = this.#queues.get(executor);
    if (!queue?.includes(key)) return;
    if (queue[0] !== key || !this.#ready.has(executor)) this.#dropped.add(`${executor} ${key}`);
    else if (isHeeded) this.#goOn(executor, queue, 1);
  }

  #start(executor: ExecutorId, queue: OrderKey[]): void {
    const [key] = queue;
    if (key === undefined) return;
    if (this.#dropped.delete(`${executor} ${key}`)) return this.#goOn(executor, queue, 0);
    const goOn = (ms: number | "crash") => this.#goOn(executor, queue, ms);
    const ranForMs = this.#events.begin(key, executor, (ms) => {
      if (this.#queues.get(executor) === queue && queue[0] === key) goOn(ms);
    });
    if (ranForMs !== "waits") goOn(ranForMs);
  }

  #goOn(executor: ExecutorId, queue: OrderKey[], ranForMs: number | "crash"): void {
    const key = queue[0]!;
    this.#host.after(ranForMs === "crash" ? 1 : ranForMs, () => {
      if (this.#queues.get(executor) !== queue || queue[0] !== key) return;
      if (ranForMs === "crash") {
        this.#queues.delete(executor);
        return this.#events.ended(executor, "a fault was injected");
      }
      const outcome = this.#events.finish(key) ?? { key, ranForMs };
      queue.shift();
      this.#events.finished(executor, { ...outcome, ranForMs });
      if (this.#queues.get(executor) === queue) this.#start(executor, queue);
    });
  }
}
