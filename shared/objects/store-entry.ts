import type { ObjectId } from "../ids.ts";

/** Where a spilled object is: a stretch of one of the files of a spill device. */
export interface SpillPlace {
  readonly file: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/**
 * One object of a store. It outlives its name: freed while somebody reads it, it takes its bytes
 * until the last reader is done.
 */
export interface StoreEntry {
  readonly object: ObjectId;
  readonly sizeBytes: number;
  /** The mesh counts on this copy. Others may be dropped whenever room is needed. */
  isKept: boolean;
  isInMemory: boolean;
  place: SpillPlace | undefined;
  /** Its bytes in memory are being written to disk. */
  isSpilling: boolean;
  /** Who needs its bytes in memory to stay: tasks that run with it, pieces on their way to peers. */
  pins: number;
  /** Who reads it from disk. */
  reads: number;
  isFreed: boolean;
}

/** What the shell of a store must do. */
export type StoreEffect =
  /** Let go of the bytes in memory. `isGone`: this peer has no copy any more and says so. */
  | { readonly type: "drop"; readonly entry: StoreEntry; readonly isGone: boolean }
  /** Write these to disk together; `spilled` or `spillFailed` tells how that went. */
  | { readonly type: "spill"; readonly entries: readonly StoreEntry[] }
  /** What is there on disk is not needed any more. */
  | { readonly type: "erase"; readonly place: SpillPlace }
  /** So many bytes are kept free for the object, until it is put or given up. */
  | { readonly type: "grant"; readonly object: ObjectId }
  | { readonly type: "refuse"; readonly object: ObjectId; readonly error: Error };

/** Exactly what a store has taken, in bytes. */
export interface StoreUsage {
  readonly memoryBytes: number;
  /** Of those in memory: what running tasks and transfers use, so that it cannot make room. */
  readonly pinnedBytes: number;
  /** Promised to objects on their way here. */
  readonly expectedBytes: number;
  /** On disk, whether or not in memory too. */
  readonly diskBytes: number;
  /** Of those: not in memory. */
  readonly spilledBytes: number;
  readonly objects: number;
}
