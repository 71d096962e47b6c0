import { MeshError } from "../../shared/errors.ts";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import { decodeValue, type RefCodec } from "../../shared/objects/codec.ts";
import type { StoredBytes } from "../../shared/objects/local-store.ts";
import type { ObjectState } from "../../shared/protocol/messages.ts";
import { REFS_PER_MESSAGE_MAX } from "../../shared/protocol/limits.ts";
import { fromWireError } from "../../shared/protocol/wire-error.ts";
import type { Clock } from "../../shared/clock.ts";
import { ObjectRef, type GetOptions } from "./object-ref.ts";

/** What the table needs from the rest of the driver. */
export interface ObjectTablePorts {
  readonly clock: Clock;
  readonly refs: RefCodec;
  /** Ask the coordinator where the object is; the answer comes to {@link ObjectTable.settle}. */
  locate(object: ObjectId): void;
  hold(object: ObjectId): void;
  release(objects: ObjectId[]): void;
  /** The bytes of an object that is not inline. */
  fetch(object: ObjectId, sizeBytes: number, locations: readonly PeerId[]): Promise<StoredBytes>;
  /** One sentence on why the object is not there yet. */
  explain(object: ObjectId): Promise<string>;
}

/** What this driver knows of an object it has refs to. */
export interface ObjectEntry {
  readonly id: ObjectId;
  /** Live handles, and reads under way. */
  holds: number;
  /** Unset until it is made. */
  state: ObjectState | undefined;
  /** Who made it. */
  worker: PeerId | undefined;
  /** The coordinator knows of it. Results of actor calls stay between caller and worker if small. */
  isShared: boolean;
  /** An answer of the coordinator is on its way. */
  isAwaited: boolean;
  waiters: (() => void)[] | undefined;
}

/** Fetches that find every copy gone ask again where copies are, this often. */
const LOCATE_TRIES_MAX = 3;

/** The objects a driver has refs to. Counts its handles; the directory counts peers. */
export class ObjectTable {
  readonly #ports: ObjectTablePorts;
  readonly #entries = new Map<ObjectId, ObjectEntry>();
  readonly #collected = new FinalizationRegistry<ObjectId>((id) => this.#letGo(id));
  #released: ObjectId[] = [];
  #end: MeshError | undefined;

  constructor(ports: ObjectTablePorts) {
    this.#ports = ports;
  }

  /** How many objects this driver holds. */
  get size(): number {
    return this.#entries.size;
  }

  entryOf(id: ObjectId): ObjectEntry | undefined {
    return this.#entries.get(id);
  }

  /** A new object of this driver's: a task's result, an actor call's result, or a put value. */
  create(id: ObjectId, how: { readonly isShared: boolean }): ObjectEntry {
    const { isShared } = how;
    const entry: ObjectEntry = {
      id,
      holds: 0,
      state: undefined,
      worker: undefined,
      isShared,
      isAwaited: true,
      waiters: undefined,
    };
    this.#entries.set(id, entry);
    return entry;
  }

  /** Another handle to an object. One that came from elsewhere is held in the directory from now on. */
  handle<T>(id: ObjectId): ObjectRef<T> {
    let entry = this.#entries.get(id);
    if (!entry) {
      entry = this.create(id, { isShared: true });
      entry.isAwaited = false;
      this.#ports.hold(id);
    }
    entry.holds += 1;
    const ref = new ObjectRef<T>(this, id);
    this.#collected.register(ref, id, ref);
    return ref;
  }

  /** The object was made, or never will be. */
  settle(state: ObjectState, worker?: PeerId): void {
    const entry = this.#entries.get(state.object);
    if (!entry) return; // All refs are gone.
    entry.state = state;
    entry.isAwaited = false;
    entry.worker = worker ?? entry.worker;
    const { waiters } = entry;
    entry.waiters = undefined;
    for (const wake of waiters ?? []) wake();
  }

  released(ref: ObjectRef): void {
    this.#collected.unregister(ref);
    this.#letGo(ref.id);
  }

  /** The session is over: what is not there now will not come. */
  end(error: MeshError): void {
    this.#end = error;
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
    const entries = refs.map((ref) => this.#open(ref));
    for (const entry of entries) entry.holds += 1;
    try {
      const { pending } = await this.whenSettled(entries, entries.length, options.timeoutMs);
      if (pending > 0) throw await this.#timedOut(entries, options.timeoutMs!);
      const values: unknown[] = Array.from({ length: entries.length });
      const fetches: Promise<void>[] = [];
      for (let i = 0; i < entries.length; i++) {
        const inline = entries[i]!.state?.inline;
        if (inline) values[i] = decodeValue(inline, this.#ports.refs);
        else fetches.push(this.#read(entries[i]!).then((value) => void (values[i] = value)));
      }
      if (fetches.length > 0) await Promise.all(fetches);
      return values;
    } finally {
      for (const entry of entries) this.#letGo(entry.id);
    }
  }

  /** Which of the refs are settled, once `count` of them are or the time is up. */
  async ready(refs: readonly ObjectRef[], count: number, timeoutMs?: number): Promise<boolean[]> {
    const entries = refs.map((ref) => this.#open(ref));
    await this.whenSettled(entries, count, timeoutMs);
    return entries.map((entry) => entry.state !== undefined);
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
        resolve({ pending: Math.max(0, missing) });
      };
      for (const entry of unsettled) {
        (entry.waiters ??= []).push(wake);
        this.#ask(entry);
      }
      if (timeoutMs === undefined) return;
      cancelDeadline = this.#ports.clock.after(timeoutMs, () => {
        for (const { waiters } of unsettled) {
          const at = waiters?.indexOf(wake) ?? -1;
          if (at >= 0) waiters!.splice(at, 1);
        }
        resolve({ pending: missing });
      });
    });
  }

  async #read(entry: ObjectEntry): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const { state } = entry;
      if (!state) throw this.#end ?? new MeshError("OBJECT_LOST", `object ${entry.id} is unknown`);
      if (state.error) throw fromWireError(state.error);
      if (state.inline) return decodeValue(state.inline, this.#ports.refs);
      try {
        const { sizeBytes = 0, locations = [] } = state;
        const bytes = await this.#ports.fetch(entry.id, sizeBytes, locations);
        return decodeValue(bytes, this.#ports.refs);
      } catch (error) {
        const isLost = MeshError.is(error) && error.code === "OBJECT_LOST";
        if (!isLost || tries === LOCATE_TRIES_MAX) throw error;
        // Copies move: ask again who has one.
        entry.state = undefined;
        await this.whenSettled([entry], 1, undefined);
      }
    }
  }

  #ask(entry: ObjectEntry): void {
    if (entry.isAwaited) return;
    entry.isAwaited = true;
    this.#ports.locate(entry.id);
  }

  #open(ref: ObjectRef): ObjectEntry {
    const entry = this.#entries.get(ref.id);
    if (entry && !ref.isDisposed && ref.table === this) return entry;
    const why = ref.table === this ? "was disposed" : "belongs to another connection";
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

  #letGo(id: ObjectId): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.holds -= 1;
    if (entry.holds > 0) return;
    this.#entries.delete(id);
    if (!entry.isShared || this.#end) return;
    if (this.#released.length === 0) queueMicrotask(() => this.#sendReleased());
    this.#released.push(id);
  }

  #sendReleased(): void {
    const released = this.#released;
    this.#released = [];
    for (let at = 0; at < released.length; at += REFS_PER_MESSAGE_MAX) {
      this.#ports.release(released.slice(at, at + REFS_PER_MESSAGE_MAX));
    }
  }
}
