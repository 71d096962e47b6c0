import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ActorId, CallableId, ObjectId } from "../ids.ts";
import { decodeValue, encodeValue } from "../objects/codec.ts";
import type { Define } from "../protocol/messages.ts";
import { REFS_PER_MESSAGE_MAX } from "../protocol/limits.ts";
import type { WireError } from "../protocol/schema.ts";
import { boundedError, toWireError } from "../protocol/wire-error.ts";
import type { ObjectBytes, Order } from "./executor-api.ts";
import { Callables, userError, type UserClass, type UserFunction } from "./executor-callables.ts";
import { ExecutorRef, RefTable } from "./executor-refs.ts";
import type { OutcomeWriter } from "./executor-wire.ts";

/** What the runtime needs from where it runs: a worker thread, or a worker in the cage. */
export interface RuntimeHost {
  readonly clock: Clock;
  /** Collects outcomes until {@link flush}. */
  readonly outcomes: OutcomeWriter;
  /** Send the collected outcomes. */
  flush(): void;
  hold(objects: readonly ObjectId[]): void;
  release(objects: readonly ObjectId[]): void;
  fetch(object: ObjectId): Promise<ObjectBytes>;
  /** `import(specifier)` of user code. */
  importModule(specifier: string): Promise<unknown>;
  /** Call back on a later turn of the event loop, after what is queued already. */
  later(callback: () => void): void;
}

/** Orders of one lane run one after the other. */
interface Lane {
  orders: Order[];
  nextIndex: number;
  /** It runs, awaits or yields: somebody else will go on with it. */
  isBusy: boolean;
  readonly actor?: ActorId;
  instance?: Record<string, unknown>;
  className: string;
}

/** A call of user code, ready to be made. */
interface Call {
  readonly what: string;
  invoke(): unknown;
}

interface Finished {
  readonly order: Order;
  readonly call: Call;
  readonly startedMs: number;
  /**
   * Since when its batch has waited, if it is the first in it. For code that blocks the thread that
   * is when it started: the time it took could have sent what was before it.
   */
  readonly waitsSinceMs: number;
}

/** Outcomes wait for others of their turn, but not longer than this. */
const OUTCOME_AGE_MS_MAX = 1;
/** How long tasks run on before messages, timers and other lanes get a turn. */
const SLICE_MS_MAX = 5;

/** Runs user code: the same in a worker thread and in the cage. */
export class ExecutorRuntime {
  readonly #host: RuntimeHost;
  readonly #callables: Callables;
  readonly #refs: RefTable;
  readonly #tasks = newLane();
  readonly #actors = new Map<ActorId, Lane>();
  #busyLanes = 0;
  #sliceStartedMs = 0;
  #outcomesSinceMs = 0;
  #flushIsDue = false;

  constructor(host: RuntimeHost) {
    this.#host = host;
    this.#callables = new Callables((specifier) => host.importModule(specifier));
    const get = async (object: ObjectId) => this.#received(await host.fetch(object));
    this.#refs = new RefTable(
      { get, hold: (list) => host.hold(list), release: (list) => host.release(list) },
      host.clock,
    );
  }

  forget(callables: readonly CallableId[]): void {
    this.#callables.forget(callables);
  }

  define(callables: readonly Define[]): void {
    for (const callable of callables) this.#callables.define(callable);
  }

  run(orders: readonly Order[]): void {
    const touched = new Set<Lane>();
    for (const order of orders) {
      const lane = this.#laneOf(order);
      lane.orders.push(order);
      touched.add(lane);
    }
    this.#sliceStartedMs = this.#host.clock.nowMs();
    for (const lane of touched) if (!lane.isBusy) this.#pump(lane);
    this.#flushSoon();
  }

  #laneOf(order: Order): Lane {
    if (order.kind === "task" || !order.actor) return this.#tasks;
    // It waits for nothing that the actor awaits: its outcome tells that the thread is not blocked.
    if (order.kind === "end-actor") return newLane();
    let lane = this.#actors.get(order.actor);
    if (!lane) this.#actors.set(order.actor, (lane = newLane(order.actor)));
    return lane;
  }

  /** Run a lane's orders until one has to be awaited, the slice is over, or none is left. */
  #pump(lane: Lane): void {
    const { clock } = this.#host;
    if (!lane.isBusy) this.#busyLanes++;
    lane.isBusy = true;
    while (lane.nextIndex < lane.orders.length) {
      const startedMs = clock.nowMs();
      if (startedMs - this.#sliceStartedMs > SLICE_MS_MAX) {
        this.#flush();
        this.#host.later(() => {
          this.#sliceStartedMs = clock.nowMs();
          this.#pump(lane);
          this.#flushSoon();
        });
        return;
      }
      const order = lane.orders[lane.nextIndex++]!;
      const pending = this.#execute(lane, order, startedMs);
      if (pending) {
        void pending.then(() => {
          this.#pump(lane);
          this.#flushSoon();
        });
        return;
      }
    }
    lane.orders = [];
    lane.nextIndex = 0;
    lane.isBusy = false;
    this.#busyLanes--;
    if (lane.actor && !lane.instance) {
      // An actor that was created anew meanwhile has another lane.
      if (this.#actors.get(lane.actor) === lane) this.#actors.delete(lane.actor);
    }
  }

  /** @returns a promise if the order is not finished yet. It never rejects. */
  #execute(lane: Lane, order: Order, startedMs: number): Promise<void> | undefined {
    let call: Call;
    try {
      call = this.#prepare(lane, order);
    } catch (error) {
      this.#fail(order, startedMs, startedMs, toWireError(error));
      return undefined;
    }
    let result: unknown;
    let isPending: boolean;
    try {
      result = call.invoke();
      isPending = isThenable(result);
    } catch (thrown) {
      this.#fail(order, startedMs, startedMs, userError(call.what, thrown));
      return undefined;
    }
    const done = { order, call, startedMs, waitsSinceMs: startedMs };
    if (isPending) return this.#finishLater(done, result);
    this.#succeed(done, result);
    return undefined;
  }

  /** `await`, because `Promise.resolve` and `then` are the user's here, and may throw. */
  async #finishLater(called: Finished, result: unknown): Promise<void> {
    const { order, call, startedMs } = called;
    let value: unknown;
    try {
      value = await result;
    } catch (thrown) {
      const error = userError(call.what, thrown);
      return this.#fail(order, startedMs, this.#host.clock.nowMs(), error);
    }
    this.#succeed({ ...called, waitsSinceMs: this.#host.clock.nowMs() }, value);
  }

  /** @throws MeshError if it is not the user's code that fails. */
  #prepare(lane: Lane, order: Order): Call {
    switch (order.kind) {
      case "task": {
        const callable = order.callable!;
        const run = this.#callables.compiled(callable) as UserFunction;
        const args = this.#argsOf(order);
        const what = `task "${this.#callables.nameOf(callable)}"`;
        return { what, invoke: () => run(...args) };
      }
      case "create-actor":
        return this.#prepareActor(lane, order);
      case "call":
        return this.#prepareMethod(lane, order);
      case "end-actor":
        return { what: "end of actor", invoke: () => this.#endActor(order.actor!) };
    }
  }

  /** What is left in its lane fails. */
  #endActor(actor: ActorId): void {
    const lane = this.#actors.get(actor);
    delete lane?.instance;
    this.#actors.delete(actor);
  }

  #prepareActor(lane: Lane, order: Order): Call {
    const callable = order.callable!;
    const Class = this.#callables.compiled(callable) as UserClass;
    const args = this.#argsOf(order);
    lane.className = this.#callables.nameOf(callable);
    return {
      what: `the constructor of actor "${lane.className}"`,
      invoke: () => {
        lane.instance = new Class(...args) as Record<string, unknown>;
      },
    };
  }

  #prepareMethod(lane: Lane, order: Order): Call {
    const method = order.method!;
    const { instance, className, actor } = lane;
    if (!instance) {
      throw new MeshError(
        "ACTOR_DIED",
        `actor ${actor} is not alive here: it was ended, or its constructor threw`,
        { actor: actor!, method },
      );
    }
    const run = methodOf(instance, method);
    if (!run) {
      const known = methodsOf(instance);
      throw new MeshError(
        "ACTOR_METHOD_UNKNOWN",
        `actor "${className}" has no method "${method}". ` +
          (known.length > 0 ? `Its methods are ${known.join(", ")}` : "It has no methods"),
        { actor: actor!, method },
      );
    }
    const args = this.#argsOf(order);
    return {
      what: `actor call "${className}.${method}"`,
      invoke: () => run.apply(instance, args),
    };
  }

  /** Decode the arguments. Those that are refs themselves become the values behind them. */
  #argsOf(order: Order): unknown[] {
    const args = decodeValue(order.args, this.#refs);
    if (!Array.isArray(args)) {
      throw new MeshError("INVALID_ARGUMENT", `the arguments of ${order.key} are not an array`);
    }
    const replaced = new Set<unknown>();
    // The same ref may be inside another argument as well, where it stays a ref.
    const mayNest = args.some((arg) => isObject(arg) && !(arg instanceof ExecutorRef));
    if (order.dependencies.length > 0) {
      const bytesOf = new Map(order.dependencies.map(({ object, bytes }) => [object, bytes]));
      for (const [index, arg] of args.entries()) {
        const bytes = arg instanceof ExecutorRef ? bytesOf.get(arg.id) : undefined;
        if (!bytes) continue;
        args[index] = decodeValue(bytes, this.#refs);
        replaced.add(arg);
      }
    }
    this.#refs.holdFresh((ref) => !mayNest && replaced.has(ref));
    return args as unknown[];
  }

  #received(bytes: ObjectBytes): unknown {
    const value = decodeValue(bytes, this.#refs);
    this.#refs.holdFresh(() => false);
    return value;
  }

  #succeed(done: Finished, result: unknown): void {
    const { order, call, startedMs, waitsSinceMs } = done;
    const { clock, outcomes } = this.#host;
    try {
      const encoded = encodeValue(result, this.#refs);
      assertCarried(encoded.contained.length);
      if (outcomes.isEmpty) this.#outcomesSinceMs = waitsSinceMs;
      const nowMs = clock.nowMs();
      outcomes.addValue(order.key, Math.max(0, nowMs - startedMs), encoded);
      if (nowMs - this.#outcomesSinceMs > OUTCOME_AGE_MS_MAX) this.#flush();
    } catch (error) {
      const wire = toWireError(error);
      const message = `the result of ${call.what} cannot be encoded: ${wire.message}`;
      const code = MeshError.is(error) ? wire.code : "NOT_ENCODABLE";
      this.#fail(order, startedMs, waitsSinceMs, boundedError({ ...wire, code, message }));
    }
  }

  #fail(order: Order, startedMs: number, waitsSinceMs: number, error: WireError): void {
    const { clock, outcomes } = this.#host;
    if (outcomes.isEmpty) this.#outcomesSinceMs = waitsSinceMs;
    const nowMs = clock.nowMs();
    outcomes.addError(order.key, Math.max(0, nowMs - startedMs), error);
    if (nowMs - this.#outcomesSinceMs > OUTCOME_AGE_MS_MAX) this.#flush();
  }

  /** Nothing else will finish this turn if no lane is busy; else wait for the turn's end. */
  #flushSoon(): void {
    if (this.#host.outcomes.isEmpty) return;
    if (this.#busyLanes === 0) {
      this.#flush();
    } else if (!this.#flushIsDue) {
      this.#flushIsDue = true;
      this.#host.later(() => {
        this.#flushIsDue = false;
        this.#flush();
      });
    }
  }

  #flush(): void {
    if (!this.#host.outcomes.isEmpty) this.#host.flush();
  }
}

const newLane = (actor?: ActorId): Lane => ({
  orders: [],
  nextIndex: 0,
  isBusy: false,
  className: "",
  ...(actor ? { actor } : {}),
});

function assertCarried(refs: number): void {
  if (refs <= REFS_PER_MESSAGE_MAX) return;
  throw new MeshError(
    "NOT_ENCODABLE",
    `it holds ${refs} refs, and one value can hold ${REFS_PER_MESSAGE_MAX}; return several values`,
  );
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  isObject(value) && "then" in value && typeof value.then === "function";

/** Own methods (arrow functions in fields) and those of the class; nothing of `Object`'s. */
function methodOf(instance: Record<string, unknown>, name: string): UserFunction | undefined {
  if (name === "constructor" || (name in Object.prototype && !methodsOf(instance).includes(name))) {
    return undefined;
  }
  const method = instance[name];
  return typeof method === "function" ? (method as UserFunction) : undefined;
}

function methodsOf(instance: object): string[] {
  const names = new Set<string>();
  for (
    let owner: object | null = instance;
    owner !== null && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner) as object | null
  ) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (name !== "constructor" && typeof property.value === "function") names.add(name);
    }
  }
  return [...names].sort();
}
