import { Driver } from "../driver/driver.ts";
import { ObjectRef } from "../driver/object-ref.ts";
import { MeshError } from "../errors.ts";
import type { ActorId, CallableId, ObjectId, TaskId } from "../ids.ts";
import { decodeValue, encodeValue } from "../objects/codec.ts";
import type { Define } from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import { boundedError, toWireError } from "../protocol/wire-error.ts";
import type { Order } from "./executor-api.ts";
import {
  Callables,
  sourceUrl,
  userError,
  type UserClass,
  type UserFunction,
} from "./executor-callables.ts";
import { lastWord, methodOf, methodUnknown } from "./actor-methods.ts";
import { ActorHome, newLane, waitsIn, type Lane } from "./executor-lanes.ts";
import type { NestedMessage } from "./executor-messages.ts";
import { ExecutorPort } from "./executor-port.ts";
import { ExecutorSdk } from "./executor-sdk.ts";
import { ItemMakers } from "./item-makers.ts";
import { OrdersUnderWay } from "./orders-under-way.ts";
import { ThrownRetries } from "./call-retries.ts";
import { assertCarried } from "./carried-refs.ts";
import type { Began, Call, Finished } from "./order-calls.ts";
import type { RuntimeHost } from "./runtime-host.ts";
import { isObject, isThenable } from "./thenable.ts";
import { UnfinishedCalls } from "./unfinished-calls.ts";

/** Outcomes wait for others of their turn, but not longer than this. */
const OUTCOME_AGE_MS_MAX = 1;
/** How long tasks run on before messages, timers and other lanes get a turn. */
const SLICE_MS_MAX = 5;

/** Runs user code: the same in a worker thread and in the cage. */
export class ExecutorRuntime {
  readonly #host: RuntimeHost;
  readonly port: ExecutorPort;
  readonly driver: Driver;
  readonly #callables: Callables;
  readonly #sdk: ExecutorSdk;
  readonly items: ItemMakers;
  readonly #tasks = newLane();
  readonly #actors = new Map<ActorId, ActorHome>();
  /** Actors whose own code has the last word now. */
  readonly #disposing = new Set<ActorHome>();
  readonly #homes = new WeakMap<object, ActorHome>();
  /** An error that no call threw is blamed on one of these. */
  readonly unfinished = new UnfinishedCalls();
  readonly #underWay = new OrdersUnderWay((order) => {
    if (order.kind === "task") this.#host.send({ type: "signal-taken", key: order.key });
  });
  readonly #retries: ThrownRetries;
  #busyLanes = 0;
  #sliceStartedMs = 0;
  #outcomesSinceMs = 0;
  #flushIsDue = false;

  constructor(host: RuntimeHost) {
    this.#host = host;
    this.#callables = new Callables((specifier, callable) =>
      this.#sdk.isMeant(specifier)
        ? Promise.resolve(this.#sdk.moduleFor(callable, this.#underWay.calling))
        : host.importModule(specifier),
    );
    this.#retries = new ThrownRetries(this.#callables);
    // An agent hears things in the order in which they happened: outcomes do not wait behind others.
    const afterOutcomes =
      <Said>(say: (said: Said) => void) =>
      (said: Said) => {
        this.#flush();
        say(said);
      };
    this.port = new ExecutorPort({
      clock: host.clock,
      send: afterOutcomes((message: NestedMessage) => host.send(message)),
      hold: (objects) => host.hold(objects),
      release: afterOutcomes((objects: readonly ObjectId[]) => host.release(objects)),
      fetch: (object) => host.fetch(object),
      allocate: (byteLength) => host.allocate(byteLength),
    });
    this.driver = new Driver(this.port);
    const { driver, unfinished } = this;
    const callables = this.#callables;
    this.items = new ItemMakers({ host, driver, callables, unfinished });
    this.#sdk = new ExecutorSdk({
      driver: this.driver,
      callables: this.#callables,
      underWay: this.#underWay,
      classOf: ({ actor }) => actor && this.#actors.get(actor)?.callable,
      actorOf: (callable) => this.#actorOf(callable),
      exitActor: (instance) => this.#exit(instance),
      loadPackaging: () => host.loadPackaging(),
    });
  }

  #actorOf(callable: CallableId): TaskId | undefined {
    for (const home of [...this.#actors.values(), ...this.#disposing]) {
      if (home.callable === callable) return home.actor as string as TaskId;
    }
    return undefined;
  }

  /** Nobody wants the outcome of this order any more; it has one nevertheless. */
  abort(key: string, actor?: ActorId): void {
    const waits = actor ? this.#actors.get(actor)?.hasWaiting(key) : waitsIn(this.#tasks, key);
    if (waits || this.#underWay.runs(key)) this.#underWay.cancel(key);
    this.items.stop(key);
  }

  forget(callables: readonly CallableId[]): void {
    this.#sdk.forget(callables);
    this.#callables.forget(callables);
  }

  define(callables: readonly Define[]): void {
    for (const callable of callables) this.#callables.define(callable);
  }

  run(orders: readonly Order[]): void {
    const touched = new Set<Lane>();
    for (const order of orders) {
      const lane = this.#laneOf(order);
      if (!lane) continue;
      lane.orders.push(order);
      if (order.kind === "task" && order.method) this.items.expect(order);
      touched.add(lane);
    }
    this.#sliceStartedMs = this.#host.clock.nowMs();
    for (const lane of touched) this.#pumpIfFree(lane);
    this.#flushSoon();
  }

  /** @returns nothing if the order has to wait until its actor is at rest. */
  #laneOf(order: Order): Lane | undefined {
    if (order.kind === "task" || !order.actor) return this.#tasks;
    let home = this.#actors.get(order.actor);
    if (order.kind === "end-actor") {
      // What comes next under this name, perhaps in this very batch, is another life of it.
      this.#actors.delete(order.actor);
      // It waits for nothing that the actor awaits: its outcome tells that the thread is not blocked.
      return { ...newLane(), ends: home };
    }
    if (!home || order.kind === "create-actor") {
      home = new ActorHome(order.actor);
      this.#actors.set(order.actor, home);
    }
    return home.admit(order);
  }

  #pumpIfFree(lane: Lane): void {
    if (!lane.isYielding && lane.active < lane.maxConcurrency) this.#pump(lane);
  }

  /** Start a lane's orders until it has enough to await, the slice is over, or none is left. */
  #pump(lane: Lane): void {
    const { clock } = this.#host;
    if (!lane.isBusy) this.#busyLanes++;
    lane.isBusy = true;
    while (lane.nextIndex < lane.orders.length) {
      const startedMs = clock.nowMs();
      if (startedMs - this.#sliceStartedMs > SLICE_MS_MAX) {
        this.#flush();
        lane.isYielding = true;
        this.#host.later(() => {
          lane.isYielding = false;
          this.#sliceStartedMs = clock.nowMs();
          this.#pump(lane);
          this.#flushSoon();
        });
        return;
      }
      const order = lane.orders[lane.nextIndex++]!;
      const pending = this.#execute(lane, order, startedMs);
      if (!pending) continue;
      lane.active++;
      void pending.then(() => {
        lane.active--;
        this.#pumpIfFree(lane);
        this.#flushSoon();
      });
      if (lane.active >= lane.maxConcurrency) return;
    }
    lane.orders = [];
    lane.nextIndex = 0;
    if (lane.active > 0) return;
    lane.isBusy = false;
    this.#busyLanes--;
    if (lane.home) this.#rest(lane.home);
  }

  /** A lane of the actor has nothing to do any more. */
  #rest(home: ActorHome): void {
    if (!home.instance) {
      // An actor that was created anew meanwhile has another home.
      if (this.#actors.get(home.actor) === home && home.isAtRest) this.#actors.delete(home.actor);
    }
    if (!home.isConcurrent) return;
    for (const [lane, order] of home.released()) {
      lane.orders.push(order);
      this.#pumpIfFree(lane);
    }
  }

  /** @returns a promise if the order is not finished yet. It never rejects. */
  #execute(lane: Lane, order: Order, startedMs: number): Promise<void> | undefined {
    let call: Call;
    if (order.kind === "task") this.#underWay.task = order;
    try {
      this.#underWay.assertWanted(order);
      call = this.#prepare(lane, order);
    } catch (error) {
      this.#fail({ order, startedMs, waitsSinceMs: startedMs }, toWireError(error));
      return undefined;
    }
    let result: unknown;
    let isPending: boolean;
    this.#underWay.calling = order;
    try {
      result = call.invoke();
      isPending = isThenable(result);
    } catch (thrown) {
      return this.#threw(lane, { order, call, startedMs, waitsSinceMs: startedMs }, thrown);
    } finally {
      this.#underWay.calling = undefined;
    }
    const done = { order, call, startedMs, waitsSinceMs: startedMs };
    if (order.kind === "task" && order.method) return this.#makeItems(done, result);
    if (isPending) return this.#finishLater(lane, done, result);
    this.#succeed(done, result);
    return undefined;
  }

  /** `await`, because `Promise.resolve` and `then` are the user's here, and may throw. */
  async #finishLater(lane: Lane, called: Finished, result: unknown): Promise<void> {
    const { order, call } = called;
    this.#underWay.awaits(order);
    let value: unknown;
    try {
      value = await this.unfinished.settled(call.source, result);
    } catch (thrown) {
      return this.#threw(lane, { ...called, waitsSinceMs: this.#host.clock.nowMs() }, thrown);
    }
    this.#succeed({ ...called, waitsSinceMs: this.#host.clock.nowMs() }, value);
  }

  /** Its result is how many there were. */
  async #makeItems(called: Finished, result: unknown): Promise<void> {
    const { order, call, startedMs } = called;
    const made = await this.items.make(order, call, result);
    const nowMs = this.#host.clock.nowMs();
    if (typeof made !== "number") {
      return this.#fail({ order, startedMs, waitsSinceMs: nowMs }, made);
    }
    this.#succeed({ ...called, waitsSinceMs: nowMs }, made);
  }

  /** A call may be made again, in its place; a task is the scheduler's to repeat. */
  #threw(lane: Lane, done: Finished, thrown: unknown): Promise<void> | undefined {
    const { order, call } = done;
    const callable = lane.home?.callable ?? order.callable;
    const verdict = this.#retries.judge(order, callable, thrown);
    if (verdict.againAfterMs !== undefined) return this.#again(lane, done, verdict.againAfterMs);
    this.#fail(done, userError(call.what, thrown, verdict.remark), verdict.isRetryable);
    return undefined;
  }

  async #again(lane: Lane, { order, startedMs }: Finished, waitMs: number): Promise<void> {
    this.#underWay.awaits(order);
    await new Promise<void>((resolve) => this.#host.clock.after(waitMs, resolve));
    await this.#execute(lane, order, startedMs);
    this.#flushSoon();
  }

  /** @throws MeshError if it is not the user's code that fails. */
  #prepare(lane: Lane, order: Order): Call {
    switch (order.kind) {
      case "task": {
        const callable = order.callable!;
        const run = this.#callables.compiled(callable) as UserFunction;
        const args = this.#argsOf(order);
        const name = this.#callables.nameOf(callable);
        return { what: `task "${name}"`, source: sourceUrl(name), invoke: () => run(...args) };
      }
      case "create-actor":
        return this.#prepareActor(lane.home!, order);
      case "call":
        return this.#prepareMethod(lane.home!, order);
      case "end-actor":
        return { what: "the end of an actor", invoke: () => this.#endActor(lane.ends, order) };
    }
  }

  /** What is left of its calls fails. With `dispose` its own code has the last word, for a while. */
  #endActor(home: ActorHome | undefined, order: Order): unknown {
    const instance = home?.instance;
    if (home) home.instance = undefined;
    if (!home || !instance || order.method !== "dispose") return this.#disposed(home);
    this.#disposing.add(home);
    return lastWord(instance, this.#host.clock, () => this.#disposed(home));
  }

  #disposed(home: ActorHome | undefined): void {
    if (home) this.#disposing.delete(home);
    // Nobody is left who could use a ref.
    if (this.#actors.size + this.#disposing.size === 0) this.driver.endTask();
  }

  #prepareActor(home: ActorHome, order: Order): Call {
    const callable = order.callable!;
    const Class = this.#callables.compiled(callable) as UserClass;
    const args = this.#argsOf(order);
    const saved = order.method === "restore" ? this.#stateOf(order) : undefined;
    const options = this.#callables.actorOptionsOf(callable);
    home.className = this.#callables.nameOf(callable);
    home.callable = callable;
    if (options) home.configure(options);
    const what = `the constructor of actor "${home.className}"`;
    const construct = () => {
      const instance = new Class(...args) as Record<string, unknown>;
      home.instance = instance;
      this.#homes.set(instance, home);
      return instance;
    };
    if (!saved) return { what, invoke: () => void construct() };
    return {
      what: `${what}, or its restore()`,
      source: sourceUrl(home.className),
      invoke: () => {
        const restored = methodOf(construct(), "restore")!.call(home.instance, saved.value);
        // What it gives back is of no use to anybody.
        return isThenable(restored) ? Promise.resolve(restored).then(() => undefined) : undefined;
      },
    };
  }

  /** What an actor is restored from is the last of its dependencies. */
  #stateOf({ dependencies }: Order): { readonly value: unknown } {
    const { refs, objects } = this.driver;
    const value = decodeValue(dependencies.at(-1)!.bytes, refs);
    objects.flushHolds();
    return { value };
  }

  /**
   * End the actor when what it runs is done.
   * @throws MeshError `INVALID_ARGUMENT` if this is no actor.
   */
  #exit(instance: unknown): void {
    const home = isObject(instance) ? this.#homes.get(instance) : undefined;
    if (home) return this.#host.exit(home.actor);
    throw new MeshError(
      "INVALID_ARGUMENT",
      "exitActor takes the actor itself: call exitActor(this) in one of its methods",
    );
  }

  #prepareMethod(home: ActorHome, order: Order): Call {
    const method = order.method!;
    const { instance, className, actor } = home;
    if (!instance) {
      throw new MeshError(
        "ACTOR_DIED",
        `actor ${actor} is not alive here: it was ended, or its constructor threw`,
        { actor, method },
      );
    }
    const run = methodOf(instance, method);
    if (!run) throw methodUnknown(instance, { className, actor, method });
    if (order.group && !home.hasGroup(order.group)) {
      const message = `actor "${className}" has no concurrency group "${order.group}"; give its class concurrencyGroups`;
      throw new MeshError("INVALID_ARGUMENT", message, { actor, method });
    }
    const args = this.#argsOf(order);
    return {
      what: `actor call "${className}.${method}"`,
      source: sourceUrl(className),
      invoke: () => run.apply(instance, args),
    };
  }

  /** Decode the arguments. Those that are refs themselves become the values behind them. */
  #argsOf(order: Order): unknown[] {
    const { refs, objects } = this.driver;
    const args = decodeValue(order.args, refs);
    if (!Array.isArray(args)) {
      throw new MeshError("INVALID_ARGUMENT", `the arguments of ${order.key} are not an array`);
    }
    // The same ref may be inside another argument as well, where it stays a ref.
    const mayNest = args.some((arg) => isObject(arg) && !(arg instanceof ObjectRef));
    if (order.dependencies.length > 0) {
      const bytesOf = new Map(order.dependencies.map(({ object, bytes }) => [object, bytes]));
      for (const [index, arg] of args.entries()) {
        const ref: unknown = arg;
        const bytes = ref instanceof ObjectRef ? bytesOf.get(ref.id) : undefined;
        if (!bytes) continue;
        args[index] = decodeValue(bytes, refs);
        if (!mayNest) (ref as ObjectRef).dispose();
      }
    }
    objects.flushHolds();
    return args as unknown[];
  }

  #succeed(done: Finished, result: unknown): void {
    const { order, call, startedMs, waitsSinceMs } = done;
    const { clock, outcomes } = this.#host;
    try {
      const encoded = encodeValue(result, this.driver.refs);
      assertCarried(encoded.contained.length);
      for (const object of encoded.contained) this.driver.share(object);
      if (outcomes.isEmpty) this.#outcomesSinceMs = waitsSinceMs;
      const nowMs = clock.nowMs();
      outcomes.addValue(order.key, Math.max(0, nowMs - startedMs), encoded);
      if (nowMs - this.#outcomesSinceMs > OUTCOME_AGE_MS_MAX) this.#flush();
      this.#endTask(order);
    } catch (error) {
      const wire = toWireError(error);
      const message = `the result of ${call.what} cannot be encoded: ${wire.message}`;
      const code = MeshError.is(error) ? wire.code : "NOT_ENCODABLE";
      this.#fail(done, boundedError({ ...wire, code, message }));
    }
  }

  #fail({ order, startedMs, waitsSinceMs }: Began, error: WireError, isRetryable = false): void {
    const { clock, outcomes } = this.#host;
    if (outcomes.isEmpty) this.#outcomesSinceMs = waitsSinceMs;
    const nowMs = clock.nowMs();
    outcomes.addError(order.key, Math.max(0, nowMs - startedMs), error, isRetryable);
    if (nowMs - this.#outcomesSinceMs > OUTCOME_AGE_MS_MAX) this.#flush();
    this.#endTask(order);
  }

  #endTask(order: Order): void {
    this.#underWay.ended(order);
    if (order.method) this.items.forget(order.key);
    this.#retries.ended(order);
    if (order.kind === "task") this.driver.endTask();
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
