import Type, { type Static } from "typebox";
import { UNLIMITED } from "./limits.ts";
import { count, text } from "./schema.ts";

/** What an actor class is defined with, besides what tasks have too. */

/** Calls of one actor at a time, in one group. */
export const CONCURRENCY_MAX = 100_000;
const METHODS_MAX = 1_024;
const GROUPS_MAX = 64;
export const CALL_RETRIES_MAX = 1_000_000;

/**
 * What of that which user code throws is tried again: all of it, if neither is there; what has one of
 * these names, classes or codes; or what this function, as source, says yes to.
 */
export const retryOn = Type.Object({
  names: Type.Optional(Type.Array(text(128), { maxItems: 64 })),
  predicate: Type.Optional(text(64 * 1024)),
});
export type RetryOn = Static<typeof retryOn>;

const groupName = text(64);
const callRetries = Type.Integer({ minimum: UNLIMITED, maximum: CALL_RETRIES_MAX });

const methodOptions = Type.Object({
  name: text(256),
  group: Type.Optional(groupName),
  retriesMax: Type.Optional(callRetries),
});

export const actorOptions = Type.Object({
  /** How often it is constructed again after it was lost. */
  restartsMax: Type.Integer({ minimum: UNLIMITED, maximum: 1_000_000 }),
  /** How often a call is sent again that was under way when the actor was lost. */
  retriesMax: Type.Optional(callRetries),
  /** It has the methods `checkpoint` and `restore`. */
  savesState: Type.Optional(Type.Boolean()),
  /** Take a checkpoint after so many calls. */
  checkpointEvery: Type.Optional(count(1_000_000)),
  /** It outlives its driver. */
  isDetached: Type.Optional(Type.Boolean()),
  /** Calls that may be under way at a time in the group without a name. */
  maxConcurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: CONCURRENCY_MAX })),
  groups: Type.Optional(
    Type.Array(
      Type.Object({
        name: groupName,
        maxConcurrency: Type.Integer({ minimum: 1, maximum: CONCURRENCY_MAX }),
      }),
      { maxItems: GROUPS_MAX },
    ),
  ),
  /** A call that has its arguments need not wait for those before it. */
  isUnordered: Type.Optional(Type.Boolean()),
  /** Unanswered calls that one caller may have. */
  maxPendingCalls: Type.Optional(count(100_000)),
  /** Its public methods: what a handle has that was asked for by name. */
  methods: Type.Array(methodOptions, { maxItems: METHODS_MAX }),
});
export type ActorOptions = Static<typeof actorOptions>;

/** What a caller must know of an actor besides where it lives. */
export const callOptions = Type.Object({
  retriesMax: Type.Optional(callRetries),
  /** Of methods that differ. */
  methodRetries: Type.Optional(
    Type.Array(Type.Tuple([text(256), callRetries]), { maxItems: METHODS_MAX }),
  ),
  maxPendingCalls: Type.Optional(count(100_000)),
});
export type CallOptions = Static<typeof callOptions>;

/** The part of an actor's options that its callers need; nothing if nothing differs. */
export function callOptionsOf(options: ActorOptions): CallOptions | undefined {
  const { retriesMax, maxPendingCalls, methods } = options;
  const methodRetries = methods.flatMap(({ name, retriesMax: own }): [string, number][] =>
    own === undefined ? [] : [[name, own]],
  );
  const known: CallOptions = {
    ...(retriesMax ? { retriesMax } : {}),
    ...(methodRetries.length > 0 ? { methodRetries } : {}),
    ...(maxPendingCalls === undefined ? {} : { maxPendingCalls }),
  };
  return Object.keys(known).length > 0 ? known : undefined;
}
