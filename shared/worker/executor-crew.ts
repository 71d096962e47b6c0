import type { CallableId, ObjectId } from "../ids.ts";
import type { Define } from "../protocol/messages.ts";
import type { BackendReport, ExecutorHandle, ExecutorSpawner } from "./executor-api.ts";
import type { ObjectBytes, Order } from "./executor-api.ts";
import type { HeldRefs } from "./held-refs.ts";
import type { Stimulus } from "./machine-runner.ts";
import type { ExecutorId, Outcome } from "./machine/types.ts";

export interface ExecutorCrewOptions {
  readonly spawner: ExecutorSpawner;
  readonly held: HeldRefs;
  dispatch(stimulus: Stimulus): void;
  /** Passes an outcome on when there is room for its value. */
  admit(outcome: Outcome, deliver: (outcome: Outcome) => void): void;
  /** The value behind a ref that user code holds. */
  fetch(object: ObjectId): Promise<ObjectBytes>;
  onBackendChosen(report: BackendReport): void;
}

interface Member {
  readonly handle: ExecutorHandle;
  readonly defined: Set<CallableId>;
  /** Given in this turn of the event loop; they leave together. */
  orders: Order[];
  /** Objects that its code waits for. */
  fetches: number;
}

/** The live executors of a worker: what they say becomes events of the machine. */
export class ExecutorCrew {
  readonly #options: ExecutorCrewOptions;
  readonly #members = new Map<ExecutorId, Member>();
  readonly #toFlush = new Set<Member>();

  constructor(options: ExecutorCrewOptions) {
    this.#options = options;
  }

  spawn(id: ExecutorId): void {
    const options = this.#options;
    const { spawner, held } = options;
    const ended = (reason: string) => {
      this.#members.delete(id);
      held.releaseAll(id);
      options.dispatch({ type: "executor-ended", executor: id, reason });
    };
    try {
      const handle = spawner.spawn({
        onReady: () => options.dispatch({ type: "executor-ready", executor: id }),
        onOutcomes(outcomes) {
          for (const outcome of outcomes) {
            options.admit(outcome, (admitted) =>
              options.dispatch({ type: "order-finished", executor: id, outcome: admitted }),
            );
          }
        },
        onHold: (objects) => held.hold(id, objects),
        onRelease: (objects) => held.release(id, objects),
        onExit: (actor) => options.dispatch({ type: "actor-exited", executor: id, actor }),
        fetch: (object) => this.#whileBlocked(id, options.fetch(object)),
        onBackendChosen: (report) => options.onBackendChosen(report),
        onEnded: ended,
      });
      this.#members.set(id, { handle, defined: new Set(), orders: [], fetches: 0 });
    } catch (error) {
      ended(`it could not be spawned: ${String(error)}`);
    }
  }

  give(id: ExecutorId, order: Order, callable?: Define): void {
    const member = this.#members.get(id);
    // It ended in this very turn; the machine learns of it next.
    if (!member) return;
    if (callable && !member.defined.has(callable.callable)) {
      member.defined.add(callable.callable);
      member.handle.define(callable);
    }
    member.orders.push(order);
    if (this.#toFlush.size === 0) queueMicrotask(() => this.#flush());
    this.#toFlush.add(member);
  }

  forget(callables: readonly CallableId[]): void {
    for (const { handle, defined } of this.#members.values()) {
      const known = callables.filter((callable) => defined.delete(callable));
      if (known.length > 0) handle.forget(known);
    }
  }

  stop(id: ExecutorId): void {
    const member = this.#members.get(id);
    this.#members.delete(id);
    this.#options.held.releaseAll(id);
    member?.handle.stop();
  }

  stopAll(): void {
    for (const id of this.#members.keys()) this.stop(id);
  }

  #flush(): void {
    for (const member of this.#toFlush) {
      const { orders } = member;
      member.orders = [];
      member.handle.run(orders);
    }
    this.#toFlush.clear();
  }

  async #whileBlocked(id: ExecutorId, fetched: Promise<ObjectBytes>): Promise<ObjectBytes> {
    const options = this.#options;
    const member = this.#members.get(id);
    if (!member) return await fetched;
    member.fetches += 1;
    if (member.fetches === 1) options.dispatch({ type: "executor-blocked", executor: id });
    try {
      return await fetched;
    } finally {
      member.fetches -= 1;
      if (member.fetches === 0) options.dispatch({ type: "executor-resumed", executor: id });
    }
  }
}
