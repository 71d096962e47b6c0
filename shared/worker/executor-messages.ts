import Type, { type Static } from "typebox";
import type { ActorId, CallableId, ObjectId } from "../ids.ts";
import { callRequest } from "../protocol/link-messages.ts";
import { nestedMessages } from "../protocol/messages.ts";
import { id, ids, messageCheck, milliseconds, text, wireError } from "../protocol/schema.ts";
import type { ObjectBytes } from "./executor-api.ts";

/**
 * What an executor says. It runs other people's code, so its messages are checked like those of
 * peers. Only agents load this: the compiler of schemas would quadruple the program in the cage.
 */

const anyBytes = Type.Refine(
  Type.Unsafe<ObjectBytes>({}),
  (value) => value instanceof Uint8Array,
  () => "must be bytes",
);

const candidate = Type.Object({
  name: Type.Enum(["webgpu", "wasm", "cpu"]),
  ms: Type.Optional(milliseconds),
  rejected: Type.Optional(text(1_024)),
});

const requestNumber = Type.Integer({ minimum: 0 });

/** For the mesh, from code inside a task or an actor. */
const nested = {
  mesh: Type.Object({
    type: Type.Literal("mesh"),
    message: Type.Union([
      // What is wrong in it may be the user's options, so the agent looks closer and tells.
      Type.Object({ type: Type.Literal("define"), callable: id<CallableId>() }),
      nestedMessages.submit,
      nestedMessages["cancel-task"],
      nestedMessages["items-taken"],
      nestedMessages["put-object"],
      nestedMessages["promise-object"],
      nestedMessages["locate-object"],
      nestedMessages["end-actor"],
      nestedMessages.query,
    ]),
  }),
  /** The bytes of an object that a `put-object` of its will announce. */
  keep: Type.Object({ type: Type.Literal("keep"), object: id<ObjectId>(), bytes: anyBytes }),
  /** Answered by `answered` with the same number. */
  call: Type.Object({
    type: Type.Literal("call"),
    request: requestNumber,
    ...callRequest,
    retriesMax: Type.Optional(Type.Integer({ minimum: -1, maximum: 2 ** 31 })),
    timeoutMs: Type.Optional(milliseconds),
  }),
  /** It gave up a call of its own, and wants no answer. */
  "cancel-call": Type.Object({
    type: Type.Literal("cancel-call"),
    actor: id<ActorId>(),
    result: id<ObjectId>(),
  }),
  /** The code of this order has asked for its signal, so it may end by itself when it is cancelled. */
  "signal-taken": Type.Object({ type: Type.Literal("signal-taken"), key: text(256) }),
  /** No handle to the actor is left. */
  "forget-actor": Type.Object({ type: Type.Literal("forget-actor"), actor: id<ActorId>() }),
  /** Its code waits for objects that are not made yet, or does not any more. */
  blocked: Type.Object({
    type: Type.Literal("blocked"),
    /** One of them is what it has submitted itself: that takes longer than fetching does. */
    isOwn: Type.Boolean(),
  }),
  resumed: Type.Object({ type: Type.Literal("resumed") }),
};
export type NestedMessage = {
  [Name in keyof typeof nested]: Static<(typeof nested)[Name]>;
}[keyof typeof nested];

const fromExecutor = {
  ...nested,
  ready: Type.Object({ type: Type.Literal("ready") }),
  outcomes: Type.Object({
    type: Type.Literal("outcomes"),
    fields: Type.Array(Type.Union([text(256), Type.Number()])),
    bytes: anyBytes,
    table: Type.Array(
      Type.Union([
        anyBytes,
        Type.Object({
          ...wireError.properties,
          isRetryable: Type.Optional(Type.Boolean()),
        }),
      ]),
    ),
  }),
  item: Type.Object({
    type: Type.Literal("item"),
    key: text(256),
    index: Type.Integer({ minimum: 0, maximum: 2 ** 40 }),
    bytes: anyBytes,
    contained: ids<ObjectId>(),
  }),
  hold: Type.Object({ type: Type.Literal("hold"), objects: ids<ObjectId>() }),
  release: Type.Object({ type: Type.Literal("release"), objects: ids<ObjectId>() }),
  exit: Type.Object({ type: Type.Literal("exit"), actor: id<ActorId>() }),
  /** Answered by a Comlink call of `settleFetch` with the same number. */
  fetch: Type.Object({
    type: Type.Literal("fetch"),
    request: requestNumber,
    object: id<ObjectId>(),
  }),
  backend: Type.Object({
    type: Type.Literal("backend"),
    chosen: Type.Enum(["webgpu", "wasm", "cpu"]),
    measured: Type.Array(candidate, { maxItems: 8 }),
  }),
};
export const executorMessages = messageCheck(fromExecutor);
export type ExecutorMessage = {
  [Name in keyof typeof fromExecutor]: Static<(typeof fromExecutor)[Name]>;
}[keyof typeof fromExecutor];
