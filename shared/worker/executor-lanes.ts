import type { ActorId, CallableId } from "../ids.ts";
import type { ActorOptions } from "../protocol/actor-options.ts";
import type { Order } from "./executor-api.ts";

/** Orders of one lane start in order, so many of them under way at a time. */
export interface Lane {
  readonly maxConcurrency: number;
  readonly home: ActorHome | undefined;
  /** The actor that its one order ends. */
  readonly ends?: ActorHome | undefined;
  orders: Order[];
  nextIndex: number;
  /** Orders that are awaited. */
  active: number;
  /** It has something under way or to do. */
  isBusy: boolean;
  /** It lets others have a turn, and goes on by itself. */
  isYielding: boolean;
}

export const newLane = (maxConcurrency = 1, home?: ActorHome): Lane => ({
  maxConcurrency,
  home,
  orders: [],
  nextIndex: 0,
  active: 0,
  isBusy: false,
  isYielding: false,
});

/** Whether the order is in the lane and has not begun. */
export const waitsIn = ({ orders, nextIndex }: Lane, key: string): boolean =>
  orders.findIndex((order, index) => index >= nextIndex && order.key === key) >= 0;

/** Methods that see the actor at rest: they run alone. */
const ALONE: ReadonlySet<string> = new Set(["checkpoint", "restore"]);

/** An actor in this executor: its instance, and a lane for each of its concurrency groups. */
export class ActorHome {
  readonly actor: ActorId;
  instance: Record<string, unknown> | undefined;
  /** Its class. */
  callable: CallableId | undefined;
  className = "";
  readonly #lanes = new Map<string, Lane>();
  #default = newLane(1, this);
  #groups = new Map<string, string>();
  #isConcurrent = false;
  /** An order that runs alone, and what came after it. */
  #held: Order[] = [];
  #isAlone = false;

  constructor(actor: ActorId) {
    this.actor = actor;
    this.#lanes.set("", this.#default);
  }

  /** Whether more than one call may be under way. */
  get isConcurrent(): boolean {
    return this.#isConcurrent;
  }

  /** As its class says. Before the first call. */
  configure({ maxConcurrency = 1, groups = [], methods }: ActorOptions): void {
    this.#isConcurrent = maxConcurrency > 1 || groups.length > 0;
    if (!this.#isConcurrent) return;
    // The order that constructs it is in the lane that it has had so far.
    this.#default = newLane(maxConcurrency, this);
    this.#lanes.set("", this.#default);
    for (const group of groups) this.#lanes.set(group.name, newLane(group.maxConcurrency, this));
    this.#groups = new Map(methods.flatMap(({ name, group }) => (group ? [[name, group]] : [])));
  }

  hasGroup(name: string): boolean {
    return this.#lanes.has(name);
  }

  /** Which lane the order goes to now; nothing if it has to wait until the actor is at rest. */
  admit(order: Order): Lane | undefined {
    if (!this.#isConcurrent) return this.#default;
    const mustWait = this.#held.length > 0 || this.#isAlone;
    if (mustWait || !maySeeOthers(order)) {
      if (mustWait || !this.isAtRest) {
        this.#held.push(order);
        return undefined;
      }
      this.#isAlone = true;
    }
    return this.#laneOf(order);
  }

  /** A lane has nothing to do any more: orders that may start now, each with its lane. */
  *released(): Iterable<readonly [Lane, Order]> {
    if (!this.isAtRest) return;
    this.#isAlone = false;
    while (this.#held.length > 0 && !this.#isAlone) {
      const [order] = this.#held as [Order];
      const isFree = maySeeOthers(order);
      if (!isFree && !this.isAtRest) return;
      this.#held.shift();
      this.#isAlone = !isFree;
      yield [this.#laneOf(order), order];
    }
  }

  /** Whether the order has not begun. */
  hasWaiting(key: string): boolean {
    if (this.#held.some((order) => order.key === key)) return true;
    return [this.#default, ...this.#lanes.values()].some((lane) => waitsIn(lane, key));
  }

  get isAtRest(): boolean {
    for (const { isBusy, orders } of this.#lanes.values()) {
      if (isBusy || orders.length > 0) return false;
    }
    return true;
  }

  #laneOf({ method, group }: Order): Lane {
    const name = group || (this.#groups.get(method ?? "") ?? "");
    return this.#lanes.get(name) ?? this.#default;
  }
}

const maySeeOthers = ({ kind, method }: Order): boolean =>
  kind !== "call" || !ALONE.has(method ?? "");
