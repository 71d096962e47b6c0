import { type Clock, systemClock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import type { JobKey } from "../protocol/schema.ts";
import type { SpillDevice } from "./spill-device.ts";
import type { StoreEffect, StoreEntry, StoreUsage } from "./store-entry.ts";
import { DISK_RETRY_MS, StorePlan, type RoomRequest } from "./store-plan.ts";

/** Sealed bytes of an object. In Node they may be in a SharedArrayBuffer. */
export type StoredBytes = Uint8Array<ArrayBufferLike>;

/** What an object's bytes do not tell: without, nobody else may read it, and any version of it fits. */
export interface Provenance {
  /** Of the job that it belongs to: other peers read it with this. */
  readonly jobKey?: JobKey | undefined;
  /** Which making of it: the attempt of its task. */
  readonly version?: number | undefined;
}

/** One object of the store, to be read in pieces. It can be read until it is closed, even if freed. */
export interface StoredObject {
  readonly sizeBytes: number;
  /** Bytes in memory come at once, bytes on disk as a promise. Neither may be changed. */
  read(offset: number, length: number): StoredBytes | Promise<StoredBytes>;
  close(): void;
}

/** Bytes that stay in memory, and count as taken, until they are let go of. */
export interface PinnedBytes {
  readonly bytes: StoredBytes;
  unpin(): void;
}

export interface LocalStoreOptions {
  /** Bytes of objects in memory, at most. */
  readonly bytesMax: number;
  /** Where kept objects go that do not fit in memory. Without, a full store is full. */
  readonly spill?: SpillDevice;
  /** Bytes of objects on disk, at most. Default: as many as the device takes. */
  readonly diskBytesMax?: number;
  /** Makes the memory that objects arrive in. Default: memory that is not shared. */
  allocate?(sizeBytes: number): StoredBytes;
  /**
   * Have the engine reclaim memory that was let go of; `minor`: lately. For shared memory: engines
   * do not count it, so that nothing else would make them look for it.
   */
  collect?(kind: "minor" | "major"): void;
  readonly clock?: Clock;
}

export interface ReserveOptions {
  /** Whether the mesh will count on the object; else it is a copy that may give way to others. */
  readonly isKept: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Who is served first when room is scarce: 0, up to FETCH_PRIORITY_MAX, the default. */
  readonly priority?: number | undefined;
}

/** Room that waits for others to let go is given up after so long. */
const ROOM_MS_MAX = 60_000;
/** The engine is asked to reclaim when so much of the store's limit was let go of. */
const COLLECT_SHARE = 1 / 16;

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

/**
 * The sealed objects that this peer has, in memory within a limit and on disk beyond it. Stored bytes
 * are never changed. `StorePlan` decides; this does it.
 */
export class LocalStore {
  /** A copy that the mesh can do without gave way. */
  onDropped: (object: ObjectId) => void = () => {};
  readonly #options: LocalStoreOptions;
  readonly #plan: StorePlan;
  readonly #clock: Clock;
  readonly #bytes = new Map<StoreEntry, StoredBytes>();
  readonly #provenance = new WeakMap<StoreEntry, Provenance>();
  readonly #waiting = new Map<ObjectId, Waiter[]>();
  readonly #loading = new Map<StoreEntry, Promise<StoredBytes | undefined>>();
  #cancelRetry: (() => void) | undefined;
  readonly #letGoBytes = { minor: 0, major: 0 };

  constructor(options: LocalStoreOptions) {
    const { bytesMax, spill, diskBytesMax = spill ? Number.MAX_SAFE_INTEGER : 0, clock } = options;
    this.#options = options;
    this.#clock = clock ?? systemClock;
    this.#plan = new StorePlan({ bytesMax, diskBytesMax });
  }

  get bytesMax(): number {
    return this.#plan.bytesMax;
  }

  usage(): StoreUsage {
    return this.#plan.usage();
  }

  /** Memory for an object that arrives. */
  allocate(sizeBytes: number): StoredBytes {
    return this.#options.allocate?.(sizeBytes) ?? new Uint8Array(sizeBytes);
  }

  /** Of all objects that are here, in memory or on disk. */
  get storedBytes(): number {
    const { memoryBytes, spilledBytes } = this.#plan.usage();
    return memoryBytes + spilledBytes;
  }

  /**
   * Wait for room for an object that will be put. Older copies give way and kept objects go to disk
   * for it.
   * @returns ends the reservation; to be called whether or not the object was put.
   * @throws MeshError `OBJECT_TOO_LARGE`; `STORE_FULL` when nothing can make room, or not in time.
   *   With `signal` aborted: its reason.
   */
  async reserve(
    object: ObjectId,
    sizeBytes: number,
    { isKept, signal, priority }: ReserveOptions,
  ): Promise<() => void> {
    signal?.throwIfAborted();
    const wanted = { object, sizeBytes, ...(priority === undefined ? {} : { priority }) };
    const request = this.#plan.reserve(wanted, isKept, this.#clock.nowMs());
    try {
      if (request.state === "granted") this.#perform();
      else await this.#granted(request, signal);
    } catch (error) {
      this.#plan.giveUp(request);
      this.#perform();
      throw error;
    }
    return () => {
      this.#plan.giveUp(request);
      this.#perform();
    };
  }

  /**
   * Keep an object. Objects are immutable, so one that is already here stays as it is. Without a
   * reservation the store may exceed its limit while it makes room.
   * @throws MeshError `OBJECT_TOO_LARGE` or `STORE_FULL`; the store is unchanged then.
   */
  put(object: ObjectId, bytes: StoredBytes, provenance?: Provenance): void {
    const entry = this.#plan.put(object, bytes.byteLength, this.#clock.nowMs());
    if (entry) this.#bytes.set(entry, bytes);
    if (entry && provenance) this.#provenance.set(entry, provenance);
    this.#perform();
  }

  /** What was said of an object that is here when it was put. */
  provenanceOf(object: ObjectId): Provenance {
    const entry = this.#plan.get(object);
    return (entry && this.#provenance.get(entry)) ?? {};
  }

  /**
   * For those who would fetch or compute an object for nothing.
   * @throws MeshError `OBJECT_TOO_LARGE` if it could never be kept, `STORE_FULL` if not now.
   */
  assertRoom(object: ObjectId, sizeBytes: number): void {
    try {
      this.#plan.assertRoom({ object, sizeBytes }, this.#clock.nowMs());
    } finally {
      this.#perform();
    }
  }

  /** Whether so much more fits in memory as it is, with nobody in line for it. */
  fits(sizeBytes: number): boolean {
    return this.#plan.fits(sizeBytes);
  }

  /** The mesh counts on this copy from now on. @returns whether it is here. */
  keep(object: ObjectId): boolean {
    return this.#plan.keep(object);
  }

  has(object: ObjectId): boolean {
    return this.#plan.get(object) !== undefined;
  }

  sizeOf(object: ObjectId): number | undefined {
    return this.#plan.get(object)?.sizeBytes;
  }

  /** An object that is in memory; others may be on disk: see {@link load}. */
  get(object: ObjectId): StoredBytes | undefined {
    const entry = this.#plan.get(object);
    if (!entry?.isInMemory) return undefined;
    this.#plan.touch(entry);
    return this.#bytes.get(entry);
  }

  /**
   * A whole object, brought into memory if it is not there; `undefined` if it is not here at all.
   * @throws MeshError `STORE_FULL` if there is no room in memory for it; `OBJECT_LOST` if the disk
   *   does not give it back.
   */
  async load(object: ObjectId): Promise<StoredBytes | undefined> {
    const entry = this.#plan.get(object);
    if (!entry) return undefined;
    const bytes = this.get(object);
    if (bytes) return bytes;
    let loading = this.#loading.get(entry);
    if (!loading) {
      loading = this.#restore(entry).finally(() => this.#loading.delete(entry));
      this.#loading.set(entry, loading);
    }
    return await loading;
  }

  /** Keep an object's bytes in memory; `undefined` if they are not there now. */
  pin(object: ObjectId): PinnedBytes | undefined {
    const entry = this.#plan.get(object);
    if (!entry?.isInMemory) return undefined;
    this.#plan.pin(entry);
    return {
      bytes: this.#bytes.get(entry)!,
      unpin: once(() => {
        this.#plan.unpin(entry);
        this.#perform();
      }),
    };
  }

  /** An object to be read in pieces, wherever it is; `undefined` if it is not here. Close it. */
  open(object: ObjectId): StoredObject | undefined {
    const pinned = this.pin(object);
    if (pinned) {
      const { bytes, unpin } = pinned;
      return {
        sizeBytes: bytes.byteLength,
        read: (offset, length) => bytes.subarray(offset, offset + length),
        close: unpin,
      };
    }
    const entry = this.#plan.get(object);
    const place = entry?.place;
    if (!entry || !place) return undefined;
    this.#plan.readBegins(entry);
    return {
      sizeBytes: entry.sizeBytes,
      read: async (offset, length) => {
        const piece = new Uint8Array(length);
        await this.#options.spill!.read(place, offset, piece);
        // It is sent, and then it is garbage.
        this.#letGo("minor", length);
        return piece;
      },
      close: once(() => {
        this.#plan.readEnds(entry);
        this.#perform();
      }),
    };
  }

  /** @returns whether it was here. */
  delete(object: ObjectId): boolean {
    const wasHere = this.#plan.free(object);
    this.#perform();
    return wasHere;
  }

  /**
   * Resolves when the store is within its limit again after a put that exceeded it.
   * @throws MeshError `STORE_FULL` if it cannot make room.
   */
  async whenStored(object: ObjectId): Promise<void> {
    if (this.fits(0)) return;
    const endReservation = await this.reserve(object, 0, { isKept: true });
    endReservation();
  }

  /** Everything goes, from disk too. Those who wait for room fail with the reason. */
  async close(reason: MeshError): Promise<void> {
    this.#cancelRetry?.();
    for (const waiter of [...this.#waiting.values()].flat()) waiter.reject(reason);
    await this.#options.spill?.close();
  }

  #granted(request: RoomRequest, signal: AbortSignal | undefined): Promise<void> {
    const { object } = request;
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(object) ?? [];
      this.#waiting.set(object, waiters);
      const end = (settle: () => void) => {
        cancelDeadline();
        signal?.removeEventListener("abort", onAbort);
        const at = waiters.indexOf(waiter);
        if (at >= 0) waiters.splice(at, 1);
        if (waiters.length === 0 && this.#waiting.get(object) === waiters) {
          this.#waiting.delete(object);
        }
        settle();
      };
      const onAbort = () => end(() => reject(signal!.reason as Error));
      const cancelDeadline = this.#clock.after(ROOM_MS_MAX, () => {
        const why = `nothing was let go of in ${ROOM_MS_MAX / 1_000} s`;
        end(() => reject(this.#plan.fullError(request, why)));
      });
      const waiter: Waiter = {
        resolve: () => end(resolve),
        reject: (error) => end(() => reject(error)),
      };
      waiters.push(waiter);
      signal?.addEventListener("abort", onAbort);
      this.#perform();
    });
  }

  async #restore(entry: StoreEntry): Promise<StoredBytes | undefined> {
    const { object, sizeBytes, isKept } = entry;
    const { spill } = this.#options;
    const endReservation = await this.reserve(object, sizeBytes, { isKept });
    const { place } = entry;
    try {
      if (entry.isInMemory || !place || entry.isFreed) return this.get(object);
      this.#plan.readBegins(entry);
      try {
        const bytes = this.allocate(sizeBytes);
        await spill!.read(place, 0, bytes);
        if (!entry.isFreed) this.put(object, bytes);
        return bytes;
      } catch (error) {
        if (!entry.isFreed) this.#lost(object);
        throw new MeshError(
          "OBJECT_LOST",
          `object ${object} had been moved to disk and could not be read back: ${messageOf(error)}`,
          { object },
        );
      } finally {
        this.#plan.readEnds(entry);
        this.#perform();
      }
    } finally {
      endReservation();
    }
  }

  #lost(object: ObjectId): void {
    this.delete(object);
    this.onDropped(object);
  }

  #perform(): void {
    for (const effect of this.#plan.takeEffects()) this.#do(effect);
  }

  #do(effect: StoreEffect): void {
    switch (effect.type) {
      case "drop": {
        this.#bytes.delete(effect.entry);
        this.#letGo("major", effect.entry.sizeBytes);
        if (effect.isGone) this.onDropped(effect.entry.object);
        return;
      }
      case "spill":
        void this.#spill(effect.entries);
        return;
      case "erase":
        return this.#options.spill!.erase(effect.place);
      case "grant":
        for (const waiter of this.#waitingFor(effect.object)) waiter.resolve();
        return;
      case "refuse":
        for (const waiter of this.#waitingFor(effect.object)) waiter.reject(effect.error);
        return;
      default:
        effect satisfies never;
    }
  }

  /** A copy: each leaves the list when it is told. */
  #waitingFor(object: ObjectId): Waiter[] {
    return (this.#waiting.get(object) ?? []).slice();
  }

  async #spill(entries: readonly StoreEntry[]): Promise<void> {
    try {
      const parts = entries.map((entry) => this.#bytes.get(entry)!);
      this.#plan.spilled(entries, await this.#options.spill!.write(parts));
    } catch (error) {
      this.#plan.spillFailed(entries, messageOf(error), this.#clock.nowMs());
    }
    this.#perform();
    if (this.#plan.isStuck) this.#tryDiskAgain();
  }

  /** What is over the limit must not stay in memory until somebody happens to ask for room. */
  #tryDiskAgain(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#clock.after(DISK_RETRY_MS, () => {
      this.#cancelRetry = undefined;
      this.#plan.tick(this.#clock.nowMs());
      this.#perform();
    });
  }

  #letGo(kind: "minor" | "major", sizeBytes: number): void {
    const letGoBytes = this.#letGoBytes;
    letGoBytes[kind] += sizeBytes;
    if (letGoBytes[kind] < this.bytesMax * COLLECT_SHARE) return;
    letGoBytes[kind] = 0;
    this.#options.collect?.(kind);
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

function once(run: () => void): () => void {
  let hasRun = false;
  return () => {
    if (hasRun) return;
    hasRun = true;
    run();
  };
}
