import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import type { Call } from "../protocol/link-messages.ts";
import type { Define, ObjectState, Run } from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import type { ArgumentPins } from "./argument-pins.ts";
import type { ObjectBytes, Order } from "./executor-api.ts";
import { itemOrderOf, packItemOrder, unpackItemOrder } from "./item-order.ts";
import type { MachineEffect, OrderKey, Outcome } from "./machine/types.ts";

/** An order that has no outcome yet: what the machine knows only by its key. */
export interface OpenOrder {
  /** As an executor gets it, but for its dependencies. */
  order: Order;
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
  readonly #pins: ArgumentPins;
  #next = 0;

  /** @param pins gives the bytes of objects that need not be fetched, and keeps them here. */
  constructor(pins: ArgumentPins) {
    this.#pins = pins;
  }

  openRun(run: Run, callable: Define): OpenOrder {
    const bytes = new Map<ObjectId, ObjectBytes>();
    const dependencies = run.dependencies ?? [];
    for (const { object, inline } of dependencies) if (inline) bytes.set(object, inline);
    const refusal = dependencies.find(({ error }) => error)?.error;
    const key = String(this.#next++);
    const base = { key, callable: run.callable, args: run.args, dependencies: NONE };
    const order: { -readonly [Field in keyof Order]: Order[Field] } =
      callable.kind === "function"
        ? {
            key,
            kind: "task",
            callable: run.callable,
            task: run.task,
            args: run.args,
            dependencies: NONE,
          }
        : {
            ...base,
            kind: "create-actor",
            actor: run.task as string as ActorId,
            ...(run.restores ? { method: "restore" } : {}),
          };
    if (run.items) order.method = packItemOrder(itemOrderOf(run.items, callable));
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
    const { actor, method, group, retriesMax, args, dependencies = [], result } = call;
    const named = { kind: "call", actor, method, args, dependencies: NONE } as const;
    return this.#open({
      order: {
        key: String(this.#next++),
        ...named,
        ...(group === undefined ? {} : { group }),
        ...(retriesMax === undefined ? {} : { retriesMax }),
      },
      dependencies,
      bytes: new Map(),
      call: { result, caller, settle },
    });
  }

  /** The call that is to give this result, if it is open. Rare, so nothing is kept to find it by. */
  keyOfCall(caller: PeerId, result: ObjectId): OrderKey | undefined {
    for (const [key, { call }] of this.#orders) {
      if (call?.result === result && call.caller === caller) return key;
    }
    return undefined;
  }

  get(key: OrderKey): OpenOrder | undefined {
    return this.#orders.get(key);
  }

  /** The reader of what an order makes has taken so many. */
  itemsTaken(key: OrderKey, taken: number): void {
    const open = this.#orders.get(key);
    if (!open?.order.method) return;
    const { from } = unpackItemOrder(open.order.method);
    open.order = { ...open.order, method: packItemOrder({ from, taken }) };
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
    for (const open of this.#waiting.get(object) ?? []) {
      open.bytes.set(object, this.#pins.take(open.order.key, object) ?? bytes);
    }
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
    this.#pins.close(key);
    for (const object of order?.dependencies ?? []) {
      const waiting = this.#waiting.get(object);
      if (order && waiting?.delete(order) && waiting.size === 0) this.forgetObject(object);
    }
    return order;
  }

  #open(open: OpenOrder, states: readonly ObjectState[] = []): OpenOrder {
    const { order, dependencies } = open;
    this.#orders.set(order.key, open);
    if (dependencies.length === 0) return open;
    const sizes = new Map(states.map(({ object, sizeBytes }) => [object, sizeBytes]));
    const stored = dependencies.filter((object) => !open.bytes.has(object));
    this.#pins.open(
      order.key,
      stored.map((object) => ({ object, sizeBytes: sizes.get(object) })),
    );
    for (const object of dependencies) {
      const bytes = open.bytes.get(object) ?? this.#pins.take(order.key, object);
      if (bytes) {
        open.bytes.set(object, bytes);
        continue;
      }
      const waiting = this.#waiting.get(object) ?? new Set();
      this.#waiting.set(object, waiting.add(open));
    }
    for (const state of states) {
      if (this.#waiting.has(state.object)) this.#whereabouts.set(state.object, state);
    }
    return open;
  }
}

/** As an executor gets it: all that it takes is here. */
export function orderOf({ order, dependencies, bytes }: OpenOrder): Order {
  if (dependencies.length === 0) return order;
  const values = dependencies.map((object) => ({ object, bytes: bytes.get(object)! }));
  return { ...order, dependencies: values };
}

/** The order to end an actor. */
export function orderToEnd({
  actor,
  key,
  isGraceful,
}: Extract<MachineEffect, { type: "end-actor" }>): Order {
  const dispose = isGraceful ? { method: "dispose" } : {};
  return { key, kind: "end-actor", actor, ...dispose, args: new Uint8Array(0), dependencies: [] };
}
