import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import {
  executorPrefix,
  itemOf,
  type ActorId,
  type CallableId,
  type ObjectId,
  type PeerId,
  type TaskId,
} from "../ids.ts";
import { ActorCaller } from "../peer/actor-caller.ts";
import { ActorLocator } from "../peer/actor-locator.ts";
import type { MeshPeer } from "../peer/mesh-peer.ts";
import {
  driverMessages,
  type CoordinatorMessage,
  type Define,
  type ObjectState,
} from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import { fromWireError, toWireError } from "../protocol/wire-error.ts";
import type { NestedNews, ObjectBytes } from "./executor-api.ts";
import type { NestedMessage } from "./executor-messages.ts";
import type { HeldRefs } from "./held-refs.ts";
import type { JobsHere } from "./jobs-here.ts";
import { runningOn, runsOn } from "./machine/running.ts";
import type { ExecutorId, MachineState } from "./machine/types.ts";
import type { ObjectSupply } from "./object-supply.ts";

type MeshMessage = Extract<NestedMessage, { type: "mesh" }>["message"];
type MessageOf<Type extends MeshMessage["type"]> = Extract<MeshMessage, { type: Type }>;
type Located = Extract<CoordinatorMessage, { type: "object-located" }>;

export interface NestedWorkOptions {
  readonly peer: Pick<MeshPeer, "self" | "session" | "links">;
  readonly clock: Clock;
  readonly supply: ObjectSupply;
  readonly held: HeldRefs;
  readonly jobs: JobsHere;
  /** What the worker runs now. */
  state(): MachineState;
  tell(executor: ExecutorId, news: NestedNews): void;
  /** A function that tasks here run: they may call it too. */
  definition(callable: CallableId): Define | undefined;
}

/** What one executor has under way. */
interface Dealings {
  /** Objects it announced and has not made yet. */
  readonly promised: Set<ObjectId>;
  /** Options that no message may carry, by the id that was to have them. */
  readonly refused: Map<string, string>;
  /** How many objects the tasks of its functions give, of those that give a fixed number. */
  readonly returns: Map<string, number>;
  readonly actors: Set<ActorId>;
  /** Results of calls without an answer. */
  readonly calls: Set<ObjectId>;
  /** Definitions that came when the task that made them had ended, by what they define. */
  readonly late: Map<string, Define>;
}

/** Of those, so many are kept for one executor. */
const LATE_MAX = 1_000;

/**
 * The mesh as code in executors sees it. Whatever they say is checked: ids must be of their own
 * making, and work is submitted in the name of a task or actor that the executor has at this moment,
 * so that it belongs to that one's job and to no other.
 */
export class NestedWork {
  readonly #options: NestedWorkOptions;
  readonly #locator: ActorLocator;
  readonly #caller: ActorCaller;
  readonly #dealings = new Map<ExecutorId, Dealings>();
  /** Who wants to hear when an object is made. */
  readonly #awaited = new Map<ObjectId, Set<ExecutorId>>();
  readonly #queries = new Map<number, { executor: ExecutorId; request: number }>();
  /** Where objects are that executors hold, as far as they asked. */
  readonly #whereabouts = new Map<ObjectId, ObjectState>();
  #queriesMade = 0;

  constructor(options: NestedWorkOptions) {
    this.#options = options;
    const { peer, clock } = options;
    this.#locator = new ActorLocator((message) => peer.session.send(message));
    this.#caller = new ActorCaller({
      links: peer.links,
      clock,
      locate: (actor, after) => this.#locator.locate(actor, after),
    });
  }

  /** @throws MeshError `PROTOCOL_VIOLATION` if the executor may not say that. */
  receive(
    executor: ExecutorId,
    message: Exclude<NestedMessage, { type: "blocked" | "resumed" | "signal-taken" }>,
  ): void {
    switch (message.type) {
      case "mesh":
        return this.#pass(executor, message.message);
      case "keep":
        return this.#keep(executor, message.object, message.bytes);
      case "call":
        this.#requireOwn(executor, message.result);
        return void this.#call(executor, message);
      case "cancel-call":
        this.#requireOwn(executor, message.result);
        return void this.#caller.cancel(message.actor, message.result);
      case "forget-actor":
        return this.#forgetActor(executor, message.actor);
      default:
        message satisfies never;
    }
  }

  located(message: Located): void {
    const { object } = message.state;
    const executors = this.#awaited.get(object);
    this.#awaited.delete(object);
    if (!executors) return;
    if (message.state.locations) this.#whereabouts.set(object, message.state);
    const { jobKey, ...state } = message.state;
    const news = jobKey ? { ...message, state } : message;
    for (const executor of executors) this.#tellLocated(executor, news);
  }

  /** A stream that an executor reads has another item: the mesh counts it as held here. */
  itemMade(message: Extract<CoordinatorMessage, { type: "item-made" }>): void {
    const { held, peer, tell } = this.#options;
    const { jobKey: _jobKey, ...state } = message.state;
    const { object, locations } = state;
    const executor = readerOf(message.task, peer.self);
    if (!executor || !this.#options.state().executors.has(executor)) {
      return peer.session.send({ type: "release", objects: [object] });
    }
    held.adopt(executor, [object]);
    if (locations) this.#whereabouts.set(object, message.state);
    tell(executor, { type: "news", news: { ...message, state } });
  }

  whereabouts(object: ObjectId): ObjectState | undefined {
    return this.#whereabouts.get(object);
  }

  /** No executor holds these any more. */
  forget(objects: readonly ObjectId[]): void {
    for (const object of objects) this.#whereabouts.delete(object);
  }

  answered(answer: Extract<CoordinatorMessage, { type: "answer" }>): void {
    const asked = this.#queries.get(answer.request);
    this.#queries.delete(answer.request);
    if (!asked) return;
    const news = { ...answer, request: asked.request };
    this.#options.tell(asked.executor, { type: "news", news });
  }

  actorLocated(message: Extract<CoordinatorMessage, { type: "actor-located" }>): void {
    const { actor, worker, life = 0, calls, error } = message;
    this.#locator.located(message);
    if (error) this.#caller.actorEnded(actor, fromWireError(error));
    else if (worker) this.#caller.actorMoved(actor, { worker, life, calls });
  }

  /** Its code waits for what may take a CPU of this worker to make; or it goes on. */
  reportWaiting(executor: ExecutorId, isWaiting: boolean): void {
    const order = runningOn(this.#options.state(), executor);
    if (order?.kind !== "task") return;
    const { task, attempt } = order;
    const type = isWaiting ? "task-blocked" : "task-resumed";
    this.#options.peer.session.send({ type, task, attempt });
  }

  /** It let go of these. */
  released(executor: ExecutorId, objects: readonly ObjectId[]): void {
    for (const object of objects) {
      const executors = this.#awaited.get(object);
      if (executors?.delete(executor) && executors.size === 0) this.#awaited.delete(object);
    }
  }

  /** What it promised will not be made. */
  executorEnded(executor: ExecutorId): void {
    const dealings = this.#dealings.get(executor);
    if (!dealings) return;
    this.#dealings.delete(executor);
    const { session } = this.#options.peer;
    for (const object of dealings.promised) {
      const message = `object ${object} will not be made: the executor that was to make it has ended`;
      const error: WireError = { code: "OBJECT_LOST", message };
      session.send({ type: "put-object", object, sizeBytes: 0, error });
    }
    // They are still made, but nobody waits for their answers, so nobody has to wait because of them.
    if (dealings.calls.size > 0) this.#caller.disown((result) => dealings.calls.has(result));
    for (const actor of dealings.actors) this.#forgetActor(executor, actor);
    this.released(executor, [...this.#awaited.keys()]);
  }

  /** The session is over. */
  close(error: MeshError): void {
    this.#locator.close(error);
  }

  #pass(executor: ExecutorId, message: MeshMessage): void {
    const { session } = this.#options.peer;
    switch (message.type) {
      case "define":
        return this.#define(executor, message);
      case "items-taken":
        this.#requireOwn(executor, message.task);
        return session.send(message);
      case "submit":
        return this.#submit(executor, message);
      case "cancel-task":
        return this.#cancelTask(executor, message);
      case "end-actor":
        if (message.parent && this.#runs(executor, message.parent)) session.send(message);
        return;
      case "put-object": {
        this.#requireOwn(executor, message.object);
        if (message.holder) throw violation(`it puts an object for ${message.holder}`);
        this.#dealingsOf(executor).promised.delete(message.object);
        this.#options.held.adopt(executor, [message.object]);
        return session.send(this.#made(executor, message), message.inline?.byteLength ?? 0);
      }
      case "promise-object":
        this.#requireOwn(executor, message.object);
        this.#dealingsOf(executor).promised.add(message.object);
        this.#options.held.adopt(executor, [message.object]);
        return session.send(this.#made(executor, message));
      case "locate-object":
        return this.#locate(executor, message.object);
      case "query": {
        const request = this.#asks(executor, message.request);
        return session.send(this.#made(executor, { ...message, request }));
      }
      default:
        message satisfies never;
    }
  }

  /** Said in the name of what the executor runs, and of nothing that its code may name. */
  #made<Message extends MessageOf<"put-object" | "promise-object" | "query">>(
    executor: ExecutorId,
    message: Message,
  ): Message {
    const { jobs, state } = this.#options;
    return { ...message, jobs: jobs.makersOn(state(), executor).jobs };
  }

  /** The number of a question as the coordinator hears it. */
  #asks(executor: ExecutorId, request: number): number {
    const number = this.#queriesMade++;
    this.#queries.set(number, { executor, request });
    return number;
  }

  #cancelTask(executor: ExecutorId, message: MessageOf<"cancel-task">): void {
    const { parent, request } = message;
    if (!parent || !this.#runs(executor, parent)) {
      if (request === undefined) return;
      const text = "it was not cancelled: the task that asked for it has ended";
      const error: WireError = { code: "TASK_CANCELLED", message: text };
      const news = { type: "answer", request, error } as const;
      return this.#options.tell(executor, { type: "news", news });
    }
    const { session } = this.#options.peer;
    if (request === undefined) return session.send(message);
    session.send({ ...message, request: this.#asks(executor, request) });
  }

  #define(executor: ExecutorId, given: MessageOf<"define">): void {
    this.#requireOwn(executor, given.callable);
    if (driverMessages.accepts(given) && given.type === "define") {
      const { callable, returns } = given;
      if (returns !== undefined) this.#dealingsOf(executor).returns.set(callable, returns);
      if (given.parent && this.#runs(executor, given.parent)) {
        return this.#options.peer.session.send(given, given.source.length);
      }
      // Its parent has ended. The executor takes it for defined, and the next task there may use it.
      const { late } = this.#dealingsOf(executor);
      if (late.size < LATE_MAX) late.set(given.callable, given);
      return;
    }
    this.#dealingsOf(executor).refused.set(given.callable, driverMessages.complaint(given));
  }

  #submit(executor: ExecutorId, submit: MessageOf<"submit">): void {
    const { task, callable, parent } = submit;
    this.#requireOwn(executor, task);
    const object = task as string as ObjectId;
    const complaint = this.#dealings.get(executor)?.refused.get(callable);
    if (complaint !== undefined) {
      const message = `the options of ${callable} cannot be sent: ${complaint}`;
      return this.#fail(executor, object, { code: "INVALID_ARGUMENT", message });
    }
    if (!parent || !this.#runs(executor, parent)) {
      const message = `${task} was not submitted: the task that did so has ended`;
      return this.#fail(executor, object, { code: "TASK_CANCELLED", message });
    }
    const own = this.#dealings.get(executor)?.returns.get(callable);
    const returns = own ?? this.#options.definition(callable)?.returns ?? 0;
    for (let index = -1; index < returns; index++) {
      const promised = index < 0 ? object : itemOf(task, index);
      this.#options.held.adopt(executor, [promised]);
      this.#awaitedBy(executor, promised);
    }
    this.#defineLate(executor, callable, parent);
    this.#options.peer.session.send(submit, submit.args.byteLength);
  }

  #defineLate(executor: ExecutorId, callable: string, parent: TaskId): void {
    const late = this.#dealings.get(executor)?.late;
    const define = late?.get(callable);
    if (!define) return;
    late!.delete(callable);
    this.#options.peer.session.send({ ...define, parent }, define.source.length);
  }

  #locate(executor: ExecutorId, object: ObjectId): void {
    const sizeBytes = this.#options.supply.sizeHere(object);
    if (sizeBytes !== undefined) {
      const state = { object, sizeBytes, locations: [this.#options.peer.self] };
      return this.#tellLocated(executor, { type: "object-located", state });
    }
    const isAsked = this.#awaited.has(object);
    this.#awaitedBy(executor, object);
    if (!isAsked) this.#options.peer.session.send({ type: "locate-object", object });
  }

  #keep(executor: ExecutorId, object: ObjectId, bytes: ObjectBytes): void {
    this.#requireOwn(executor, object);
    try {
      const { jobs, state, supply } = this.#options;
      const { jobKey } = jobs.makersOn(state(), executor);
      supply.keep(object, bytes, { jobKey });
    } catch (error) {
      const wire = toWireError(error);
      this.#options.peer.session.send({ type: "put-object", object, sizeBytes: 0, error: wire });
      this.#fail(executor, object, wire);
    }
  }

  async #call(
    executor: ExecutorId,
    { request, type: _type, ...call }: Extract<NestedMessage, { type: "call" }>,
  ): Promise<void> {
    const { actors, calls } = this.#dealingsOf(executor);
    actors.add(call.actor);
    calls.add(call.result);
    const { tell } = this.#options;
    try {
      const answer = await this.#caller.call(call);
      tell(executor, { type: "answered", request, answer });
    } catch (error) {
      tell(executor, { type: "answered", request, error: toWireError(error) });
    } finally {
      calls.delete(call.result);
    }
  }

  #forgetActor(executor: ExecutorId, actor: ActorId): void {
    this.#dealings.get(executor)?.actors.delete(actor);
    for (const { actors } of this.#dealings.values()) if (actors.has(actor)) return;
    this.#caller.forget(actor);
  }

  #fail(executor: ExecutorId, object: ObjectId, error: WireError): void {
    this.#tellLocated(executor, { type: "object-located", state: { object, error } });
  }

  #tellLocated(executor: ExecutorId, news: Located): void {
    this.#options.tell(executor, { type: "news", news });
  }

  #awaitedBy(executor: ExecutorId, object: ObjectId): void {
    const executors = this.#awaited.get(object);
    if (executors) executors.add(executor);
    else this.#awaited.set(object, new Set([executor]));
  }

  #dealingsOf(executor: ExecutorId): Dealings {
    let dealings = this.#dealings.get(executor);
    if (!dealings) {
      dealings = {
        promised: new Set(),
        refused: new Map(),
        returns: new Map(),
        actors: new Set(),
        calls: new Set(),
        late: new Map(),
      };
      this.#dealings.set(executor, dealings);
    }
    return dealings;
  }

  #runs(executor: ExecutorId, parent: TaskId): boolean {
    return runsOn(this.#options.state(), executor, parent);
  }

  #requireOwn(executor: ExecutorId, id: string): void {
    if (id.startsWith(executorPrefix(this.#options.peer.self, numberOf(executor)))) return;
    throw violation(`it may not make ${id}`);
  }
}

/** The executor that made an id of this worker's. */
function readerOf(task: TaskId, self: PeerId): ExecutorId | undefined {
  const [, number] = /^(\d+)x/.exec(task.slice(self.length + 1)) ?? [];
  return number === undefined ? undefined : `e${Number(number)}`;
}

/** `e7` is number 7. */
export const numberOf = (executor: ExecutorId): number => Number(executor.slice(1));

const violation = (what: string): MeshError =>
  new MeshError("PROTOCOL_VIOLATION", `an executor said what it may not: ${what}`);
