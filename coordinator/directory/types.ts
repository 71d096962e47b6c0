import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { WireError } from "../../shared/protocol/schema.ts";

/** `pending` until its maker is done; then `sealed` (it has a value) or `failed` (an error). */
export type ObjectPhase = "pending" | "sealed" | "failed";

export interface ObjectRecord {
  readonly id: ObjectId;
  phase: ObjectPhase;
  sizeBytes: number;
  /** The value itself, if it is small. */
  inline: Uint8Array<ArrayBuffer> | undefined;
  /** Peers with a whole copy, the one that made it first. */
  locations: readonly PeerId[];
  /** Those of them that keep theirs until it is freed; the others are free to drop it. */
  keepers: readonly PeerId[];
  /** How many should. */
  replicas: number;
  /** Which making of it: the attempt of its task, 0 if no task made it. */
  version: number;
  /** How long its task took; unset if no task made it. */
  costMs: number | undefined;
  error: WireError | undefined;
  /** How many peers, unfinished tasks and other objects refer to it. Freed at zero, once made. */
  holds: number;
  /** Objects whose refs are inside this one: held as long as it exists. */
  contained: readonly ObjectId[];
  /** The first peer to be told when it is made. Mostly it is the only one: no list for each task. */
  waiter: PeerId | undefined;
  /** The others. */
  moreWaiters: PeerId[] | undefined;
  /** The peer that promised to make it; unset for the result of a task. */
  promisedBy: PeerId | undefined;
  /** The worker that made it, if a task did. */
  madeBy: PeerId | undefined;
  /** Its last copy went, and nothing went with it: a copy that turns up is as good. */
  isRestorable: boolean;
}

export interface DirectoryState {
  readonly objects: Map<ObjectId, ObjectRecord>;
  /** What each connected peer holds refs to. */
  readonly heldBy: Map<PeerId, Set<ObjectId>>;
  /** What each connected peer has copies of, or has promised. */
  readonly storedBy: Map<PeerId, Set<ObjectId>>;
  /** Bytes of values kept inline here. */
  inlineBytes: number;
}

export const emptyDirectoryState = (): DirectoryState => ({
  objects: new Map(),
  heldBy: new Map(),
  storedBy: new Map(),
  inlineBytes: 0,
});

/** A value that was made. */
export interface Sealed {
  readonly sizeBytes: number;
  readonly inline: Uint8Array<ArrayBuffer> | undefined;
  /** The peer whose store has it, unless it is inline. */
  readonly location: PeerId | undefined;
  readonly contained: readonly ObjectId[];
  readonly madeBy: PeerId | undefined;
  readonly replicas: number;
  readonly version: number;
  readonly costMs: number | undefined;
}

export type DirectoryEvent =
  /** A task was submitted, or a peer promised an object; `holder` has the first ref. */
  | {
      readonly type: "object-promised";
      readonly object: ObjectId;
      readonly holder: PeerId;
      readonly by: PeerId | undefined;
      /** The holder is told when it is made, without asking. */
      readonly isAwaited: boolean;
    }
  | {
      readonly type: "object-sealed";
      readonly object: ObjectId;
      readonly value: Sealed;
      /** Gets the first ref, if the object was not promised before. */
      readonly holder: PeerId | undefined;
    }
  | {
      readonly type: "object-failed";
      readonly object: ObjectId;
      readonly error: WireError;
      readonly holder: PeerId | undefined;
    }
  | { readonly type: "held"; readonly peer: PeerId; readonly objects: readonly ObjectId[] }
  | { readonly type: "released"; readonly peer: PeerId; readonly objects: readonly ObjectId[] }
  /** An unfinished task refers to these, or no longer. */
  | { readonly type: "task-held"; readonly objects: readonly ObjectId[] }
  | { readonly type: "task-released"; readonly objects: readonly ObjectId[] }
  /** The value `inside` does not hold this object any more: who made it may not read that. */
  | { readonly type: "ref-dropped"; readonly object: ObjectId; readonly inside: ObjectId }
  /** A freed object is made again, because another one needs it. Held by nobody yet. */
  | { readonly type: "object-revived"; readonly object: ObjectId }
  | { readonly type: "copy-added"; readonly peer: PeerId; readonly object: ObjectId }
  /** The peer keeps its copy until it is freed. */
  | { readonly type: "copy-kept"; readonly peer: PeerId; readonly object: ObjectId }
  | { readonly type: "copy-lost"; readonly peer: PeerId; readonly object: ObjectId }
  | { readonly type: "located"; readonly peer: PeerId; readonly object: ObjectId }
  | { readonly type: "peer-left"; readonly peer: PeerId; readonly why: string };

export type DirectoryEffect =
  | { readonly type: "free"; readonly object: ObjectId; readonly locations: readonly PeerId[] }
  /** Answer a `located`: what the record says now. `record` is unset if there is no such object. */
  | {
      readonly type: "answer";
      readonly peer: PeerId;
      readonly object: ObjectId;
      readonly record: ObjectRecord | undefined;
    }
  | { readonly type: "available"; readonly object: ObjectId }
  /** Nobody refers to it, and it is not made yet. */
  | { readonly type: "unheld"; readonly object: ObjectId }
  /** A stored object has other copies than before, or is gone: are they enough? */
  | { readonly type: "copies-changed"; readonly object: ObjectId }
  /** The last copy went. It is pending now: make it again, or say that it failed. */
  | { readonly type: "lost"; readonly object: ObjectId; readonly why: string }
  | { readonly type: "unavailable"; readonly object: ObjectId; readonly error: WireError };
