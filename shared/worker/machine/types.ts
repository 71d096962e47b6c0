import type { LinkedSet } from "../../collections/linked-set.ts";
import type { ActorId, CallableId, ObjectId, PeerId, TaskId } from "../../ids.ts";
import type { Demands, WireError } from "../../protocol/schema.ts";
import type { Amounts } from "./amounts.ts";

/** Names an order on this worker: chosen by the shell, never used twice. */
export type OrderKey = string;
export type ExecutorId = `e${number}`;

/** What became of an order. An executor's outcome (executor-api.ts) is one. */
export interface Outcome {
  readonly key: OrderKey;
  readonly ranForMs: number;
  readonly value?: {
    readonly bytes: Uint8Array<ArrayBufferLike>;
    readonly contained: readonly ObjectId[];
  };
  readonly error?: WireError;
  /** Its own code threw what its `retryOn` is meant for. */
  readonly isRetryable?: boolean;
  /** Of a call that no executor answers: this life of its actor is over, and it did run or did not. */
  readonly over?: "not-run" | "may-have-run";
}

/**
 * Where an order stands: it waits for objects, for room, or it was given to an executor.
 * `parked` waits for an actor to end, because actors hold what it needs.
 */
export type OrderState = "fetching" | "ready" | "parked" | "assigned";

interface OrderBase {
  readonly key: OrderKey;
  state: OrderState;
  /** Objects it needs that are not here yet. */
  readonly missing: ReadonlySet<ObjectId>;
  /** Executors that have it. More than one after it was taken from behind a slow one. */
  readonly executors: Set<ExecutorId>;
}

/** One attempt of a task, or the construction of an actor, whose id is the task's. */
export interface TaskOrder extends OrderBase {
  readonly kind: "task" | "create-actor";
  readonly task: TaskId;
  readonly attempt: number;
  readonly callable: CallableId;
  /** What the user calls it, for error messages. */
  readonly name: string;
  readonly demands: Demands;
  /** Equal for equal demands: such orders can share one reservation, one after the other. */
  readonly demandsKey: string;
  readonly timeoutMs: number | undefined;
  /**
   * Whether it gives several objects: a generator, which can be asked to end, or a fixed number. Such
   * an order is never in two executors at a time, as they would both give them.
   */
  readonly items: "stream" | "fixed" | undefined;
  /** Of an actor: a call that has its arguments need not wait for those before it. */
  readonly isUnordered: boolean;
  /** Its code has asked for the signal that tells it to end. */
  hasSignal: boolean;
}

export interface CallOrder extends OrderBase {
  readonly kind: "call";
  readonly actor: ActorId;
  readonly caller: PeerId;
}

export type OrderRecord = TaskOrder | CallOrder;

export interface ExecutorRecord {
  readonly id: ExecutorId;
  /** `tasks`: the pool. `light-actors`: shared by many. `actor`: one actor's own. */
  role: "tasks" | "light-actors" | "actor";
  ready: boolean;
  readonly spawnedAtMs: number;
  /** What it has, in the order given. In the pool it runs the first; settled ones may be in it. */
  readonly queue: LinkedSet<OrderKey>;
  /** When the pool executor began its first order; elsewhere, when it last finished one. */
  progressAtMs: number;
  /** What its first order reserves. Those behind it demand the same. Pool only. */
  reserved: TaskOrder | undefined;
  /** Its code waits for an object, so its CPUs are lent to others meanwhile. */
  blocked: boolean;
  /** Its first order was cancelled, and has until then to end by itself. */
  stopAtMs: number | undefined;
  /** Some of its queue was handed on because its first order took long. */
  overtaken: boolean;
  readonly actors: Set<ActorId>;
  /** Actors that ended in the middle of their work, and the orders that will confirm it. Shared only. */
  readonly endings: Map<OrderKey, Ending>;
}

export interface Ending {
  readonly actor: ActorId;
  readonly sinceMs: number;
}

export interface ActorRecord {
  readonly id: ActorId;
  /** Which life of it this is: the attempt that constructs it. */
  readonly life: number;
  readonly executor: ExecutorId;
  readonly isUnordered: boolean;
  readonly demands: Demands;
  /** The order that constructs it, while that runs. */
  creating: TaskOrder | undefined;
  readonly createdAtMs: number;
  /** Calls that wait for objects or behind one that does: per caller, in order. */
  readonly waiting: Map<PeerId, LinkedSet<OrderKey>>;
  readonly running: Set<OrderKey>;
  /** Set once it is to end: no new calls, and over when the running ones are done. */
  endByMs: number | undefined;
  /** It ends because it wants to, so nobody should restart it. */
  hasExited: boolean;
  /** Its own code has its last word: the order that confirms it. */
  disposing: OrderKey | undefined;
}

export interface MachineSettings {
  readonly workerName: string;
  readonly capacity: Demands;
  /** Executors for tasks that are kept warm, and how many there may be. */
  readonly executorsMin: number;
  readonly executorsMax: number;
}

/** All the worker knows. Collections keep insertion order, so a replay is exact. */
export interface MachineState {
  readonly settings: MachineSettings;
  readonly orders: Map<OrderKey, OrderRecord>;
  readonly tasks: Map<TaskId, OrderKey>;
  readonly executors: Map<ExecutorId, ExecutorRecord>;
  readonly actors: Map<ActorId, ActorRecord>;
  /** How long a task of each callable runs, as a running average. */
  readonly averageMs: Map<CallableId, number>;
  /** Objects that orders wait for, oldest first, and those orders. */
  readonly wanted: Map<ObjectId, LinkedSet<OrderKey>>;
  /** Of these, the ones not being fetched yet, and the ones that are. */
  readonly fetchQueue: LinkedSet<ObjectId>;
  readonly fetching: Set<ObjectId>;
  /** Exactly the orders in state `ready`; those taken from an executor go first. */
  readonly returned: LinkedSet<OrderKey>;
  readonly ready: LinkedSet<OrderKey>;
  /** Exactly the orders in state `parked`. */
  readonly parked: LinkedSet<OrderKey>;
  /** Exactly the ready pool executors with an empty queue. */
  readonly idle: LinkedSet<ExecutorId>;
  /** Actors under construction, and actors told to end, oldest first. */
  readonly creating: LinkedSet<ActorId>;
  readonly ending: LinkedSet<ActorId>;
  readonly used: Amounts;
  readonly usedByActors: Amounts;
  /** How many executors in a row did not get ready, and when to try the next. */
  startFailures: number;
  spawnAfterMs: number;
  executorsSpawned: number;
}

/** What happened. Time is a field, so the log of events replays to the same state. */
export type MachineEvent = { readonly atMs: number } & (
  | { readonly type: "started" }
  | {
      readonly type: "run-ordered";
      readonly key: OrderKey;
      readonly kind: "task" | "create-actor";
      readonly task: TaskId;
      readonly attempt: number;
      readonly callable: CallableId;
      readonly name: string;
      readonly demands: Demands;
      readonly timeoutMs?: number;
      readonly items?: "stream" | "fixed" | undefined;
      readonly missing: readonly ObjectId[];
      readonly isUnordered?: boolean;
      /** Known before it starts: an argument failed. It is reported as it is. */
      readonly refusal?: WireError;
    }
  | {
      readonly type: "run-cancelled";
      readonly task: TaskId;
      readonly attempt: number;
      /** Code that heeds its signal is given time to end by itself. */
      readonly isGraceful?: boolean | undefined;
    }
  /** The code of an order asked for the signal that tells it to end. */
  | { readonly type: "signal-taken"; readonly executor: ExecutorId; readonly key: OrderKey }
  /** Its caller gave the call up. */
  | { readonly type: "call-cancelled"; readonly key: OrderKey }
  /** Others are idle: what has not started may go to them. */
  | { readonly type: "runs-recalled"; readonly tasks: readonly (readonly [TaskId, number])[] }
  | {
      readonly type: "call-received";
      readonly key: OrderKey;
      readonly actor: ActorId;
      readonly caller: PeerId;
      readonly missing: readonly ObjectId[];
    }
  | { readonly type: "actor-stopped"; readonly actor: ActorId }
  /** Its own code wants it to end. */
  | { readonly type: "actor-exited"; readonly actor: ActorId; readonly executor: ExecutorId }
  /** It will go on elsewhere: calls that were not started are for its next life. */
  | { readonly type: "actor-leaves"; readonly actor: ActorId }
  | { readonly type: "object-arrived"; readonly object: ObjectId }
  | { readonly type: "object-failed"; readonly object: ObjectId; readonly error: WireError }
  /** None of the peers that had it delivered it. Calls go on waiting; tasks may be wanted elsewhere. */
  | { readonly type: "object-missed"; readonly object: ObjectId; readonly error: WireError }
  | { readonly type: "executor-ready"; readonly executor: ExecutorId }
  | { readonly type: "executor-blocked"; readonly executor: ExecutorId }
  | { readonly type: "executor-resumed"; readonly executor: ExecutorId }
  | { readonly type: "executor-ended"; readonly executor: ExecutorId; readonly reason: string }
  | { readonly type: "order-finished"; readonly executor: ExecutorId; readonly outcome: Outcome }
  | { readonly type: "callables-forgotten"; readonly callables: readonly CallableId[] }
  | { readonly type: "tick" }
);

/** What the shell must now do, in this order. */
export type MachineEffect =
  | { readonly type: "spawn-executor"; readonly executor: ExecutorId }
  /** Nothing that this executor says later counts. */
  | { readonly type: "stop-executor"; readonly executor: ExecutorId }
  | { readonly type: "give-order"; readonly executor: ExecutorId; readonly key: OrderKey }
  /** Do not begin it; tell its code if it runs. */
  | {
      readonly type: "abort-order";
      readonly executor: ExecutorId;
      readonly key: OrderKey;
      /** Set if it is a call. */
      readonly actor?: ActorId;
    }
  /** Its outcome, under this key, confirms that the actor's code does not block the executor. */
  | {
      readonly type: "end-actor";
      readonly executor: ExecutorId;
      readonly actor: ActorId;
      readonly key: OrderKey;
      /** It has nothing under way, so its own code may have the last word. */
      readonly isGraceful: boolean;
    }
  | { readonly type: "fetch-object"; readonly object: ObjectId }
  | { readonly type: "stop-fetch"; readonly object: ObjectId }
  /** The order is not new: nothing will be reported of it. */
  | { readonly type: "ignore-order"; readonly key: OrderKey }
  /** The one outcome of an order; the shell can forget it. */
  | { readonly type: "report-task"; readonly order: TaskOrder; readonly outcome: Outcome }
  /** Not started: an argument could not be had, or others are idle. The shell can forget the order. */
  | { readonly type: "return-task"; readonly order: TaskOrder; readonly error: WireError }
  | { readonly type: "report-call"; readonly order: CallOrder; readonly outcome: Outcome }
  | {
      readonly type: "host-actor";
      readonly actor: ActorId;
      readonly life: number;
      readonly callable: CallableId;
    }
  /** Calls of it fail from now on. `tell`: the coordinator does not know yet. */
  | {
      readonly type: "drop-actor";
      readonly actor: ActorId;
      readonly life: number;
      readonly error: WireError;
      readonly tell: boolean;
      /** It is not to be restarted. */
      readonly isFinal: boolean;
    };
