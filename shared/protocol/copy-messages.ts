import Type, { type Static } from "typebox";
import type { ObjectId, PeerId } from "../ids.ts";
import { PIECE_DIGEST_BYTES, PIECES_MAX } from "./limits.ts";
import { bytes, id, wireError } from "./schema.ts";

/** What peers tell the coordinator of copies of stored objects: a part of messages.ts. */

/** Of each piece of an object. */
export const digest = bytes(PIECES_MAX * PIECE_DIGEST_BYTES);

/** It has not what it announced, or sent what cannot be the object. */
const sourceFault = Type.Enum(["missing", "wrong-size", "wrong-bytes"]);
export type SourceFault = Static<typeof sourceFault>;

export const fromCopies = {
  /** The sender now has (or no longer has) a copy of the object. */
  "copy-added": Type.Object({ type: Type.Literal("copy-added"), object: id<ObjectId>() }),
  "copy-lost": Type.Object({ type: Type.Literal("copy-lost"), object: id<ObjectId>() }),
  /** The sender is receiving a large object, and passes on what it has; or does so no longer. */
  "copy-started": Type.Object({ type: Type.Literal("copy-started"), object: id<ObjectId>() }),
  "copy-stopped": Type.Object({ type: Type.Literal("copy-stopped"), object: id<ObjectId>() }),
  /** The answer to `digest-wanted`. */
  "object-digest": Type.Object({
    type: Type.Literal("object-digest"),
    object: id<ObjectId>(),
    digest,
  }),
  /** A peer that was named as a place of the object did not deliver it, by its own fault. */
  "source-fault": Type.Object({
    type: Type.Literal("source-fault"),
    object: id<ObjectId>(),
    peer: id<PeerId>(),
    fault: sourceFault,
  }),
  /** A peer asked the sender for an object, and did not show that it may read it. */
  "reader-fault": Type.Object({
    type: Type.Literal("reader-fault"),
    object: id<ObjectId>(),
    peer: id<PeerId>(),
  }),
  /** The answers to `keep-copy`: the sender has a copy and keeps it until it is freed; or not. */
  "copy-kept": Type.Object({ type: Type.Literal("copy-kept"), object: id<ObjectId>() }),
  "copy-refused": Type.Object({
    type: Type.Literal("copy-refused"),
    object: id<ObjectId>(),
    error: wireError,
  }),
};
