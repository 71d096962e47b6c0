import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { CallableId, ObjectId, PeerId } from "../ids.ts";
import { resultOf as resultIdOf } from "../ids.ts";
import type { LocalStore } from "../objects/local-store.ts";
import { Heartbeats } from "../peer/heartbeats.ts";
import { MeshPeer, type MeshPeerOptions, type PeerBusiness } from "../peer/mesh-peer.ts";
import type { Call } from "../protocol/link-messages.ts";
import type { Define, Run } from "../protocol/messages.ts";
import type { Demands } from "../protocol/schema.ts";
import { DrainWatch } from "./drain-watch.ts";
import { ExecutorCrew } from "./executor-crew.ts";
import { ArgumentFetches } from "./argument-fetches.ts";
import { ArgumentPins } from "./argument-pins.ts";
import type { BackendReport, ExecutorSpawner, NestedNews } from "./executor-api.ts";
import { HeldRefs } from "./held-refs.ts";
import { HostedActors } from "./hosted-actors.ts";
import { JobsHere } from "./jobs-here.ts";
import { MachineRunner } from "./machine-runner.ts";
import { hasTasks, owes } from "./machine/running.ts";
import { attemptsOf, emptyState } from "./machine/state.ts";
import type { MachineEffect, OrderKey, Outcome, TaskOrder } from "./machine/types.ts";
import { NestedWork } from "./nested-work.ts";
import { ObjectSupply } from "./object-supply.ts";
import { ItemOutlets } from "./item-outlet.ts";
import { OrderBook, orderOf, orderToEnd, type OpenOrder } from "./order-book.ts";
import { ResultRoom } from "./result-room.ts";
import { resultOf } from "./results.ts";
import { snapshotOf, type WorkerSnapshot } from "./worker-snapshot.ts";

export interface WorkerAgentOptions extends Omit<MeshPeerOptions, "onCopy" | "hello"> {
  readonly hello: Omit<MeshPeerOptions["hello"], "role" | "capacity"> & {
    readonly capacity: Demands;
  };
  readonly spawner: ExecutorSpawner;
  /** Executors for tasks: how many are kept warm, how many there may be. */
  readonly executorsMin: number;
  readonly executorsMax: number;
  /** For the host's log: what the coordinator refused, in words. */
  log(text: string): void;
  /** Something that the snapshot shows has changed. Called at most once in {@link CHANGES_MS}. */
  onChange?(): void;
}

const CHANGES_MS = 250;
/** How long a worker that leaves waits for others to have what only it keeps. */
const HAND_OVER_MS_MAX = 4_000;
const MS_MAX = 31_536_000_000;

/**
 * A worker's place in the mesh: turns what the coordinator and callers of actors want into events of
 * the state machine, and its effects into work for executors and answers. The same in a tab and in
 * Node; lives as long as its session.
 */
export class WorkerAgent {
  /** Resolves when the coordinator has it leave and it has done what it had, or may wait no longer. */
  readonly drained: Promise<void>;
  readonly #options: WorkerAgentOptions;
  readonly #clock: Clock;
  readonly #peer: MeshPeer;
  readonly #store: LocalStore;
  readonly #supply: ObjectSupply;
  readonly #machine: MachineRunner;
  readonly #crew: ExecutorCrew;
  readonly #actors: HostedActors;
  readonly #held: HeldRefs;
  readonly #pins: ArgumentPins;
  readonly #nested: NestedWork;
  readonly #orders: OrderBook;
  readonly #items: ItemOutlets;
  readonly #heartbeats: Heartbeats;
  readonly #drain: DrainWatch;
  readonly #jobs = new JobsHere();
  readonly #callables = new Map<CallableId, Define>();
  readonly #fetches: ArgumentFetches;
  #tasksDone = 0;
  #tasksFailed = 0;
  #backend: BackendReport | undefined;
  #cancelChange: (() => void) | undefined;
  #onHandedOver = (): void => {};
  #isOver = false;

  /** @throws MeshError what the coordinator refused this worker for. */
  static async join(options: WorkerAgentOptions): Promise<WorkerAgent> {
    let agent: WorkerAgent | undefined;
    const { store } = options;
    const peer = await MeshPeer.join({
      ...options,
      hello: { ...options.hello, role: "worker" },
      onCopy(object) {
        if (agent) agent.#supply.copied(object);
      },
    });
    agent = new WorkerAgent(peer, store, options);
    return agent;
  }

  private constructor(peer: MeshPeer, store: LocalStore, options: WorkerAgentOptions) {
    const { hello, executorsMin, executorsMax, clock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#peer = peer;
    this.#store = store;
    this.#supply = new ObjectSupply({ peer, store });
    this.#pins = new ArgumentPins(store);
    this.#orders = new OrderBook(this.#pins);
    this.#items = this.#newOutlets();
    let drained!: () => void;
    this.drained = new Promise((resolve) => (drained = resolve));
    this.#drain = new DrainWatch({ clock, hasTasks: () => hasTasks(this.#machine.state), drained });
    this.#held = new HeldRefs((type, objects) => {
      if (type === "release") this.#nested.forget(objects);
      peer.session.send({ type, objects });
    });
    const { name: workerName, capacity } = hello;
    const state = emptyState({ workerName, capacity, executorsMin, executorsMax });
    this.#machine = new MachineRunner(state, clock, (effect) => this.#perform(effect));
    this.#nested = new NestedWork({
      peer,
      clock,
      supply: this.#supply,
      held: this.#held,
      jobs: this.#jobs,
      state: () => this.#machine.state,
      tell: (executor, news) => this.#crew.tell(executor, news),
      definition: (callable) => this.#callables.get(callable),
    });
    this.#crew = this.#newCrew();
    this.#actors = new HostedActors({
      peer,
      clock,
      supply: this.#supply,
      held: this.#held,
      jobs: this.#jobs,
      order: (call, caller, settle) => this.#call(call, caller, settle),
      cancel: (caller, result) => this.#cancelCall(caller, result),
      leaves: (actor) => this.#machine.dispatch({ type: "actor-leaves", actor }),
      log: (text) => options.log(text),
    });
    this.#fetches = new ArgumentFetches({
      supply: this.#supply,
      pins: this.#pins,
      orders: this.#orders,
      dispatch: (stimulus) => this.#machine.dispatch(stimulus),
    });
    void peer.session.ended.then((reason) => this.#end(reason));
    this.#machine.dispatch({ type: "started" });
    peer.start((message) => this.#receive(message));
    this.#heartbeats = new Heartbeats({
      session: peer.session,
      links: peer.links,
      store,
      clock,
      tasks: () => attemptsOf(this.#machine.state),
      onBeat: () => this.#changed(),
    });
  }

  #newCrew(): ExecutorCrew {
    const room = new ResultRoom(this.#store, ({ key }) => this.#resultNamed(key));
    return new ExecutorCrew({
      spawner: this.#options.spawner,
      held: this.#held,
      clock: this.#clock,
      self: this.self,
      onNested: (executor, message) => this.#nested.receive(executor, message),
      onReleased: (executor, objects) => this.#nested.released(executor, objects),
      onEnded: (executor) => this.#nested.executorEnded(executor),
      onWaiting: (executor, isWaiting) => this.#nested.reportWaiting(executor, isWaiting),
      dispatch: (stimulus) => this.#machine.dispatch(stimulus),
      owes: (executor, key) => owes(this.#machine.state, executor, key),
      admit: (outcome, deliver) =>
        this.#items.finish(outcome, (admitted) => room.admit(admitted, deliver)),
      giveItem: (item, done) => this.#items.give(item, done),
      fetch: (object) => this.#supply.get(object, { known: this.#nested.whereabouts(object) }),
      onBackendChosen: (report) => {
        this.#backend = report;
        this.#changed();
      },
    });
  }

  #newOutlets(): ItemOutlets {
    return new ItemOutlets({
      store: this.#store,
      jobs: this.#jobs,
      report: (item, valueBytes) => this.#peer.session.send(item, valueBytes),
      taken: (key, taken) => this.#itemsTaken(key, taken),
      stop: (key) => this.#tellOf(key, { type: "stop-items", key }),
    });
  }

  get self(): PeerId {
    return this.#peer.self;
  }

  /** Resolves with the reason when the session is over; nothing runs any more then. */
  get ended(): Promise<MeshError> {
    return this.#peer.session.ended;
  }

  snapshot(): WorkerSnapshot {
    return snapshotOf({
      peer: this.#peer,
      store: this.#store,
      state: this.#machine.state,
      tasksDone: this.#tasksDone,
      tasksFailed: this.#tasksFailed,
      backend: this.#backend,
    });
  }

  /**
   * Stop working, but go on serving what only this worker has until others keep it: at most
   * HAND_OVER_MS_MAX. Then `leave`.
   */
  async handOver(reason: string): Promise<void> {
    if (this.#isOver) return;
    await this.#actors.handOver();
    this.#machine.stop();
    this.#crew.stopAll();
    this.#peer.session.send({ type: "leaving", reason });
    await new Promise<unknown>((resolve) => {
      this.#onHandedOver = () => resolve(undefined);
      const cancel = this.#clock.after(HAND_OVER_MS_MAX, () => resolve(undefined));
      void this.#peer.session.ended.then(resolve).finally(cancel);
    });
  }

  /** Say goodbye, so that the coordinator moves the work at once, and stop. */
  leave(reason: string): void {
    this.#peer.leave(reason);
    this.#end(new MeshError("DISCONNECTED", `this worker left: ${reason}`));
  }

  #end(reason: MeshError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#drain.stop();
    this.#actors.end();
    this.#machine.stop();
    this.#crew.stopAll();
    this.#supply.close(reason);
    void this.#store.close(reason);
    this.#nested.close(reason);
    this.#fetches.close(reason);
    this.#heartbeats.stop();
    this.#cancelChange?.();
  }

  #receive(message: PeerBusiness): void {
    switch (message.type) {
      case "define":
        this.#callables.set(message.callable, this.#jobs.defined(message));
        return;
      case "forget-callables":
        for (const callable of message.callables) this.#callables.delete(callable);
        this.#jobs.forget(message.callables);
        this.#crew.forget(message.callables);
        return this.#machine.dispatch({
          type: "callables-forgotten",
          callables: message.callables,
        });
      case "run":
        return this.#run(message);
      case "cancel-run":
        return this.#machine.dispatch({ ...message, type: "run-cancelled" });
      case "recall-runs":
        return this.#machine.dispatch({ type: "runs-recalled", tasks: message.tasks });
      case "drain":
        return this.#drain.ask(message.deadlineMs);
      case "items-wanted":
        return this.#items.taken(message);
      case "item-made":
        return this.#nested.itemMade(message);
      case "free-objects":
        this.#supply.free(message.objects);
        return this.#heartbeats.freed();
      case "keep-copy":
        void this.#supply.keepCopy(message.state);
        return;
      case "handed-over":
        return this.#onHandedOver();
      case "object-located":
        this.#supply.located(message.state);
        return this.#nested.located(message);
      case "stop-actor":
        return this.#machine.dispatch({ type: "actor-stopped", actor: message.actor });
      case "refused":
        return this.#options.log(`the coordinator refused a message: ${message.error.message}`);
      case "warning":
        return this.#options.log(message.text);
      case "actor-located":
        return this.#nested.actorLocated(message);
      case "answer":
        return this.#nested.answered(message);
      default:
        message satisfies never;
    }
  }

  #run(run: Run): void {
    const callable = this.#callables.get(run.callable);
    if (!callable) {
      const message = `task ${run.task} runs ${run.callable}, which ${this.self} was not told of`;
      const { task, attempt } = run;
      const error = { code: "INTERNAL", message } as const;
      return this.#peer.session.send({ type: "task-failed", task, attempt, error, ranForMs: 0 });
    }
    const open = this.#orders.openRun(run, callable);
    this.#items.open(open.order.key, run, callable);
    const { timeoutMs, name, demands } = callable;
    this.#machine.dispatch({
      type: "run-ordered",
      key: open.order.key,
      kind: callable.kind === "function" ? "task" : "create-actor",
      task: run.task,
      attempt: run.attempt,
      callable: run.callable,
      name,
      demands,
      missing: this.#orders.missing(open),
      ...(callable.actor?.isUnordered ? { isUnordered: true } : {}),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      items: run.items && (callable.stream ? "stream" : "fixed"),
      ...(open.refusal ? { refusal: open.refusal } : {}),
    });
    this.#changed();
  }

  /** A call of an actor that lives here. */
  #call(call: Call, caller: PeerId, settle: (outcome: Outcome) => void): void {
    const open = this.#orders.openCall(call, caller, settle);
    this.#machine.dispatch({
      type: "call-received",
      key: open.order.key,
      actor: call.actor,
      caller,
      missing: this.#orders.missing(open),
    });
  }

  #cancelCall(caller: PeerId, result: ObjectId): void {
    const key = this.#orders.keyOfCall(caller, result);
    if (key !== undefined) this.#machine.dispatch({ type: "call-cancelled", key });
  }

  #perform(effect: MachineEffect): void {
    switch (effect.type) {
      case "spawn-executor":
        return this.#crew.spawn(effect.executor);
      case "stop-executor":
        return this.#crew.stop(effect.executor);
      case "give-order": {
        const open = this.#orders.get(effect.key);
        if (open) this.#crew.give(effect.executor, orderOf(open), open.callable);
        // A task that came before an executor was ready has been shown as waiting till now.
        return this.#changed();
      }
      case "abort-order":
        return this.#crew.abort(effect.executor, effect.key, effect.actor);
      case "end-actor":
        return this.#crew.give(effect.executor, orderToEnd(effect));
      case "fetch-object":
        void this.#fetches.start(effect.object);
        return;
      case "stop-fetch":
        return this.#fetches.stop(effect.object);
      case "ignore-order":
        this.#close(effect.key);
        return this.#drain.taskEnded();
      case "return-task": {
        const { key, task, attempt } = effect.order;
        this.#close(key);
        this.#peer.session.send({ type: "task-returned", task, attempt, error: effect.error });
        this.#drain.taskEnded();
        return this.#changed();
      }
      case "report-task":
        return this.#reportTask(effect.order, effect.outcome);
      case "report-call":
        this.#orders.close(effect.order.key)?.call?.settle(effect.outcome);
        return;
      case "host-actor":
        this.#actors.add(effect.actor, effect.life, this.#callables.get(effect.callable)!);
        return this.#changed();
      case "drop-actor":
        this.#actors.drop(effect);
        return this.#changed();
      default:
        effect satisfies never;
    }
  }

  /** The name of an order's result. What it ran with may give way to it. */
  #resultNamed(key: OrderKey): ObjectId | undefined {
    const order = this.#machine.state.orders.get(key);
    this.#pins.close(key);
    if (order?.kind !== "call") return order && resultIdOf(order.task);
    return this.#orders.get(key)?.call?.result;
  }

  #close(key: OrderKey): OpenOrder | undefined {
    this.#items.close(key);
    return this.#orders.close(key);
  }

  /** The executors that have an order. */
  #tellOf(key: OrderKey, news: NestedNews): void {
    const order = this.#machine.state.orders.get(key);
    for (const executor of order?.executors ?? []) this.#crew.tellOfOrder(executor, news);
  }

  /** So many of the items that an order makes were taken. */
  #itemsTaken(key: OrderKey, taken: number): void {
    this.#orders.itemsTaken(key, taken);
    this.#tellOf(key, { type: "items-wanted", key, taken });
  }

  #reportTask({ key, task, attempt }: TaskOrder, outcome: Outcome): void {
    const callable = this.#close(key)?.callable?.callable;
    const about = { jobKey: callable && this.#jobs.ofCallable(callable), version: attempt };
    const ranForMs = Math.min(Math.max(0, outcome.ranForMs), MS_MAX);
    const { error, value } = resultOf(outcome, resultIdOf(task), this.#supply, about);
    const { session } = this.#peer;
    if (error) {
      this.#tasksFailed += 1;
      const retry = outcome.isRetryable ? { isRetryable: true } : {};
      session.send({ type: "task-failed", task, attempt, error, ranForMs, ...retry });
    } else {
      this.#tasksDone += 1;
      const valueBytes = value.inline?.byteLength ?? 0;
      session.send({ type: "task-done", task, attempt, ranForMs, ...value }, valueBytes);
    }
    this.#drain.taskEnded();
    this.#changed();
  }

  #changed(): void {
    if (!this.#options.onChange || this.#cancelChange || this.#isOver) return;
    this.#cancelChange = this.#clock.after(CHANGES_MS, () => {
      this.#cancelChange = undefined;
      this.#options.onChange?.();
    });
  }
}
