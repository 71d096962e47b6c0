import { MeshError } from "../errors.ts";
import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import { decodeValue, type RefCodec } from "../objects/codec.ts";
import type { StoredBytes } from "../objects/local-store.ts";
import type { ObjectState } from "../protocol/messages.ts";
import { REFS_PER_MESSAGE_MAX } from "../protocol/limits.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { Clock } from "../clock.ts";
import { Backlog, PENDING_MAX } from "./backlog.ts";
import { ObjectRef, type GetOptions } from "./object-ref.ts";

/** What the table needs from the rest of the driver. */
export interface ObjectTablePorts {
  readonly clock: Clock;
  readonly refs: RefCodec;
  /** Ask the coordinator where the object is; the answer comes to {@link ObjectTable.settle}. */
  locate(object: ObjectId): void;
  hold(objects: ObjectId[]): void;
  release(objects: ObjectId[]): void;
  /** The end of a task is told also when nobody here has a ref to its result any more. */
  readonly hearsOfReleased: boolean;
  /** Code begins to wait until objects are made, or none of it waits any more. */
  onWaiting: ((isWaiting: boolean, isOwn: boolean) => void) | undefined;
  /** The bytes of an object that is not inline, from wherever it is. */
  fetch(state: ObjectState, signal: AbortSignal): Promise<StoredBytes>;
  /** One sentence on why the object is not there yet. */
  explain(object: ObjectId): Promise<string>;
}

/** What this driver knows of an object it has refs to. */
export interface ObjectEntry {
  readonly id: ObjectId;
  /** What made it: only tasks can be cancelled. */
  readonly origin: ObjectOrigin;
  /** Live handles, and what is under way with it. */
  holds: number;
  /** Live handles alone. */
  handles: number;
  /** Unset until it is made. */
  state: ObjectState | undefined;
  /** Who made it. */
  worker: PeerId | undefined;
  /** The coordinator knows that it is held here. */
  isHeld: boolean;
  /** The coordinator knows of it. Results of actor calls stay between caller and worker if small. */
  isShared: boolean;
  /** An answer of the coordinator is on its way. */
  isAwaited: boolean;
  waiters: (() => void)[] | undefined;
  /** Of a task that was not answered: where it counts. */
  backlog: Backlog | undefined;
  /** Refs inside the value, held as long as it is. The directory does that for what it knows. */
  inner: readonly ObjectRef[] | undefined;
}

export type ObjectOrigin =
  | { readonly kind: "task" | "put" | "elsewhere" }
  /** `text` says which call, for people. */
  | { readonly kind: "call"; readonly text: string; readonly actor: ActorId };

const TIMEOUT_MS_MAX = 31_536_000_000;

/** The objects a driver has refs to. Counts its handles; the directory counts peers. */
export class ObjectTable {
  readonly #ports: ObjectTablePorts;
  readonly #entries = new Map<ObjectId, ObjectEntry>();
  #collected = this.#registry(0);
  #epoch = 0;
  /** Objects from elsewhere that the coordinator is yet to be told of. */
  #fresh: ObjectEntry[] = [];
  #released: ObjectId[] = [];
  /** How much code waits for objects to be made; one set for each task of an executor. */
  #waiting = new Set<object>();
  #end: MeshError | undefined;
  /** Of all tasks that were submitted and not answered. */
  readonly backlog = new Backlog(PENDING_MAX);
  /** Those of them whose refs are gone. */
  readonly #unheld = new Map<ObjectId, Backlog>();

  constructor(ports: ObjectTablePorts) {
    this.#ports = ports;
  }

  /** How many objects this driver holds. */
  get size(): number {
    return this.#entries.size;
  }

  /** Why nothing more will come, if so. */
  get endedWith(): MeshError | undefined {
    return this.#end;
  }

  entryOf(id: ObjectId): ObjectEntry | undefined {
    return this.#entries.get(id);
  }

  /** A new object of this driver's: a task's result, an actor call's result, or a put value. */
  create(id: ObjectId, origin: ObjectOrigin): ObjectEntry {
    const entry: ObjectEntry = {
      id,
      origin,
      holds: 0,
      handles: 0,
      state: undefined,
      worker: undefined,
      isHeld: true,
      isShared: origin.kind !== "call",
      isAwaited: true,
      waiters: undefined,
      backlog: undefined,
      inner: undefined,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Another handle to an object. One that came from elsewhere is held in the directory from now on. */
  handle<T>(id: ObjectId): ObjectRef<T> {
    let entry = this.#entries.get(id);
    if (!entry) {
      entry = this.create(id, { kind: "elsewhere" });
      entry.isAwaited = false;
      entry.isHeld = false;
      if (this.#fresh.length === 0) queueMicrotask(() => this.flushHolds());
      this.#fresh.push(entry);
    }
    entry.holds += 1;
    entry.handles += 1;
    const ref = new ObjectRef<T>(this, id, this.#epoch);
    this.#collected.register(ref, id, ref);
    return ref;
  }

  /** Tell of the refs that came in, except those that are gone already. */
  flushHolds(): void {
    if (this.#fresh.length === 0) return;
    const held: ObjectId[] = [];
    for (const entry of this.#fresh) {
      if (entry.holds === 0) continue;
      entry.isHeld = true;
      held.push(entry.id);
    }
    this.#fresh = [];
    for (let at = 0; at < held.length; at += REFS_PER_MESSAGE_MAX) {
      this.#ports.hold(held.slice(at, at + REFS_PER_MESSAGE_MAX));
    }
  }

  /** The object was made, or never will be. */
  settle(state: ObjectState, worker?: PeerId): void {
    const entry = this.#entries.get(state.object);
    if (!entry) return this.#answeredUnheld(state.object);
    entry.backlog?.answered();
    entry.backlog = undefined;
    entry.state = state;
    entry.isAwaited = false;
    entry.worker = worker ?? entry.worker;
    const { waiters } = entry;
    entry.waiters = undefined;
    for (const wake of waiters ?? []) wake();
  }

  /** All refs are gone. */
  #answeredUnheld(object: ObjectId): void {
    if (this.#unheld.size === 0) return;
    this.#unheld.get(object)?.answered();
    this.#unheld.delete(object);
  }

  released(ref: ObjectRef): void {
    this.#collected.unregister(ref);
    this.#dropHandle(ref.id, ref.epoch);
  }

  /** Whether the ref can still be used here. */
  isLive(ref: ObjectRef): boolean {
    return ref.epoch === this.#epoch && !ref.isDisposed && this.#entries.has(ref.id);
  }

  /**
   * The task that this executor ran has ended. Its refs end with it: nobody can wait until the
   * garbage collector finds them.
   */
  endTask(): void {
    this.#epoch += 1;
    this.#waiting = new Set();
    if (this.#entries.size === 0) return;
    this.#collected = this.#registry(this.#epoch);
    for (const entry of this.#entries.values()) {
      const { handles } = entry;
      entry.handles = 0;
      if (handles > 0) this.#letGo(entry.id, handles);
    }
  }

  /** The session is over: what is not there now will not come. */
  end(error: MeshError): void {
    this.#end = error;
    this.backlog.wake();
    for (const entry of this.#entries.values()) {
      const { waiters } = entry;
      entry.waiters = undefined;
      for (const wake of waiters ?? []) wake();
    }
  }

  async get(ref: ObjectRef, options: GetOptions): Promise<unknown> {
    const [value] = await this.getAll([ref], options);
    return value;
  }

  /** The values of all refs, in order. Fails with the first failure in that order. */
  async getAll(refs: readonly ObjectRef[], options: GetOptions): Promise<unknown[]> {
    const { timeoutMs } = options;
    const startedMs = this.#ports.clock.nowMs();
    const entries = this.#openAll(refs, timeoutMs);
    try {
      const { pending } = await this.#awaitSettled(entries, entries.length, timeoutMs);
      if (pending > 0) throw await this.#timedOut(entries, timeoutMs!);
      const values: unknown[] = Array.from({ length: entries.length });
      const elsewhere: number[] = [];
      for (let i = 0; i < entries.length; i++) {
        const inline = entries[i]!.state?.inline;
        if (inline) values[i] = decodeValue(inline, this.#ports.refs);
        else elsewhere.push(i);
      }
      if (elsewhere.length === 0) return values;
      const leftMs = timeoutMs && timeoutMs - (this.#ports.clock.nowMs() - startedMs);
      await this.#within(leftMs, entries.length, async (signal) => {
        await Promise.all(
          elsewhere.map(async (i) => (values[i] = await this.#read(entries[i]!, signal))),
        );
      });
      return values;
    } finally {
      for (const entry of entries) this.#letGo(entry.id);
    }
  }

  /**
   * Which of the refs are settled, once `count` of them are or the time is up.
   * @throws MeshError why the connection ended, if it did before that.
   */
  async ready(refs: readonly ObjectRef[], count: number, timeoutMs?: number): Promise<boolean[]> {
    const now = this.#readyNow(refs, count);
    if (now) return now;
    const entries = this.#openAll(refs, timeoutMs);
    try {
      const { pending } = await this.#awaitSettled(entries, count, timeoutMs);
      if (pending > 0 && this.#end) throw this.#end;
      return entries.map((entry) => entry.state !== undefined);
    } finally {
      for (const entry of entries) this.#letGo(entry.id);
    }
  }

  /** Loops that take one of many at a time look at all of them each time: the rest is not touched. */
  #readyNow(refs: readonly ObjectRef[], count: number): boolean[] | undefined {
    const settled: boolean[] = Array.from({ length: refs.length }, () => false);
    let missing = count;
    for (let i = 0; i < refs.length && missing > 0; i++) {
      if (this.#open(refs[i]!).state === undefined) continue;
      settled[i] = true;
      missing -= 1;
    }
    return missing > 0 ? undefined : settled;
  }

  /** Keep an object although no handle is left, until the returned function is called. */
  pin(entry: ObjectEntry): () => void {
    entry.holds += 1;
    return () => this.#letGo(entry.id);
  }

  /** Resolves when `count` entries are settled, or after `timeoutMs`, with how many are not. */
  whenSettled(
    entries: readonly ObjectEntry[],
    count: number,
    timeoutMs: number | undefined,
  ): Promise<{ pending: number }> {
    const unsettled = entries.filter((entry) => entry.state === undefined);
    let missing = count - (entries.length - unsettled.length);
    if (missing <= 0 || this.#end) return Promise.resolve({ pending: Math.max(0, missing) });
    return new Promise((resolve) => {
      let cancelDeadline: (() => void) | undefined;
      const wake = () => {
        missing -= 1;
        if (missing > 0 && !this.#end) return;
        cancelDeadline?.();
        if (count < entries.length || this.#end) stopWaiting(unsettled, wake);
        resolve({ pending: Math.max(0, missing) });
      };
      for (const entry of unsettled) {
        (entry.waiters ??= []).push(wake);
        this.#ask(entry);
      }
      if (timeoutMs === undefined) return;
      cancelDeadline = this.#ports.clock.after(timeoutMs, () => {
        stopWaiting(unsettled, wake);
        resolve({ pending: missing });
      });
    });
  }

  /** {@link whenSettled}, for code that does nothing else meanwhile. */
  async #awaitSettled(
    entries: readonly ObjectEntry[],
    count: number,
    timeoutMs: number | undefined,
  ): Promise<{ pending: number }> {
    const settled = this.whenSettled(entries, count, timeoutMs);
    const { onWaiting } = this.#ports;
    if (!onWaiting || entries.filter(({ state }) => state).length >= count) return settled;
    const isOwn = entries.some(({ state, origin }) => !state && origin.kind === "task");
    return this.whileWaiting(isOwn, settled);
  }

  /**
   * For code that does nothing else meanwhile.
   * @param isOwn it waits for what it has submitted itself.
   */
  async whileWaiting<T>(isOwn: boolean, settled: Promise<T>): Promise<T> {
    const { onWaiting } = this.#ports;
    if (!onWaiting) return settled;
    const waiting = this.#waiting;
    const wait = {};
    // Said again if it is worse than what was said before.
    if (waiting.add(wait).size === 1 || isOwn) onWaiting(true, isOwn);
    try {
      return await settled;
    } finally {
      // What a task left waiting when it ended concerns nobody.
      if (waiting.delete(wait) && waiting.size === 0 && waiting === this.#waiting) {
        onWaiting(false, false);
      }
    }
  }

  async #read(entry: ObjectEntry, signal: AbortSignal): Promise<unknown> {
    const { state } = entry;
    if (!state) throw this.#end ?? new MeshError("OBJECT_LOST", `object ${entry.id} is unknown`);
    if (state.error) throw fromWireError(state.error);
    return decodeValue(await this.#ports.fetch(state, signal), this.#ports.refs);
  }

  /** Run `fetch` with a signal that ends it when the time is up. */
  async #within(
    leftMs: number | undefined,
    objects: number,
    fetch: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const abort = new AbortController();
    if (leftMs === undefined) return fetch(abort.signal);
    let cancelDeadline = () => {};
    const timedOut = new Promise<never>((_resolve, reject) => {
      cancelDeadline = this.#ports.clock.after(Math.max(0, leftMs), () => {
        const message = `${objects} object(s) exist, and fetching them took longer than the time that was left (${Math.round(leftMs)} ms)`;
        const error = new MeshError("TIMEOUT", message);
        abort.abort(error);
        reject(error);
      });
    });
    try {
      await Promise.race([fetch(abort.signal), timedOut]);
    } finally {
      cancelDeadline();
    }
  }

  #ask(entry: ObjectEntry): void {
    if (entry.isAwaited) return;
    entry.isAwaited = true;
    this.#ports.locate(entry.id);
  }

  /** The entries of refs, held until each is let go of. */
  #openAll(refs: readonly ObjectRef[], timeoutMs: number | undefined): ObjectEntry[] {
    if (timeoutMs !== undefined && !(timeoutMs >= 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
      const range = `a number of milliseconds from 0 to ${TIMEOUT_MS_MAX}`;
      throw new MeshError("INVALID_ARGUMENT", `timeoutMs must be ${range}, not ${timeoutMs}`);
    }
    const entries = refs.map((ref) => this.#open(ref));
    for (const entry of entries) entry.holds += 1;
    return entries;
  }

  #open(ref: ObjectRef): ObjectEntry {
    const entry = this.#entries.get(ref.id);
    if (entry && ref.table === this && this.isLive(ref)) return entry;
    const why =
      ref.table === this ? "was disposed, or its task has ended" : "belongs to another connection";
    throw new MeshError("OBJECT_FREED", `${ref} ${why}; keep a ref as long as you need the value`);
  }

  async #timedOut(entries: readonly ObjectEntry[], timeoutMs: number): Promise<MeshError> {
    if (this.#end) return this.#end;
    const pending = entries.filter((entry) => entry.state === undefined);
    const first = pending[0]!.id;
    const why = await this.#ports.explain(first).catch(() => `object ${first} is not made yet`);
    return new MeshError(
      "TIMEOUT",
      `${pending.length} of ${entries.length} object(s) were not there after ${timeoutMs} ms; ${why}`,
      { timeoutMs, object: first },
    );
  }

  #registry(epoch: number): FinalizationRegistry<ObjectId> {
    return new FinalizationRegistry((id) => this.#dropHandle(id, epoch));
  }

  #dropHandle(id: ObjectId, epoch: number): void {
    const entry = this.#entries.get(id);
    if (!entry || epoch !== this.#epoch) return;
    entry.handles -= 1;
    this.#letGo(id);
  }

  #letGo(id: ObjectId, holds = 1): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.holds -= holds;
    if (entry.holds > 0) return;
    this.#entries.delete(id);
    if (entry.backlog) this.#countUnheld(entry.id, entry.backlog);
    for (const ref of entry.inner ?? []) ref.dispose();
    if (!entry.isShared || !entry.isHeld || this.#end) return;
    if (this.#released.length === 0) queueMicrotask(() => this.#sendReleased());
    this.#released.push(id);
  }

  #countUnheld(id: ObjectId, backlog: Backlog): void {
    if (this.#ports.hearsOfReleased) this.#unheld.set(id, backlog);
    else backlog.answered();
  }

  #sendReleased(): void {
    const released = this.#released;
    this.#released = [];
    for (let at = 0; at < released.length; at += REFS_PER_MESSAGE_MAX) {
      this.#ports.release(released.slice(at, at + REFS_PER_MESSAGE_MAX));
    }
  }
}

/** Of those that are not settled yet; a loop over the same refs would leave one for each turn. */
function stopWaiting(entries: readonly ObjectEntry[], wake: () => void): void {
  for (const { waiters } of entries) {
    const at = waiters?.lastIndexOf(wake) ?? -1;
    if (at >= 0) waiters!.splice(at, 1);
  }
}
