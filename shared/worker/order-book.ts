import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import type { Call } from "../protocol/link-messages.ts";
import type { Define, ObjectState, Run } from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import type { ObjectBytes, Order } from "./executor-api.ts";
import type { OrderKey, Outcome } from "./machine/types.ts";

/** An order that has no outcome yet: what the machine knows only by its key. */
export interface OpenOrder {
  /** As an executor gets it, but for its dependencies. */
  readonly order: Order;
  readonly callable?: Define;
  readonly dependencies: readonly ObjectId[];
  /** Values of the dependencies that are here. */
  readonly bytes: Map<ObjectId, ObjectBytes>;
  /** Why it cannot run: an argument failed. */
  readonly refusal?: WireError;
  /** A call: its result's name, who asked, and whom to tell. */
  readonly call?: {
    readonly result: ObjectId;
    readonly caller: PeerId;
    readonly settle: (outcome: Outcome) => void;
  };
}

const NONE: readonly never[] = [];

/** The orders without an outcome and the objects that they wait for. */
export class OrderBook {
  readonly #orders = new Map<OrderKey, OpenOrder>();
  readonly #waiting = new Map<ObjectId, Set<OpenOrder>>();
  readonly #whereabouts = new Map<ObjectId, ObjectState>();
  readonly #here: (object: ObjectId) => ObjectBytes | undefined;
  #next = 0;

  /** @param here gives the bytes of objects that need not be fetched. */
  constructor(here: (object: ObjectId) => ObjectBytes | undefined) {
    this.#here = here;
  }

  openRun(run: Run, callable: Define): OpenOrder {
    const bytes = new Map<ObjectId, ObjectBytes>();
    const dependencies = run.dependencies ?? [];
    for (const { object, inline } of dependencies) if (inline) bytes.set(object, inline);
    const refusal = dependencies.find(({ error }) => error)?.error;
    const key = String(this.#next++);
    const base = { key, callable: run.callable, args: run.args, dependencies: NONE };
    const order: OpenOrder["order"] =
      callable.kind === "function"
        ? { ...base, kind: "task" }
        : { ...base, kind: "create-actor", actor: run.task as string as ActorId };
    return this.#open(
      {
        order,
        callable,
        bytes,
        dependencies: dependencies.map(({ object }) => object),
        ...(refusal ? { refusal } : {}),
      },
      dependencies,
    );
  }

  openCall(call: Call, caller: PeerId, settle: (outcome: Outcome) => void): OpenOrder {
    const { actor, method, args, dependencies = [], result } = call;
    return this.#open({
      order: { key: String(this.#next++), kind: "call", actor, method, args, dependencies: NONE },
      dependencies,
      bytes: new Map(),
      call: { result, caller, settle },
    });
  }

  get(key: OrderKey): OpenOrder | undefined {
    return this.#orders.get(key);
  }

  /** Objects that are still to be fetched for an order. */
  missing({ dependencies, bytes }: OpenOrder): ObjectId[] {
    return dependencies.filter((object) => !bytes.has(object));
  }

  /** Where an awaited object is, as far as an order said. */
  whereabouts(object: ObjectId): ObjectState | undefined {
    return this.#whereabouts.get(object);
  }

  /** An awaited object is here. */
  arrived(object: ObjectId, bytes: ObjectBytes): void {
    for (const order of this.#waiting.get(object) ?? []) order.bytes.set(object, bytes);
    this.forgetObject(object);
  }

  /** Nobody waits for it any more, or it cannot be had. */
  forgetObject(object: ObjectId): void {
    this.#waiting.delete(object);
    this.#whereabouts.delete(object);
  }

  /** The order has its outcome. */
  close(key: OrderKey): OpenOrder | undefined {
    const order = this.#orders.get(key);
    this.#orders.delete(key);
    for (const object of order?.dependencies ?? []) {
      const waiting = this.#waiting.get(object);
      if (order && waiting?.delete(order) && waiting.size === 0) this.forgetObject(object);
    }
    return order;
  }

  #open(order: OpenOrder, states: readonly ObjectState[] = []): OpenOrder {
    for (const object of order.dependencies) {
      const bytes = order.bytes.get(object) ?? this.#here(object);
      if (bytes) {
        order.bytes.set(object, bytes);
        continue;
      }
      const waiting = this.#waiting.get(object) ?? new Set();
      this.#waiting.set(object, waiting.add(order));
    }
    for (const state of states) {
      if (this.#waiting.has(state.object)) this.#whereabouts.set(state.object, state);
    }
    this.#orders.set(order.order.key, order);
    return order;
  }
}
