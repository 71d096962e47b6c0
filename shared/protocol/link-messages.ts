import Type, { type Static } from "typebox";
import type { ActorId, JobId, LinkName, ObjectId, PeerId } from "../ids.ts";
import { ELSEWHERE_MAX, FETCH_PRIORITY_MAX, INLINE_BYTES_MAX, PIECES_MAX } from "./limits.ts";
import { bytes, count, id, ids, messageCheck, sizeBytes, text, wireError } from "./schema.ts";

/** What two peers say to each other on a link, whatever transport carries it. */

const sequence = count(2 ** 53 - 1);
const inlineValue = bytes(INLINE_BYTES_MAX);

/** What a caller wants of an actor, without the numbers of its lane. */
export const callRequest = {
  actor: id<ActorId>(),
  /** The concurrency group it runs in, if not the method's own. */
  group: Type.Optional(text(64)),
  /** The id of the result, made by the caller. */
  result: id<ObjectId>(),
  method: text(256),
  args: inlineValue,
  dependencies: Type.Optional(ids<ObjectId>()),
  contained: Type.Optional(ids<ObjectId>()),
};

const linkSchemas = {
  /** The first message of the peer that opened the link. */
  "link-hello": Type.Object({
    type: Type.Literal("link-hello"),
    from: id<PeerId>(),
    /** Signed by the coordinator for exactly this pair (tickets.ts). */
    ticket: bytes(64),
    /** Why the opener uses this path and not a better one, in words, if there is a reason. */
    reason: Type.Optional(text(256)),
    /** The opener's name for this link. */
    link: Type.Optional(id<LinkName>()),
    /** Instead of a new link: one more lane for the parts of objects, of the link of this name. */
    laneOf: Type.Optional(id<LinkName>()),
  }),
  "link-welcome": Type.Object({ type: Type.Literal("link-welcome") }),
  "link-refused": Type.Object({ type: Type.Literal("link-refused"), error: wireError }),
  /** The opener knows more now of why it is this path: the hello's `reason`, anew. */
  "link-reason": Type.Object({ type: Type.Literal("link-reason"), reason: text(256) }),

  /**
   * Answered at once by the same with `answeredChunks`, which is how many of the asking end's chunks
   * were delivered: tells the round trip, and what is still on its way.
   */
  "link-ping": Type.Object({
    type: Type.Literal("link-ping"),
    /** By the clock of who asked. */
    atMs: Type.Number({ minimum: 0, maximum: 2 ** 53 }),
    answeredChunks: Type.Optional(sequence),
  }),

  /**
   * Send the object's bytes from `offset` up to `endOffset` (or its end), as `chunk` frames in order.
   * Ranges of one object are sent one after the other.
   */
  fetch: Type.Object({
    type: Type.Literal("fetch"),
    object: id<ObjectId>(),
    offset: sizeBytes,
    endOffset: Type.Optional(sizeBytes),
    /** Lower numbers first; unset: last. */
    priority: Type.Optional(count(FETCH_PRIORITY_MAX)),
    /** Those who were named instead did not deliver: the receiver must not name others again. */
    insists: Type.Optional(Type.Boolean()),
    /** Which making of it, if it can be made again: another one's pieces are of no use. */
    version: Type.Optional(count(2 ** 31)),
    /** With the first request on a link for an object of this job: that the sender may read it. */
    job: Type.Optional(id<JobId>()),
    ticket: Type.Optional(bytes(64)),
  }),
  "fetch-failed": Type.Object({
    type: Type.Literal("fetch-failed"),
    object: id<ObjectId>(),
    /** Of the request that is refused; unset: nothing of the object can be had here. */
    offset: Type.Optional(sizeBytes),
    /** Peers that were sent these bytes just now, and should be asked first. */
    elsewhere: Type.Optional(Type.Array(id<PeerId>(), { maxItems: ELSEWHERE_MAX })),
    error: wireError,
  }),
  /** Do not send the range from this offset; unset: nothing more of the object. */
  "fetch-stop": Type.Object({
    type: Type.Literal("fetch-stop"),
    object: id<ObjectId>(),
    offset: Type.Optional(sizeBytes),
  }),
  /**
   * The sender is fetching this object too and has these pieces of it (`[first, behind the last]`).
   * Whoever hears it for the first time answers with what it has, and both go on telling.
   */
  pieces: Type.Object({
    type: Type.Literal("pieces"),
    object: id<ObjectId>(),
    ranges: Type.Array(Type.Tuple([count(PIECES_MAX), count(PIECES_MAX)]), {
      maxItems: PIECES_MAX,
    }),
    /** As in `fetch`: without, nothing is told in answer. */
    job: Type.Optional(id<JobId>()),
    ticket: Type.Optional(bytes(64)),
  }),

  /**
   * Call a method. Calls of one caller are numbered per actor from 0 and run in that order; after a
   * link broke they are sent again, and a number that was seen before is not run twice. Numbers below
   * `acknowledged` that the callee never saw were given up by the caller: it must not wait for them.
   */
  call: Type.Object({
    type: Type.Literal("call"),
    ...callRequest,
    /** How often it is repeated in its place if it throws what its class's `retryOn` is meant for. */
    retriesMax: Type.Optional(Type.Integer({ minimum: -1, maximum: 2 ** 31 })),
    /** Which life of the actor it is for: it runs in that one or not at all. 0 if it is left out. */
    life: Type.Optional(count(2 ** 31)),
    /** Which numbering: a caller that forgot an actor starts a new one, higher than those before. */
    lane: sequence,
    sequence,
    /** Answers below this number have arrived and need not be kept. */
    acknowledged: sequence,
  }),
  /** The caller gave this call up and wants no answer: it may end, or not begin. */
  "call-cancel": Type.Object({
    type: Type.Literal("call-cancel"),
    actor: id<ActorId>(),
    lane: sequence,
    sequence,
    /** The name of its result. */
    result: id<ObjectId>(),
  }),
  "call-done": Type.Object({
    type: Type.Literal("call-done"),
    actor: id<ActorId>(),
    lane: sequence,
    sequence,
    sizeBytes,
    /** The value, if it is small. Otherwise it is in the answering peer's store. */
    inline: Type.Optional(inlineValue),
    error: Type.Optional(wireError),
    contained: Type.Optional(ids<ObjectId>()),
    /**
     * No answer: that life of the actor is over, and the caller must ask where it lives now.
     * `not-run`: the call never ran in it. `may-have-run`: it was under way. `not-here`: the callee
     * knows nothing of that life, so it has not run because of this message.
     */
    over: Type.Optional(Type.Enum(["not-run", "may-have-run", "not-here"])),
  }),
  /** Answers below this number have arrived. For callers that have no next call to say it in. */
  "call-ack": Type.Object({
    type: Type.Literal("call-ack"),
    actor: id<ActorId>(),
    lane: sequence,
    acknowledged: sequence,
  }),
};
export const linkMessages = messageCheck(linkSchemas);
export type LinkMessage = {
  [Name in keyof typeof linkSchemas]: Static<(typeof linkSchemas)[Name]>;
}[keyof typeof linkSchemas];
export type LinkHello = Static<(typeof linkSchemas)["link-hello"]>;
export type LinkPing = Static<(typeof linkSchemas)["link-ping"]>;
export type Call = Static<(typeof linkSchemas)["call"]>;
export type CallDone = Static<(typeof linkSchemas)["call-done"]>;

/** Header of a data frame whose payload is part of an object. */
const chunkHeader = Type.Object({
  type: Type.Literal("chunk"),
  object: id<ObjectId>(),
  offset: sizeBytes,
  totalBytes: sizeBytes,
  /** Counts the frames of one direction of a link, which may come by several lanes. */
  number: Type.Optional(sequence),
});
export type ChunkHeader = Static<typeof chunkHeader>;
export const chunkHeaders = messageCheck({ chunk: chunkHeader });
