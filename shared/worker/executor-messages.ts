import Type, { type Static } from "typebox";
import type { ActorId, ObjectId } from "../ids.ts";
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

const fromExecutor = {
  ready: Type.Object({ type: Type.Literal("ready") }),
  outcomes: Type.Object({
    type: Type.Literal("outcomes"),
    fields: Type.Array(Type.Union([text(256), Type.Number()])),
    bytes: anyBytes,
    table: Type.Array(Type.Union([anyBytes, wireError])),
  }),
  hold: Type.Object({ type: Type.Literal("hold"), objects: ids<ObjectId>() }),
  release: Type.Object({ type: Type.Literal("release"), objects: ids<ObjectId>() }),
  exit: Type.Object({ type: Type.Literal("exit"), actor: id<ActorId>() }),
  /** Answered by a Comlink call of `settleFetch` with the same number. */
  fetch: Type.Object({
    type: Type.Literal("fetch"),
    request: Type.Integer({ minimum: 0 }),
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
