import type { Clock } from "../clock.ts";
import type { ActorId, CallableId, ObjectId, PeerId } from "../ids.ts";
import type { Define } from "../protocol/messages.ts";
import type { BackendReport, ExecutorHandle, ExecutorSpawner, Item } from "./executor-api.ts";
import type { NestedNews, ObjectBytes, Order } from "./executor-api.ts";
import type { NestedMessage } from "./executor-messages.ts";
import type { HeldRefs } from "./held-refs.ts";
import type { Stimulus } from "./machine-runner.ts";
import type { ExecutorId, OrderKey, Outcome } from "./machine/types.ts";
import { numberOf } from "./nested-work.ts";

export interface ExecutorCrewOptions {
  readonly spawner: ExecutorSpawner;
  readonly held: HeldRefs;
  dispatch(stimulus: Stimulus): void;
  /** Whether the executor has what this is the outcome of. */
  owes(executor: ExecutorId, key: OrderKey): boolean;
  /** Passes an outcome on when there is room for its value. */
  admit(outcome: Outcome, deliver: (outcome: Outcome) => void): void;
  /** The value behind a ref that user code holds. */
  fetch(object: ObjectId): Promise<ObjectBytes>;
  /**
   * An order of the executor's gives an item; `done` when it may be forgotten.
   * @throws MeshError if the executor may not say that.
   */
  giveItem(item: Item, done: () => void): void;
  onBackendChosen(report: BackendReport): void;
  onNested(executor: ExecutorId, message: Exclude<NestedMessage, Waiting>): void;
  onReleased(executor: ExecutorId, objects: readonly ObjectId[]): void;
  onEnded(executor: ExecutorId): void;
  /** Its code waits, or does not any more, for what it has submitted or for long. */
  onWaiting(executor: ExecutorId, isWaiting: boolean): void;
  readonly clock: Clock;
  /** The peer that the executors belong to. */
  readonly self: PeerId;
}

/** What concerns the machine alone. */
type Waiting = { readonly type: "blocked" | "resumed" | "signal-taken" };

/** Waiting for objects of others that takes so long is told to the coordinator. */
const WAIT_MS_MIN = 20;

interface Member {
  readonly handle: ExecutorHandle;
  readonly defined: Set<CallableId>;
  /** Outcomes that wait for room. */
  readonly admitting: Set<OrderKey>;
  /** Given in this turn of the event loop; they leave together. */
  orders: Order[];
  /** What its code waits for: objects that are fetched, and any that are not made yet. */
  waits: number;
  isWaiting: boolean;
  cancelReport: (() => void) | undefined;
  /** The coordinator was told that its code waits. */
  isReported: boolean;
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
    const { spawner, held, self: peer } = options;
    const ended = (reason: string) => {
      this.#forget(id);
      options.dispatch({ type: "executor-ended", executor: id, reason });
    };
    try {
      const handle = spawner.spawn({
        onReady: () => options.dispatch({ type: "executor-ready", executor: id }),
        onOutcomes: (outcomes) => {
          // Whatever waited, the task did not wait for it.
          const member = this.#members.get(id);
          if (!member) return;
          this.#resumed(id, member);
          for (const outcome of outcomes) this.#finished(id, member, outcome);
        },
        onItem: (item) => this.#made(id, item),
        onHold: (objects) => held.hold(id, objects),
        onExit: (actor) => options.dispatch({ type: "actor-exited", executor: id, actor }),
        onRelease: (objects) => {
          held.release(id, objects);
          options.onReleased(id, objects);
        },
        onNested: (message) => this.#onNested(id, message),
        fetch: (object) => this.#whileBlocked(id, options.fetch(object)),
        onBackendChosen: (report) => options.onBackendChosen(report),
        onEnded: ended,
      });
      handle.identify({ peer, executor: numberOf(id) });
      this.#members.set(id, {
        handle,
        defined: new Set(),
        admitting: new Set(),
        orders: [],
        waits: 0,
        isWaiting: false,
        cancelReport: undefined,
        isReported: false,
      });
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
    this.#forget(id);
    member?.handle.stop();
  }

  /** Nobody wants the outcome of this order any more; it may have been given in this very turn. */
  abort(id: ExecutorId, key: OrderKey, actor?: ActorId): void {
    const member = this.#members.get(id);
    if (!member) return;
    this.#flushMember(member);
    member.handle.abort(key, actor);
  }

  /** @param news is about an order that it has. */
  tellOfOrder(id: ExecutorId, news: NestedNews): void {
    const member = this.#members.get(id);
    if (!member) return;
    this.#flushMember(member);
    member.handle.tell(news);
  }

  tell(id: ExecutorId, news: NestedNews): void {
    this.#members.get(id)?.handle.tell(news);
  }

  stopAll(): void {
    for (const id of this.#members.keys()) this.stop(id);
  }

  /** It may have to wait for room; the task lets go of what is inside at once. */
  #finished(id: ExecutorId, { admitting }: Member, outcome: Outcome): void {
    const { held, dispatch, admit, owes } = this.#options;
    const { key } = outcome;
    // User code is in there: it has no say about the orders of other executors, and one about its own.
    if (admitting.has(key) || !owes(id, key)) return;
    admitting.add(key);
    const contained = outcome.value?.contained ?? [];
    const holder = `outcome ${key} of ${id}`;
    if (contained.length > 0) held.hold(holder, contained);
    admit(outcome, (admitted) => {
      admitting.delete(key);
      dispatch({ type: "order-finished", executor: id, outcome: admitted });
      if (contained.length > 0) held.release(holder, contained);
    });
  }

  /** Refs inside it are held until the mesh knows of it. */
  #made(id: ExecutorId, item: Item): void {
    const { held, owes, giveItem } = this.#options;
    if (!this.#members.has(id) || !owes(id, item.key)) return;
    const { contained, key, index } = item;
    const holder = `item ${index} of ${key} of ${id}`;
    if (contained.length > 0) held.hold(holder, contained);
    this.#orEnd(id, () =>
      giveItem(item, () => {
        if (contained.length > 0) held.release(holder, contained);
      }),
    );
  }

  #forget(id: ExecutorId): void {
    const member = this.#members.get(id);
    if (!this.#members.delete(id)) return;
    member?.cancelReport?.();
    this.#options.onEnded(id);
    this.#options.held.releaseAll(id);
  }

  #onNested(id: ExecutorId, message: NestedMessage): void {
    const member = this.#members.get(id);
    if (!member) return;
    if (message.type === "blocked") return this.#blocked(id, member, message.isOwn);
    if (message.type === "resumed") return this.#resumed(id, member);
    if (message.type === "signal-taken") {
      return this.#options.dispatch({ ...message, executor: id });
    }
    this.#orEnd(id, () => this.#options.onNested(id, message));
  }

  /** End an executor that says what it may not. */
  #orEnd(id: ExecutorId, heard: () => void): void {
    try {
      heard();
    } catch (error) {
      const reason = String(error);
      this.stop(id);
      this.#options.dispatch({ type: "executor-ended", executor: id, reason });
    }
  }

  #blocked(id: ExecutorId, member: Member, isOwn: boolean): void {
    if (!member.isWaiting) {
      member.isWaiting = true;
      this.#wait(id, member, 1);
    }
    if (member.isReported) return;
    const report = () => {
      member.cancelReport?.();
      member.isReported = true;
      this.#options.onWaiting(id, true);
    };
    if (isOwn) report();
    else member.cancelReport ??= this.#options.clock.after(WAIT_MS_MIN, report);
  }

  #resumed(id: ExecutorId, member: Member): void {
    if (!member.isWaiting) return;
    member.isWaiting = false;
    member.cancelReport?.();
    member.cancelReport = undefined;
    this.#wait(id, member, -1);
    if (member.isReported) this.#options.onWaiting(id, false);
    member.isReported = false;
  }

  #wait(id: ExecutorId, member: Member, change: 1 | -1): void {
    member.waits += change;
    const type = change === 1 ? "executor-blocked" : "executor-resumed";
    if (member.waits === (change === 1 ? 1 : 0)) this.#options.dispatch({ type, executor: id });
  }

  #flush(): void {
    for (const member of this.#toFlush) this.#flushMember(member);
    this.#toFlush.clear();
  }

  #flushMember(member: Member): void {
    const { orders } = member;
    member.orders = [];
    if (orders.length > 0) member.handle.run(orders);
  }

  async #whileBlocked(id: ExecutorId, fetched: Promise<ObjectBytes>): Promise<ObjectBytes> {
    const member = this.#members.get(id);
    if (!member) return await fetched;
    this.#wait(id, member, 1);
    try {
      return await fetched;
    } finally {
      this.#wait(id, member, -1);
    }
  }
}
