import { LinkedSet } from "../collections/linked-set.ts";
import { invariant } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import { FETCH_PRIORITY_MAX } from "../protocol/limits.ts";
import type { SpillPlace, StoreEffect, StoreEntry, StoreUsage } from "./store-entry.ts";
import { assertNotTooLarge, storeFull } from "./store-errors.ts";

/** Small objects that go to disk go together, in files of about this size. */
const SPILL_BYTES_TARGET = 8 * 2 ** 20;
/** Of the store: a batch that took all of it would leave nothing for running work. */
const SPILL_SHARE_MAX = 1 / 8;
/** A device that was full is tried again after so long. */
export const DISK_RETRY_MS = 5_000;

export interface StorePlanOptions {
  /** Bytes of objects in memory, at most. */
  readonly bytesMax: number;
  /** Bytes of objects on disk, at most; 0: there is no disk. */
  readonly diskBytesMax: number;
}

/** Room that is asked for, and kept free once granted, until the object is put or all gave up. */
export interface RoomRequest {
  readonly object: ObjectId;
  readonly sizeBytes: number;
  /** Whether the mesh will count on what comes. */
  isKept: boolean;
  askers: number;
  /** Lower first. */
  priority: number;
  /** Its place in line: it lets a number of later ones go before it for each step of priority. */
  place: number;
  state: "waiting" | "granted" | "over";
}

interface Wanted {
  readonly object: ObjectId;
  readonly sizeBytes: number;
  /** How urgent it is, 0 first (limits.ts). Default: last. */
  readonly priority?: number;
}

/** Later requests that go before one that is less urgent by one: so nobody waits for ever. */
const OVERTAKEN_MAX = 64;

/**
 * What a store keeps in memory, what it drops, what it moves to disk, and who waits for room. Pure:
 * every call is an event, and what is to be done about it is in {@link takeEffects}.
 *
 * Room is made in this order: bytes that are on disk as well and copies that others keep, least
 * recently used first; then kept objects go to disk, least recently used first. What running work
 * uses stays. Who needs room and cannot have it yet waits in line, the more urgent first; a later one
 * that fits goes ahead only while nothing can be done for those before it.
 */
export class StorePlan {
  readonly #options: StorePlanOptions;
  readonly #entries = new Map<ObjectId, StoreEntry>();
  /** In memory, in nobody's use, and cheap to have again. Least recently used first. */
  readonly #cheap = new LinkedSet<StoreEntry>();
  /** In memory alone, in nobody's use, and counted on. Least recently used first. */
  readonly #dear = new LinkedSet<StoreEntry>();
  readonly #requests = new Map<ObjectId, RoomRequest>();
  /** Who waits for room, by priority; each in the order of asking. */
  readonly #lines = Array.from(
    { length: FETCH_PRIORITY_MAX + 1 },
    () => new LinkedSet<RoomRequest>(),
  );
  #asked = 0;
  #effects: StoreEffect[] = [];
  #memoryBytes = 0;
  #pinnedBytes = 0;
  #expectedBytes = 0;
  #diskBytes = 0;
  #spilledBytes = 0;
  /** On their way to disk. */
  #spillingBytes = 0;
  #diskFull: { readonly why: string; readonly atMs: number } | undefined;

  constructor(options: StorePlanOptions) {
    this.#options = options;
  }

  get bytesMax(): number {
    return this.#options.bytesMax;
  }

  usage(): StoreUsage {
    return {
      memoryBytes: this.#memoryBytes,
      pinnedBytes: this.#pinnedBytes,
      expectedBytes: this.#expectedBytes,
      diskBytes: this.#diskBytes,
      spilledBytes: this.#spilledBytes,
      objects: this.#entries.size,
    };
  }

  get(object: ObjectId): StoreEntry | undefined {
    return this.#entries.get(object);
  }

  /** Everything decided since the last call, in order. */
  takeEffects(): StoreEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /**
   * Keep room for an object that will come. `grant` or `refuse` answers, for all who ask for the
   * same object; each of them puts it or gives up.
   * @throws MeshError `OBJECT_TOO_LARGE`.
   */
  reserve(
    { object, sizeBytes, priority = FETCH_PRIORITY_MAX }: Wanted,
    isKept: boolean,
    nowMs: number,
  ): RoomRequest {
    assertNotTooLarge(object, sizeBytes, this.#options.bytesMax);
    const known = this.#requests.get(object);
    if (known) {
      known.askers += 1;
      known.isKept ||= isKept;
      if (priority < known.priority && this.#lines[known.priority]!.delete(known)) {
        this.#lineUp(Object.assign(known, { priority }));
      }
      if (known.state === "granted") this.#effects.push({ type: "grant", object });
      return known;
    }
    const wanted = { object, sizeBytes, isKept, priority };
    const request: RoomRequest = { ...wanted, askers: 1, place: 0, state: "waiting" };
    this.#requests.set(object, request);
    this.#lineUp(request);
    this.#settleDisk(nowMs);
    this.#serve();
    return request;
  }

  /** One who asked does not need it any more. No harm if it was put meanwhile. */
  giveUp(request: RoomRequest): void {
    if (request.state === "over" || --request.askers > 0) return;
    this.#endRequest(request);
    this.#serve();
  }

  /**
   * An object is here. Bytes that exist cannot wait: without a reservation it may exceed the limit
   * for as long as others need to make room, but not by more than the limit again.
   * It is kept unless its room was asked for a copy only.
   * @returns its entry if it is new in memory; it may have to go again at once.
   * @throws MeshError `OBJECT_TOO_LARGE` or `STORE_FULL`; nothing has changed then.
   */
  put(object: ObjectId, sizeBytes: number, nowMs: number): StoreEntry | undefined {
    const known = this.#entries.get(object);
    const request = this.#requests.get(object);
    const isKept = request?.isKept ?? true;
    if (known?.isInMemory) {
      if (isKept) this.keep(object);
      return undefined;
    }
    if (request?.state !== "granted") this.assertRoom({ object, sizeBytes }, nowMs);
    if (request) this.#endRequest(request);
    const entry = known ?? newEntry(object, sizeBytes);
    entry.isKept ||= isKept;
    entry.isInMemory = true;
    this.#entries.set(object, entry);
    this.#memoryBytes += sizeBytes;
    if (entry.place) this.#spilledBytes -= sizeBytes;
    this.#list(entry);
    this.#serve();
    return entry;
  }

  /** @throws MeshError as {@link put} would. Copies may be dropped for it. */
  assertRoom({ object, sizeBytes }: Wanted, nowMs: number): void {
    const { bytesMax } = this.#options;
    assertNotTooLarge(object, sizeBytes, bytesMax);
    if (this.#requests.get(object)?.state === "granted") return;
    this.#settleDisk(nowMs);
    this.#dropCheap(sizeBytes);
    const overBytes = this.#memoryBytes + this.#expectedBytes + sizeBytes - bytesMax;
    if (overBytes <= 0 || (overBytes <= bytesMax && this.#canSpill(overBytes))) return;
    throw this.#full({ object, sizeBytes });
  }

  /** Whether so much more fits in memory as it is, with nobody in line for it. */
  fits(sizeBytes: number): boolean {
    return this.#isNobodyInLine() && this.#fits(sizeBytes);
  }

  /** The mesh counts on this copy from now on. */
  keep(object: ObjectId): boolean {
    const entry = this.#entries.get(object);
    if (!entry) return false;
    entry.isKept = true;
    this.#list(entry);
    return true;
  }

  /** It is used: others go first when room is needed. */
  touch(entry: StoreEntry): void {
    if (this.#cheap.has(entry)) this.#cheap.moveToEnd(entry);
    else if (this.#dear.has(entry)) this.#dear.moveToEnd(entry);
  }

  /** Its bytes stay in memory until they are unpinned as often. */
  pin(entry: StoreEntry): void {
    invariant(entry.isInMemory, `${entry.object} is pinned and not in memory`);
    if (entry.pins++ > 0) return;
    this.#pinnedBytes += entry.sizeBytes;
    this.#list(entry);
  }

  unpin(entry: StoreEntry): void {
    invariant(entry.pins > 0, `${entry.object} is unpinned once too often`);
    if (--entry.pins > 0) return;
    this.#pinnedBytes -= entry.sizeBytes;
    if (entry.isFreed) this.#drop(entry);
    else this.#list(entry);
    this.#serve();
  }

  /** Its place on disk stays until the read has ended. */
  readBegins(entry: StoreEntry): void {
    entry.reads += 1;
  }

  readEnds(entry: StoreEntry): void {
    entry.reads -= 1;
    if (entry.isFreed) this.#erase(entry);
    this.#serve();
  }

  /** These are on disk now. */
  spilled(entries: readonly StoreEntry[], places: readonly SpillPlace[]): void {
    entries.forEach((entry, i) => {
      this.#spillingBytes -= entry.sizeBytes;
      entry.isSpilling = false;
      entry.place = places[i]!;
      this.#diskBytes += entry.sizeBytes;
      if (entry.isFreed) {
        this.#drop(entry);
        this.#erase(entry);
      } else if (entry.pins === 0) this.#drop(entry);
    });
    this.#serve();
  }

  /** These could not be written, and stay in memory. Who needs their room is told why. */
  spillFailed(entries: readonly StoreEntry[], why: string, nowMs: number): void {
    this.#diskFull = { why, atMs: nowMs };
    for (const entry of entries) {
      this.#spillingBytes -= entry.sizeBytes;
      entry.isSpilling = false;
      if (entry.isFreed) this.#drop(entry);
      else this.#list(entry);
    }
    this.#serve();
  }

  /** Nobody refers to it, or what is on disk cannot be read any more. */
  free(object: ObjectId): boolean {
    const entry = this.#entries.get(object);
    if (!entry) return false;
    this.#entries.delete(object);
    entry.isFreed = true;
    if (entry.place && !entry.isInMemory) this.#spilledBytes -= entry.sizeBytes;
    this.#list(entry);
    this.#drop(entry);
    this.#erase(entry);
    this.#serve();
    return true;
  }

  /** Whether more is in memory than should be, because the disk was full when it was to go there. */
  get isStuck(): boolean {
    return this.#diskFull !== undefined && !this.#fits(0);
  }

  /** Time has passed: a disk that was full may have room again, also if nobody asks for any. */
  tick(nowMs: number): void {
    this.#settleDisk(nowMs);
    this.#serve();
  }

  /** Why a request is given up that waited too long. */
  fullError(request: Wanted, why: string): Error {
    return storeFull(request, this.usage(), { bytesMax: this.bytesMax, why });
  }

  /** Give room to those in line, and have it made for the first who cannot have it. */
  #serve(): void {
    let isBlocked = false;
    for (const request of this.#inLine()) {
      if (!this.#fits(request.sizeBytes) && !isBlocked) this.#makeRoom(request.sizeBytes);
      if (this.#fits(request.sizeBytes)) {
        this.#lines[request.priority]!.delete(request);
        request.state = "granted";
        this.#expectedBytes += request.sizeBytes;
        this.#effects.push({ type: "grant", object: request.object });
      } else if (this.#isHopeless(request.sizeBytes)) {
        this.#endRequest(request);
        this.#effects.push({ type: "refuse", object: request.object, error: this.#full(request) });
      } else isBlocked = true;
    }
    if (this.#isNobodyInLine()) this.#makeRoom(0);
  }

  #lineUp(request: RoomRequest): void {
    request.place = this.#asked++ + request.priority * OVERTAKEN_MAX;
    this.#lines[request.priority]!.add(request);
  }

  #isNobodyInLine(): boolean {
    return this.#lines.every(({ size }) => size === 0);
  }

  /** All who wait, in the order of their places. The one just given may be removed. */
  *#inLine(): Iterable<RoomRequest> {
    if (this.#isNobodyInLine()) return;
    const heads = this.#lines.map((line) => line[Symbol.iterator]());
    const waiting = heads.map((head) => head.next());
    for (;;) {
      let first: number | undefined;
      for (const [i, { done, value }] of waiting.entries()) {
        if (done || (first !== undefined && waiting[first]!.value!.place <= value.place)) continue;
        first = i;
      }
      if (first === undefined) return;
      yield waiting[first]!.value!;
      waiting[first] = heads[first]!.next();
    }
  }

  #fits(sizeBytes: number): boolean {
    return this.#overBytes(sizeBytes) <= 0;
  }

  #overBytes(sizeBytes: number): number {
    return this.#memoryBytes + this.#expectedBytes + sizeBytes - this.#options.bytesMax;
  }

  #makeRoom(sizeBytes: number): void {
    this.#dropCheap(sizeBytes);
    const neededBytes = this.#overBytes(sizeBytes) - this.#spillingBytes;
    if (neededBytes <= 0 || this.#diskFull) return;
    const { bytesMax } = this.#options;
    const target = Math.max(neededBytes, Math.min(SPILL_BYTES_TARGET, bytesMax * SPILL_SHARE_MAX));
    const entries: StoreEntry[] = [];
    let bytes = 0;
    for (const entry of this.#dear) {
      if (bytes >= target || (bytes >= neededBytes && bytes + entry.sizeBytes > target)) break;
      if (!this.#canSpill(bytes + entry.sizeBytes)) break;
      bytes += entry.sizeBytes;
      entries.push(entry);
    }
    if (entries.length === 0) return;
    this.#spillingBytes += bytes;
    for (const entry of entries) {
      entry.isSpilling = true;
      this.#list(entry);
    }
    this.#effects.push({ type: "spill", entries });
  }

  #dropCheap(sizeBytes: number): void {
    while (!this.#fits(sizeBytes)) {
      const entry = this.#cheap.first;
      if (!entry) return;
      const isGone = entry.place === undefined;
      if (isGone) {
        this.#entries.delete(entry.object);
        entry.isFreed = true;
      }
      this.#drop(entry, isGone);
    }
  }

  /** Nothing that is under way, or ends some time, can make this fit. */
  #isHopeless(sizeBytes: number): boolean {
    if (this.#spillingBytes > 0 || this.#expectedBytes > 0) return false;
    const stuckBytes = this.#memoryBytes - this.#pinnedBytes;
    if (this.#pinnedBytes === 0) return true;
    // What is in use now can make room later: by itself if it is cheap, else by going to disk.
    if (this.#canSpill(this.#overBytes(sizeBytes))) return false;
    return stuckBytes + sizeBytes > this.#options.bytesMax;
  }

  #canSpill(sizeBytes: number): boolean {
    const { diskBytesMax } = this.#options;
    return !this.#diskFull && this.#diskBytes + this.#spillingBytes + sizeBytes <= diskBytesMax;
  }

  /** A full disk may have room again, after a while. */
  #settleDisk(nowMs: number): void {
    if (this.#diskFull && nowMs - this.#diskFull.atMs >= DISK_RETRY_MS) this.#diskFull = undefined;
  }

  #full(wanted: Wanted): Error {
    const { bytesMax, diskBytesMax } = this.#options;
    const isLimited = diskBytesMax > 0 && !this.#diskFull;
    const limited = isLimited ? `${this.#diskBytes} of ${diskBytesMax} bytes on disk` : undefined;
    const why = this.#diskFull?.why ?? limited;
    // One that is here already waits for others to make room.
    const sizeBytes = Math.max(wanted.sizeBytes, this.#entries.get(wanted.object)?.sizeBytes ?? 0);
    return storeFull({ ...wanted, sizeBytes }, this.usage(), { bytesMax, why });
  }

  #endRequest(request: RoomRequest): void {
    this.#requests.delete(request.object);
    this.#lines[request.priority]!.delete(request);
    if (request.state === "granted") this.#expectedBytes -= request.sizeBytes;
    request.state = "over";
  }

  /** Let go of the bytes in memory, unless somebody uses them. */
  #drop(entry: StoreEntry, isGone = false): void {
    if (!entry.isInMemory || entry.pins > 0 || entry.isSpilling) return;
    entry.isInMemory = false;
    this.#memoryBytes -= entry.sizeBytes;
    if (entry.place && !entry.isFreed) this.#spilledBytes += entry.sizeBytes;
    this.#list(entry);
    this.#effects.push({ type: "drop", entry, isGone });
  }

  #erase(entry: StoreEntry): void {
    const { place } = entry;
    if (!place || entry.reads > 0) return;
    entry.place = undefined;
    this.#diskBytes -= entry.sizeBytes;
    this.#diskFull = undefined;
    this.#effects.push({ type: "erase", place });
  }

  /** File the entry under what may be done with its bytes in memory, as used just now. */
  #list(entry: StoreEntry): void {
    this.#cheap.delete(entry);
    this.#dear.delete(entry);
    if (!entry.isInMemory || entry.isFreed || entry.pins > 0 || entry.isSpilling) return;
    (entry.isKept && !entry.place ? this.#dear : this.#cheap).add(entry);
  }
}

const newEntry = (object: ObjectId, sizeBytes: number): StoreEntry => ({
  object,
  sizeBytes,
  isKept: false,
  isInMemory: false,
  place: undefined,
  isSpilling: false,
  pins: 0,
  reads: 0,
  isFreed: false,
});
