import type { BackendReport, TensorBackendName } from "../gpu/choose-backend.ts";
import type { SubmitterNews } from "../driver/mesh-port.ts";
import type { ActorId, CallableId, ObjectId, TaskId } from "../ids.ts";
import type { AnsweredCall } from "../peer/actor-caller.ts";
import type { Define } from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import type { NestedMessage } from "./executor-messages.ts";
import type { ExecutorIdentity } from "./executor-port.ts";

/**
 * The seam between a worker's agent (which talks to the mesh) and its executors (which run user
 * code). A Node worker's executors are worker threads, a tab's are Web Workers in the cage; the
 * agent cannot tell.
 */

/** The bytes of a sealed object (objects/codec.ts). In Node they may be in a SharedArrayBuffer. */
export type ObjectBytes = Uint8Array<ArrayBufferLike>;

/** One thing to run. Orders of one lane run one after the other, lanes run concurrently. */
export interface Order {
  /** Names this order in its {@link Outcome}: unique among the orders an executor has. */
  readonly key: string;
  readonly kind: "task" | "create-actor" | "call" | "end-actor";
  /** The function or class. Not for `call` and `end-actor`. */
  readonly callable?: CallableId;
  /** What it is in the mesh, if it is a task. */
  readonly task?: TaskId;
  /** The actor's lane. Tasks share one lane of their own. */
  readonly actor?: ActorId;
  /**
   * Of a call: what is called. Of `create-actor`: `restore` if the last of the dependencies is what
   * it is to be restored from. Of `end-actor`: `dispose` if its own code has the last word. Of a
   * task that gives several objects: which of them are wanted (item-order.ts).
   */
  readonly method?: string;
  /** Of a call: its concurrency group, if not the method's own. */
  readonly group?: string;
  /** Of a call: how often it is repeated if its class's `retryOn` says so, if not the method's own. */
  readonly retriesMax?: number;
  /** The encoded array of arguments. */
  readonly args: Uint8Array;
  /** Values of the arguments that are refs themselves. */
  readonly dependencies: readonly { readonly object: ObjectId; readonly bytes: ObjectBytes }[];
}

/**
 * What became of an order: a sealed value or an error. The value of `create-actor` and `end-actor`
 * is an encoded `undefined`.
 */
export interface Outcome {
  readonly key: string;
  readonly ranForMs: number;
  readonly value?: { readonly bytes: ObjectBytes; readonly contained: readonly ObjectId[] };
  readonly error?: WireError;
  /** Of a task: its own code threw what its `retryOn` is meant for. */
  readonly isRetryable?: boolean;
}

/** One of the objects of an order that gives several, in the order of their numbers. */
export interface Item {
  readonly key: string;
  readonly index: number;
  readonly bytes: ObjectBytes;
  readonly contained: readonly ObjectId[];
}

/** What an agent hears from an executor. Calls arrive in the order the executor made them. */
export interface ExecutorListener {
  onReady(): void;
  onOutcomes(outcomes: readonly Outcome[]): void;
  /** Before the outcome of its order. */
  onItem?(item: Item): void;
  /**
   * User code got hold of refs (they were inside its arguments), or let go of them. A hold comes
   * before the outcome of the order that brought the ref. When an executor ends, its holds end.
   */
  onHold(objects: readonly ObjectId[]): void;
  onRelease(objects: readonly ObjectId[]): void;
  /** User code asks for the value behind a ref. Rejects with a MeshError. */
  fetch(object: ObjectId): Promise<ObjectBytes>;
  /** An actor wants to end. */
  onExit?(actor: ActorId): void;
  /** User code uses the mesh. Anything may stand in it. */
  onNested?(message: NestedMessage): void;
  /** The first use of tfjs measured the backends of this machine. */
  onBackendChosen?(report: BackendReport): void;
  /** The executor is gone: it was stopped, or it crashed (then `reason` says how). */
  onEnded(reason: string): void;
}

/** What the mesh has to say to code in an executor. */
export type NestedNews =
  /** The reader of a stream has taken so many items. */
  | { readonly type: "items-wanted"; readonly key: string; readonly taken: number }
  /** Nobody wants more of what this order makes. */
  | { readonly type: "stop-items"; readonly key: string }
  | { readonly type: "news"; readonly news: SubmitterNews }
  | {
      readonly type: "answered";
      readonly request: number;
      readonly answer?: AnsweredCall;
      readonly error?: WireError;
    };

export interface ExecutorHandle {
  /** Tell it who it is, before its first order. */
  identify(identity: ExecutorIdentity): void;
  tell(news: NestedNews): void;
  /** Make a callable known, before the first order that names it. */
  define(callable: Define): void;
  /** No order will name these any more. */
  forget(callables: readonly CallableId[]): void;
  run(orders: readonly Order[]): void;
  /**
   * Nobody wants the outcome of this order any more: it does not begin, and the signal of its code
   * aborts. It has an outcome nevertheless. Set `actor` if it is a call.
   */
  abort(key: string, actor?: ActorId): void;
  /** End it at once, whatever it runs. `onEnded` follows. */
  stop(): void;
}

export interface ExecutorSpawner {
  spawn(listener: ExecutorListener): ExecutorHandle;
}

/** What an executor is told when it starts. */
export interface ExecutorSettings {
  readonly workerName: string;
  /** The tfjs backend that won on this machine, once one executor has measured it. */
  readonly backend?: TensorBackendName;
  /** It collects garbage after so many bytes of shared memory have passed through it. */
  readonly collectEveryBytes?: number;
}

export type { BackendReport, TensorBackendName };
