import { MeshError } from "../errors.ts";
import type { ActorId, CallableId, TaskId } from "../ids.ts";
import { resultOf } from "../ids.ts";
import type { Explanation } from "../protocol/explanation.ts";
import type { ActorSummary, Define, MeshSummary, PeerSummary } from "../protocol/messages.ts";
import { actorId, isActorHandle, type ActorClass, type ActorHandle } from "./actor.ts";
import {
  expectGroups,
  toActorName,
  toActorPlan,
  type ActorClassOptions,
  type ActorPlan,
} from "./actor-class-options.ts";
import { cut } from "../protocol/texts.ts";
import { keyOfDefine } from "../protocol/define-key.ts";
import type { Shipped } from "../packaging/ship-function.ts";
import { argumentsOf } from "./argument-errors.ts";
import { Backlog, PENDING_MAX } from "./backlog.ts";
import { cancelRef, cancelTask, type CancelOptions } from "./cancel.ts";
import type { Driver } from "./driver.ts";
import { ObjectRef, type GetOptions, type Values } from "./object-ref.ts";
import { ObjectStream } from "./object-stream.ts";
import { expectKnownOptions, shown } from "./option-checks.ts";
import {
  expectMaxPending,
  expectReplicas,
  toConstraints,
  toItems,
  type CallableOptions,
  type PutOptions,
} from "./options.ts";
import { toRetryOn } from "./retry-on.ts";
import { PlacementGroup, type PlacementGroupOptions } from "./placement-group.ts";
import type { Remote, RemoteTuple } from "./remote-function.ts";
import { splitResult } from "./split-result.ts";

export interface WaitOptions {
  /** How many refs to wait for. Default 1. */
  readonly count?: number;
  /** Give up after so long, with what is ready by then. Default: wait. */
  readonly timeoutMs?: number;
}

/** Turns functions and classes into source. Not imported: executors load it only when they need it. */
export interface Packaging {
  shipFunction(fn: Function): Shipped;
  shipClass(constructor: Function): Shipped;
}

/** @internal */
export interface MeshSetting {
  readonly packaging: Packaging;
  /** Functions and classes with their options that the coordinator knows already. */
  readonly defined?: Map<string, CallableId>;
  /**
   * The task or actor whose code uses this mesh, if it runs in one.
   * @throws MeshError `TASK_CANCELLED` if it has ended.
   */
  readonly parent?: () => TaskId;
  /** What is wrong with the options, if they can be checked here. */
  complaint?(define: Define): string | undefined;
  close(): Promise<void>;
}

/** A connection to a mesh. `connect` and `start` make one. */
export class Mesh {
  readonly #driver: Driver;
  readonly #setting: MeshSetting;
  readonly #defined: Map<string, CallableId>;

  /** @internal */
  constructor(driver: Driver, setting: MeshSetting) {
    this.#driver = driver;
    this.#setting = setting;
    this.#defined = setting.defined ?? new Map<string, CallableId>();
  }

  /** This driver's own id in the mesh. */
  get id(): string {
    return this.#driver.port.self;
  }

  /** Resolves, with the reason, when the connection is over. */
  get closed(): Promise<MeshError> {
    return this.#driver.ended;
  }

  /** Hears sentences such as "no worker can run it: it needs 2 gpus, ...". Default: `console.warn`. */
  set onWarning(listener: (text: string) => void) {
    this.#driver.onWarning = listener;
  }

  /**
   * Make a function run on workers. Its source travels, so it must stand on its own: what it uses
   * comes in as arguments, from `await import("@tensorflow/tfjs")`, or from the language.
   *
   * @throws MeshError `CAPTURED_VARIABLE` naming what it takes from outside; `INVALID_ARGUMENT`.
   */
  remote<Args extends unknown[], Result>(
    fn: (...args: Args) => Result,
    options?: CallableOptions & { readonly returns?: undefined },
  ): Remote<Args, Result>;
  remote<Args extends unknown[], Result, const N extends number>(
    fn: (...args: Args) => Result,
    options: CallableOptions & { readonly returns: N },
  ): RemoteTuple<Args, Result, N>;
  remote<Args extends unknown[], Result>(
    fn: (...args: Args) => Result,
    options?: CallableOptions,
  ): Remote<Args, Result>;
  remote(fn: (...args: never[]) => unknown, options: CallableOptions = {}): unknown {
    const shipped = this.#setting.packaging.shipFunction(fn);
    const items = toItems(shipped.isGenerator, options);
    const constraints = {
      ...toConstraints("function", nameOf(shipped), options),
      ...toRetryOn(options, this.#setting.packaging.shipFunction),
      ...items,
    };
    const give = this.#giverOf(items);
    let callable: CallableId | undefined;
    const driver = this.#driver;
    const { maxPending = PENDING_MAX } = options;
    const backlog = new Backlog(expectMaxPending(maxPending), driver.objects.backlog);
    const counted = { backlog };
    const what = `task "${constraints.name}"`;
    const call = (...args: unknown[]) => {
      if (backlog.isFull) return give(driver.failed(backlog.refusal(what)));
      callable ??= this.#define("function", shipped, constraints);
      return give(this.#submit(callable, what, args, counted));
    };
    return Object.assign(call, {
      ready: async () => {
        await backlog.whenRoom(() => driver.isOver);
        driver.assertConnected();
      },
      options: (more: CallableOptions) => this.remote(fn, { ...options, ...more }),
    });
  }

  /** What a call gives, by the ref of what its task comes to. */
  #giverOf({
    stream,
    returns,
  }: Pick<Define, "stream" | "returns">): (result: ObjectRef) => unknown {
    const { objects, streams } = this.#driver;
    if (stream) return (result) => streams.open(result as ObjectRef<number>, this.#origin());
    if (returns !== undefined) return (result) => splitResult(objects, result, returns);
    return (result) => result;
  }

  /**
   * Make a class whose instances live on workers and are called directly, peer to peer. Calls of
   * one caller run in order, one at a time.
   *
   * @throws MeshError `CAPTURED_VARIABLE`, `INVALID_ARGUMENT`.
   */
  actor<Args extends unknown[], T extends object>(
    constructor: new (...args: Args) => T,
    options: ActorClassOptions = {},
  ): ActorClass<Args, T> {
    const shipped = this.#setting.packaging.shipClass(constructor);
    const { common, actor: treatment, naming } = toActorPlan(constructor, shipped, options);
    const constraints = {
      ...toConstraints("actor-class", shipped.name, common),
      ...toRetryOn(options, this.#setting.packaging.shipFunction),
      actor: treatment,
    };
    let callable: CallableId | undefined;
    return {
      create: (...args) => {
        expectGroups(treatment);
        callable ??= this.#define("actor-class", shipped, constraints);
        const what = `the constructor of "${constraints.name}"`;
        const created = this.#submit(callable, what, args, { naming });
        const actor = created.id as string as ActorId;
        // Whether it could be constructed is told by each call to it.
        created.dispose();
        return this.#driver.actorHandle<T>(actor, shipped.methods, shipped.name);
      },
      options: (more) => this.actor(constructor, { ...options, ...more }),
    };
  }

  /**
   * Reserve bundles of resources together, all of them or none.
   *
   * @example
   * const group = mesh.placementGroup({ bundles: [{ cpus: 2 }, { gpus: 1 }], strategy: "spread" });
   * await group.ready({ timeoutMs: 10_000 });
   * const train = mesh.remote(step, { gpus: 1, strategy: { group, bundle: 1 } });
   * group.remove();
   * @throws MeshError `INVALID_ARGUMENT` naming the option.
   */
  placementGroup(options: PlacementGroupOptions): PlacementGroup {
    this.#driver.assertConnected();
    return new PlacementGroup(this.#driver, options);
  }

  /**
   * Store a value in the mesh once, to pass its ref to many tasks. Small values go to the
   * coordinator, large ones stay here and are fetched peer to peer. When this driver's store is full
   * the promise resolves once older values were moved to disk: who awaits each put stays within it.
   *
   * @param options `replicas`: copies of a large value that the mesh keeps, this one counted, on
   *   different machines as far as there are. They are made in the background.
   * @throws MeshError `NOT_ENCODABLE` naming the path; `STORE_FULL`; `OBJECT_TOO_LARGE`;
   *   `INVALID_ARGUMENT`.
   */
  put<T>(value: T, options: PutOptions = {}): Promise<ObjectRef<T>> {
    return checked(async () => {
      expectKnownOptions("put()", options, ["replicas"]);
      const replicas = expectReplicas(options.replicas ?? 1);
      const ref = this.#driver.put(value, replicas) as ObjectRef<T>;
      try {
        await this.#driver.port.whenStored?.(ref.id);
        return ref;
      } catch (error) {
        ref.dispose();
        throw error;
      }
    });
  }

  /**
   * The value of a ref, or of each of several.
   * @throws MeshError what the task failed with, `OBJECT_LOST`, `OBJECT_FREED`, or `TIMEOUT` with a
   *   sentence on what it waits for.
   */
  get<T>(ref: ObjectRef<T>, options?: GetOptions): Promise<T>;
  get<const Refs extends readonly ObjectRef[]>(
    refs: Refs,
    options?: GetOptions,
  ): Promise<Values<Refs>>;
  get(what: ObjectRef | readonly ObjectRef[], options: GetOptions = {}): Promise<unknown> {
    return checked(() => {
      expectKnownOptions("get()", options, ["timeoutMs"]);
      if (what instanceof ObjectRef) return this.#driver.objects.get(what, options);
      return this.#driver.objects.getAll(expectRefs(what), options);
    });
  }

  /** Which refs are ready, in the order given, once `count` are or the time is up. Fetches nothing. */
  async wait<T>(
    refs: readonly ObjectRef<T>[],
    options: WaitOptions = {},
  ): Promise<{ ready: ObjectRef<T>[]; pending: ObjectRef<T>[] }> {
    expectRefs(refs);
    expectKnownOptions("wait()", options, ["count", "timeoutMs"]);
    if (refs.length === 0) return { ready: [], pending: [] };
    const { count = 1, timeoutMs } = options;
    if (!Number.isInteger(count) || count < 1 || count > refs.length) {
      throw new MeshError(
        "INVALID_ARGUMENT",
        `count must be from 1 to ${refs.length}, not ${count}`,
      );
    }
    const settled = await this.#driver.objects.ready(refs, count, timeoutMs);
    const ready: ObjectRef<T>[] = [];
    const pending: ObjectRef<T>[] = [];
    // At most `count` are called ready, so that loops which take one at a time see them in turn.
    refs.forEach((ref, i) => (settled[i] && ready.length < count ? ready : pending).push(ref));
    return { ready, pending };
  }

  /**
   * Give up a task, a stream, or a call of an actor: `get` on its ref rejects with `TASK_CANCELLED`. It is
   * never run again.
   *
   * A task that waits will not begin. One that runs is told by its signal (`currentTask().signal` from
   * `import("manta")`) and has five seconds to end by itself if it has asked for that; else its executor
   * is stopped at once. A generator is ended where it yields, with its `finally` blocks, and has that time
   * too; who reads it gets what it made before. What else was in the executor runs elsewhere. A call that
   * waits is dropped, one that runs has its signal aborted: it shares its thread with its actor's state, so
   * nothing but `mesh.kill` can end it if it does not heed that.
   *
   * @param options `force`: stop a task at once. `recursive`: with all that it has submitted, however
   *   deep and wherever that runs. Default true.
   * @returns false if it had ended already, so that nothing was done.
   * @throws MeshError `INVALID_ARGUMENT` if the ref is of a value that was put, or for `force` with a
   *   call; `FORBIDDEN` if the task is of another driver.
   * @example
   * const search = mesh.remote(async (n) => {
   *   const { currentTask } = await import("manta");
   *   const { signal } = currentTask();
   *   while (!signal.aborted) await step(n);
   * });
   * const ref = search(7);
   * await mesh.cancel(ref);
   */
  async cancel(ref: ObjectRef | ObjectStream, options: CancelOptions = {}): Promise<boolean> {
    if (ref instanceof ObjectStream) {
      return cancelTask(this.#driver, ref.task, options, this.#origin());
    }
    expectRefs([ref]);
    return cancelRef(this.#driver, ref, options, this.#origin());
  }

  /**
   * A handle to the actor of that name.
   * @throws MeshError `NOT_FOUND` with the names that there are, if none has it.
   */
  async getActor<T extends object = Record<string, (...args: unknown[]) => unknown>>(
    name: string,
    options: { readonly namespace?: string } = {},
  ): Promise<ActorHandle<T>> {
    expectKnownOptions("getActor()", options, ["namespace"]);
    const named = toActorName(name, options.namespace);
    const { actor, methods } = (await this.#driver.ask({ what: "actor", named })).actor!;
    return this.#driver.actorHandle<T>(actor, methods);
  }

  /** The actors that live or are to live, of every driver: at most the 10,000 oldest. */
  async listActors(): Promise<ActorSummary[]> {
    return (await this.#driver.ask({ what: "actors" })).actors!;
  }

  /**
   * End an actor. Calls that have not been answered fail with `ACTOR_DIED`. What runs may finish
   * within ten seconds; then the actor's `dispose` is called, if it has one.
   *
   * @param options `restart`: end only this life of it. It is constructed again, as if it had been
   *   lost, if it has a restart left.
   * @throws MeshError `INVALID_ARGUMENT` if it is not the handle of an actor.
   */
  kill(
    handle: { readonly [actorId]: ActorId },
    options: { readonly restart?: boolean } = {},
  ): void {
    expectActorHandle(handle);
    expectKnownOptions("kill()", options, ["restart"]);
    const restart = options.restart === true ? { restart: true } : {};
    const actor = handle[actorId];
    this.#driver.port.send({ type: "end-actor", actor, ...restart, ...this.#origin() });
  }

  /**
   * Why a result, or the next item of a stream, is not there yet, or what became of it. `text` says it for people; `reason` says the same as
   * data, told apart by `reason.code`: `all-busy` comes with how many wait before it and `expectedMs`,
   * `label-mismatch` with the nearest workers and what each lacks, and so on. `story` has the last steps, and
   * how many milliseconds ago each was.
   *
   * @example
   * const { text, reason } = await mesh.explain(ref);
   * if (reason.code === "waits-for-objects") console.log(reason.objects[0].madeBy?.name);
   * @throws MeshError `INVALID_ARGUMENT` if it is no ref of this mesh.
   */
  async explain(ref: ObjectRef | ObjectStream): Promise<Explanation> {
    if (ref instanceof ObjectStream) return this.#driver.explain(resultOf(ref.task));
    expectRefs([ref]);
    return this.#driver.explain(ref.id);
  }

  /**
   * Everyone in the mesh: what each does, and its links: the path to each other peer, why it is no
   * better one (`reason`), the round trip in milliseconds, how many connections it is striped over
   * (`lanes`, if not one), and how many bytes of objects it moved. A few seconds old: peers tell it with their heartbeats.
   */
  async peers(): Promise<PeerSummary[]> {
    return (await this.#driver.ask({ what: "peers" })).peers!;
  }

  /** The mesh in numbers. */
  async summary(): Promise<MeshSummary> {
    return (await this.#driver.ask({ what: "mesh" })).mesh!;
  }

  /**
   * Leave: running tasks are cancelled, actors ended, objects freed. Inside a task or an actor it
   * does nothing: that mesh is the job's.
   */
  close(): Promise<void> {
    return this.#setting.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @param what for people: what the arguments are for. */
  #submit(
    callable: CallableId,
    what: string,
    args: readonly unknown[],
    { naming, backlog }: { naming?: ActorPlan["naming"]; backlog?: Backlog },
  ): ObjectRef {
    const driver = this.#driver;
    driver.assertConnected();
    const origin = this.#origin();
    const { temporary, ...encoded } = argumentsOf(what, () => driver.encodeArguments(args));
    const task = driver.ids.next<TaskId>();
    const entry = driver.objects.create(resultOf(task), { kind: "task" });
    entry.backlog = backlog;
    backlog?.submitted();
    const ref = driver.objects.handle(resultOf(task));
    driver.port.send(
      { type: "submit", task, callable, ...encoded, ...naming, ...origin },
      encoded.args.byteLength,
    );
    for (const temporaryRef of temporary) temporaryRef.dispose();
    return ref;
  }

  /** The coordinator learns of a function with given options once. */
  #define(
    kind: Define["kind"],
    { source }: Shipped,
    constraints: ReturnType<typeof toConstraints> & Pick<Define, "retryOn">,
  ): CallableId {
    const key = keyOfDefine({ kind, source, ...constraints });
    const known = this.#defined.get(key);
    if (known) return known;
    const callable = this.#driver.ids.next<CallableId>();
    const origin = this.#origin();
    const define: Define = { type: "define", callable, kind, source, ...constraints };
    const complaint = this.#setting.complaint?.(define);
    if (complaint !== undefined) {
      throw new MeshError("INVALID_ARGUMENT", `the options of ${constraints.name}: ${complaint}`);
    }
    this.#defined.set(key, callable);
    this.#driver.port.send({ ...define, ...origin }, source.length);
    return callable;
  }

  /** Whose code asks, if it is not the driver's own. */
  #origin(): { readonly parent?: TaskId } {
    const { parent } = this.#setting;
    return parent ? { parent: parent() } : {};
  }
}

const NAME_CHARS_MAX = 48;

/** An arrow function that was given as it stands has no name: the start of its source tells it. */
const nameOf = ({ name, source }: Shipped): string =>
  name || cut(`anonymous ${source.replaceAll(/\s+/g, " ").trim()}`, NAME_CHARS_MAX);

/** What a promise-giving method throws at once becomes its rejection. */
function checked<T>(run: () => Promise<T>): Promise<T> {
  try {
    return run();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** @throws MeshError `INVALID_ARGUMENT` that says what was given instead of an actor. */
function expectActorHandle(value: unknown): void {
  if (typeof value === "object" && value !== null && isActorHandle(value)) return;
  const advice =
    value instanceof ObjectRef
      ? "an ObjectRef: cancel() gives up a task"
      : `${shown(value)}, not what create() of an actor class gave`;
  throw new MeshError("INVALID_ARGUMENT", `kill() takes an actor; this is ${advice}`);
}

/** @throws MeshError `INVALID_ARGUMENT` that says what was given instead of refs. */
function expectRefs(refs: unknown): readonly ObjectRef[] {
  const wrong = Array.isArray(refs) ? refs.find((ref) => !(ref instanceof ObjectRef)) : refs;
  if (Array.isArray(refs) && (wrong === undefined || refs.length === 0)) return refs;
  const advice =
    wrong instanceof Promise
      ? "a promise, which has to be awaited first: put() gives a promise of a ref"
      : `${shown(wrong)}, not an ObjectRef or an array of them`;
  throw new MeshError("INVALID_ARGUMENT", `this is ${advice}`);
}
