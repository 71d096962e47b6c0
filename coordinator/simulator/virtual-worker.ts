import { invariant } from "../../shared/errors.ts";
import { type ActorId, type JobId, type ObjectId, type TaskId } from "../../shared/ids.ts";
import type {
  CoordinatorMessage,
  Define,
  Hello,
  ObjectState,
  Run,
} from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { emptyState } from "../../shared/worker/machine/state.ts";
import { step } from "../../shared/worker/machine/step.ts";
import type {
  ExecutorId,
  MachineEffect,
  MachineEvent,
  MachineState,
  OrderKey,
  OrderRecord,
  Outcome,
} from "../../shared/worker/machine/types.ts";
import type { ActorCall, CallAnswer } from "./data-plane.ts";
import { BIG_BYTES, decodeProgram, encode, type Content, type Program } from "./program.ts";
import { VirtualExecutors } from "./virtual-executors.ts";
import { VirtualPeer, type Mesh } from "./virtual-peer.ts";
import { virtualItem, VirtualStreams } from "./virtual-streams.ts";

const HEARTBEAT_MS = 5_000;
const TICK_MS = 1_000;
const HAND_OVER_MS = 60_000;

type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

export interface WorkerTraits {
  /** How many times as long everything takes. */
  readonly slowness: number;
  /** Its heartbeats name nothing of what it runs. */
  readonly isForgetful: boolean;
}

/** What an order is to do, and what came of it. */
interface Job {
  readonly program: Program;
  readonly result: ObjectId;
  readonly run: Run | undefined;
  readonly caller: ActorCall["caller"] | undefined;
  readonly answer: ((answer: CallAnswer) => void) | undefined;
  /** Which of the mesh's jobs it is part of. */
  readonly ofJob: JobId | undefined;
  content: Content | undefined;
  /** Refs that its code has in hand. */
  held: readonly ObjectId[];
}

interface Hosted {
  readonly life: number;
  readonly savesState: boolean;
  readonly job: JobId | undefined;
}

/** The real worker machine, with virtual executors, store and links around it. */
export class VirtualWorker extends VirtualPeer {
  readonly #state: MachineState;
  readonly #traits: WorkerTraits;
  readonly #executors: VirtualExecutors;
  readonly #defines = new Map<string, Define>();
  readonly #jobs = new Map<OrderKey, Job>();
  readonly #states = new Map<ObjectId, ObjectState>();
  /** How many jobs hold a ref; the coordinator is told of the first and the last. */
  readonly #holds = new Map<ObjectId, number>();
  readonly #hosted = new Map<ActorId, Hosted>();
  readonly #cancelled = new Set<OrderKey>();
  readonly #streams = new VirtualStreams({
    after: (delayMs, run) => this.after(delayMs, run),
    give: (run, index) => this.#giveItem(run, index),
    maxAheadOf: ({ callable }) => this.#defines.get(callable)?.stream?.maxAhead ?? 1,
  });
  #isRetired = false;
  #ordersMade = 0;

  constructor(
    mesh: Mesh,
    hello: Hello & { capacity: object },
    traits: WorkerTraits,
    onOver: () => void,
  ) {
    super(mesh, hello, onOver);
    this.#traits = traits;
    this.#state = emptyState({
      workerName: hello.name,
      capacity: hello.capacity,
      executorsMin: 1,
      executorsMax: Math.max(1, Math.floor(hello.capacity.cpuMilli / 1000)),
    });
    this.#executors = new VirtualExecutors(this, {
      ready: (executor) => this.#feed({ type: "executor-ready", executor }),
      begin: (key, executor, resume) => this.#begin(key, executor, resume),
      finish: (key) => this.#finish(key),
      finished: (executor, outcome) => this.#feed({ type: "order-finished", executor, outcome }),
      ended: (executor, reason) => this.#feed({ type: "executor-ended", executor, reason }),
    });
  }

  override get isIdle(): boolean {
    return this.#state.orders.size === 0;
  }

  /** Drop a copy that it only fetched. */
  evict(): void {
    if (!this.isJoined || !this.isIdle) return;
    const copies = [...this.store.keys()].filter(
      (object) => this.#states.has(object) && !this.kept.has(object),
    );
    const object = this.mesh.world.pick(copies);
    if (!object) return;
    this.store.delete(object);
    this.mesh.world.losses += 1;
    this.send({ type: "copy-lost", object });
  }

  protected override onWelcome(): void {
    this.#feed({ type: "started" });
    this.#beat();
    this.#tick();
  }

  protected override onMissed(object: ObjectId): void {
    const error: WireError = { code: "OBJECT_LOST", message: `${object} could not be fetched` };
    this.#feed({ type: "object-missed", object, error });
  }

  protected override onMessage(message: CoordinatorMessage): void {
    switch (message.type) {
      case "define":
        this.#defines.set(message.callable, message);
        return;
      case "run":
        return this.#run(message);
      case "cancel-run": {
        const { task, attempt, isGraceful } = message;
        const order = this.#state.orders.get(this.#state.tasks.get(task) ?? "");
        if (order?.kind !== "call" && order?.attempt === attempt) this.#cancelled.add(order.key);
        return this.#feed({ type: "run-cancelled", task, attempt, isGraceful });
      }
      case "recall-runs":
        return this.#feed({ type: "runs-recalled", tasks: message.tasks });
      case "items-wanted":
        return this.#streams.taken(message, this.#jobs.values());
      case "stop-actor":
        return this.#feed({ type: "actor-stopped", actor: message.actor });
      case "forget-callables":
        for (const callable of message.callables) this.#defines.delete(callable);
        return;
      default: // Not for workers, or handled by the peer.
    }
  }

  /** States first, so that actors move with theirs; from then on they take no calls here. */
  override retire(reason: string): void {
    if (this.isJoined && !this.#isRetired) {
      this.#isRetired = true;
      for (const actor of this.#hosted.keys()) this.#saveState(actor, true);
    }
    super.retire(reason);
  }

  override call(call: ActorCall, answer: (answer: CallAnswer) => void): void {
    const { actor, life, caller, result, program } = call;
    // Who calls a life that is not here hears nothing, and will be told where it lives.
    if (this.#isRetired || this.#hosted.get(actor)?.life !== life) return;
    const ofJob = this.#hosted.get(actor)?.job;
    const key = this.#take({ program, result, run: undefined, caller, answer, ofJob });
    this.#feed({ type: "call-received", key, actor, caller, missing: [] });
  }

  #run(run: Run): void {
    const define = this.#defines.get(run.callable);
    if (!define) throw new Error(`${run.task}: ${run.callable} was never defined here`);
    const { task, attempt, dependencies = [] } = run;
    const program = decodeProgram(run.args);
    const result = task as string as ObjectId;
    if (run.restores) {
      const state = dependencies.at(-1)!.object;
      const owner = this.mesh.dataPlane.states.get(state);
      invariant(owner === (task as string), `${task} is restored from ${owner}'s state`);
    }
    const ofJob = define.jobKey?.job;
    const key = this.#take({ program, result, run, caller: undefined, answer: undefined, ofJob });
    for (const state of dependencies) this.#states.set(state.object, state);
    const refusal = dependencies.find(({ error }) => error)?.error;
    const missing = dependencies
      .filter(({ object, inline }) => !inline && !this.store.has(object))
      .map(({ object }) => object);
    this.#feed({
      type: "run-ordered",
      key,
      kind: define.kind === "actor-class" ? "create-actor" : "task",
      items: run.items && (define.stream ? "stream" : "fixed"),
      task,
      attempt,
      callable: run.callable,
      name: define.name,
      demands: define.demands,
      missing,
      ...(refusal ? { refusal } : {}),
    });
  }

  #take(job: Omit<Job, "content" | "held">): OrderKey {
    const key = `o${this.#ordersMade++}`;
    this.#jobs.set(key, { ...job, content: undefined, held: [] });
    return key;
  }

  #begin(
    key: OrderKey,
    executor: ExecutorId,
    resume: (ms: number) => void,
  ): number | "crash" | "waits" {
    const { world } = this.mesh;
    invariant(!this.#cancelled.has(key), `order ${key} of ${this.self} was cancelled, and begins`);
    const job = this.#jobs.get(key);
    if (job?.run && world.prng.chance(1, 3)) this.#feed({ type: "signal-taken", executor, key });
    if (job && world.strikes(world.scenario.executorCrashPermille)) {
      world.losses += 1;
      return "crash";
    }
    if (job && job.held.length === 0) {
      for (const object of job.program.passes) this.#hold(object, true);
      job.held = job.program.passes;
    }
    const runMs = (job?.program.runMs ?? 0) * this.#traits.slowness;
    if (!job?.run) return runMs;
    const { run, program } = job;
    // A message later, as from a thread: by then it may not run any more.
    const isRunning = () => this.#runs(executor, key);
    if (this.#defines.get(run.callable)?.stream) {
      this.#streams.begin(key, run, { runMs, isRunning, resume });
      return "waits";
    }
    if (!program.child) return runMs;
    this.after(1, () => {
      if (!isRunning()) return;
      this.#awaitChild(run, program.child!, executor, () => {
        // What was left waiting when its order ended concerns nobody.
        if (!isRunning()) return;
        const { task, attempt } = run;
        this.#feed({ type: "executor-resumed", executor });
        this.send({ type: "task-resumed", task, attempt });
        resume(runMs);
      });
    });
    return "waits";
  }

  #runs(executor: ExecutorId, key: OrderKey): boolean {
    return this.#state.executors.get(executor)?.queue.first === key;
  }

  /** Code of this task submits another one and waits for it: its CPUs are lent meanwhile. */
  #awaitChild(run: Run, child: Program, executor: ExecutorId, resume: () => void): void {
    const { task: parent, attempt, callable } = run;
    const task = this.newId<TaskId>();
    const object = task as string as ObjectId;
    this.send({ type: "submit", task, callable, args: encode(child), parent });
    this.#feed({ type: "executor-blocked", executor });
    this.send({ type: "task-blocked", task: parent, attempt });
    this.locate(object, () => {
      this.send({ type: "release", objects: [object] });
      resume();
    });
  }

  #finish(key: OrderKey): Outcome | undefined {
    const job = this.#jobs.get(key);
    if (!job) return undefined;
    const { program, result, run } = job;
    if (program.result === "throws") {
      return { key, ranForMs: 0, error: { code: "TASK_FAILED", message: `${result} threw` } };
    }
    const refs = [...program.passes];
    for (let i = 0; i < program.puts; i++) {
      const inner = { of: this.newId<ObjectId>(), refs: [] };
      this.put(inner, i % 2 === 0, { job: job.ofJob });
      this.#hold(inner.of, false);
      refs.push(inner.of);
    }
    job.held = refs;
    const returns = (run && this.#defines.get(run.callable)?.returns) ?? 0;
    for (let index = run?.items?.from ?? 0; index < returns; index++) this.#giveItem(run!, index);
    job.content = { of: result, refs };
    return { key, ranForMs: 0, value: { bytes: encode(job.content), contained: refs } };
  }

  #giveItem(run: Run, index: number): void {
    const { content, message } = virtualItem(run, index);
    if (!message.inline) this.store.set(content.of, content);
    this.send(message);
  }

  #feed(event: Untimed<MachineEvent>): void {
    const timed = { ...event, atMs: this.mesh.world.nowMs } as MachineEvent;
    for (const effect of step(this.#state, timed)) this.#perform(effect);
    this.drain.taskEnded();
  }

  #perform(effect: MachineEffect): void {
    switch (effect.type) {
      case "spawn-executor":
        return this.#executors.spawn(effect.executor);
      case "stop-executor":
        return this.#executors.stop(effect.executor);
      case "give-order":
        return this.#executors.give(effect.executor, effect.key);
      case "abort-order":
        // Not all code heeds its signal.
        return this.#executors.abort(effect, this.mesh.world.prng.chance(2, 3));
      case "fetch-object":
        return this.#fetch(effect.object);
      case "ignore-order":
        this.#jobs.delete(effect.key);
        return;
      case "return-task": {
        const { key, task, attempt } = effect.order;
        this.#jobs.delete(key);
        for (const executor of effect.order.executors) {
          invariant(!this.#runs(executor, key), `${task} is returned and was started`);
        }
        return this.send({ type: "task-returned", task, attempt, error: effect.error });
      }
      case "report-task":
      case "report-call":
        return this.#report(effect.order, effect.outcome);
      case "drop-actor":
        if (effect.tell) {
          const { actor, life, error, isFinal } = effect;
          this.send({ type: "actor-ended", actor, life, error, isFinal });
        }
        this.#hosted.delete(effect.actor);
        return;
      case "end-actor": {
        const { executor, key } = effect;
        const outcome = { key, ranForMs: 0 };
        return this.after(1, () => this.#feed({ type: "order-finished", executor, outcome }));
      }
      case "host-actor": {
        const { actor, life, callable } = effect;
        const define = this.#defines.get(callable);
        const savesState = define?.actor?.savesState === true;
        this.#hosted.set(actor, { life, savesState, job: define?.jobKey?.job });
        return;
      }
      case "stop-fetch":
    }
  }

  #fetch(object: ObjectId): void {
    this.read(this.#states.get(object)!, (outcome: Content | WireError) => {
      if (!this.#state.fetching.has(object)) return;
      if ("code" in outcome) this.#feed({ type: "object-failed", object, error: outcome });
      else this.#feed({ type: "object-arrived", object });
    });
  }

  #report(order: OrderRecord, outcome: Outcome): void {
    const job = this.#jobs.get(order.key)!;
    this.#jobs.delete(order.key);
    // Its caller will be told where the actor lives now, or that it does not.
    if (outcome.over) return this.#letGo(job.held);
    if (order.kind === "call" && this.mesh.world.prng.chance(1, 3)) {
      this.#saveState(order.actor, false);
    }
    const { program, run, answer, caller, content, held } = job;
    const isBig = program.result === "big";
    if (run && content && !outcome.error) this.#reportDone(run, content, isBig, outcome.ranForMs);
    else if (run) {
      const { task, attempt } = run;
      const error = outcome.error ?? { code: "INTERNAL", message: `${task} has no outcome` };
      const { ranForMs } = outcome;
      // Some of what code throws is meant to be tried again.
      const isRetryable = error.code === "TASK_FAILED" && this.mesh.world.prng.chance(1, 2);
      this.send({ type: "task-failed", task, attempt, error, ranForMs, isRetryable });
    } else if (outcome.error || !content) answer!({ ...outcome });
    else if (isBig) {
      this.put(content, true, { holder: caller, job: job.ofJob });
      answer!({});
    } else answer!({ inline: content });
    // A caller tells the coordinator by another way that it holds the refs in an answer.
    if (run) this.#letGo(held);
    else this.after(HAND_OVER_MS, () => this.#letGo(held));
  }

  #saveState(actor: ActorId, isHandOver: boolean): void {
    const hosted = this.#hosted.get(actor);
    if (!hosted?.savesState) return;
    const object = this.newId<ObjectId>();
    this.mesh.dataPlane.states.set(object, actor);
    const job = hosted.job;
    this.put({ of: object, refs: [] }, this.mesh.world.prng.chance(1, 2), { replicas: 2, job });
    this.send({ type: "actor-saved", actor, life: hosted.life, object, isHandOver });
    this.send({ type: "release", objects: [object] });
  }

  #reportDone(run: Run, content: Content, isBig: boolean, ranForMs: number): void {
    const { task, attempt } = run;
    if (isBig) this.store.set(content.of, content);
    this.send({
      type: "task-done",
      task,
      attempt,
      sizeBytes: isBig ? BIG_BYTES : 100,
      ...(isBig ? {} : { inline: encode(content) }),
      ...(content.refs.length > 0 ? { contained: [...content.refs] } : {}),
      ranForMs,
    });
  }

  #hold(object: ObjectId, tell: boolean): void {
    const holds = this.#holds.get(object) ?? 0;
    this.#holds.set(object, holds + 1);
    if (tell && holds === 0) this.send({ type: "hold", objects: [object] });
  }

  #letGo(objects: readonly ObjectId[]): void {
    for (const object of objects) {
      const holds = this.#holds.get(object)! - 1;
      this.#holds.set(object, holds);
      if (holds > 0) continue;
      this.#holds.delete(object);
      this.send({ type: "release", objects: [object] });
    }
  }

  #beat(): void {
    const tasks: [Run["task"], number][] = [];
    // A fault like others: it ends with them, or what takes longer than a lease would never end.
    const isForgetful = this.#traits.isForgetful && this.mesh.world.faulty;
    for (const order of this.#state.orders.values()) {
      if (order.kind !== "call" && !isForgetful) tasks.push([order.task, order.attempt]);
    }
    this.send({ type: "heartbeat", tasks, storedBytes: this.store.size * BIG_BYTES });
    this.after(HEARTBEAT_MS, () => this.#beat());
  }

  #tick(): void {
    this.#feed({ type: "tick" });
    this.after(TICK_MS, () => this.#tick());
  }
}
