import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import type { LocalStore, Provenance } from "../objects/local-store.ts";
import type { MeshPeer } from "../peer/mesh-peer.ts";
import type { ObjectState } from "../protocol/messages.ts";
import { fromWireError, toWireError } from "../protocol/wire-error.ts";
import type { ObjectBytes } from "./executor-api.ts";

/** How often the coordinator is asked again where an object is, if none of its places delivers. */
const LOCATES_MAX = 8;

/** What is fetched first: what somebody waits for, what tasks need, what is to be kept for safety. */
export const PRIORITY = { value: 0, argument: 1, keptCopy: 2 } as const;

export interface GetOptions {
  /** What the coordinator said of the object; without, it is asked. */
  readonly known?: ObjectState | undefined;
  readonly signal?: AbortSignal;
  /** The mesh will count on what comes; else it is a copy that may give way. */
  readonly isKept?: boolean;
  /** What is fetched first when much is wanted. Default: what somebody waits for. */
  readonly priority?: (typeof PRIORITY)[keyof typeof PRIORITY];
  /** None of its places delivered it; the coordinator is asked again. */
  onMissed?(error: MeshError): void;
}

export interface ObjectSupplyOptions {
  readonly peer: Pick<MeshPeer, "session" | "exchange">;
  readonly store: LocalStore;
}

interface Waiter {
  readonly resolve: (state: ObjectState) => void;
  readonly reject: (error: MeshError) => void;
}

/**
 * The objects of a peer: those it made, which it keeps until they are freed, and copies of others
 * that its work needs, which give way to newer ones when the store is full.
 */
export class ObjectSupply {
  readonly #options: ObjectSupplyOptions;
  readonly #located = new Map<ObjectId, Waiter[]>();
  #closed: MeshError | undefined;

  constructor(options: ObjectSupplyOptions) {
    this.#options = options;
    const { store, peer } = options;
    store.onDropped = (object) => peer.session.send({ type: "copy-lost", object });
  }

  /**
   * The bytes of an object, from here or from others, as soon as it exists.
   * @throws MeshError what the object failed with, or why it cannot be had.
   */
  async get(object: ObjectId, options: GetOptions = {}): Promise<ObjectBytes> {
    const { known, signal } = options;
    const { store } = this.#options;
    // Of many arguments, only the first few came along.
    let state = known?.inline || known?.locations || known?.error ? known : undefined;
    for (let locates = 0; ; locates++) {
      const stored = store.get(object) ?? (store.has(object) && (await store.load(object)));
      if (stored) return stored;
      state ??= await this.#locate(object);
      if (state.error) throw fromWireError(state.error);
      if (state.inline) return state.inline;
      try {
        return await this.#fetch(state, options);
      } catch (error) {
        // Its places may have changed since the coordinator named them.
        const isLost = MeshError.is(error) && error.code === "OBJECT_LOST";
        if (!isLost || locates === LOCATES_MAX) throw error;
        options.onMissed?.(error);
        signal?.throwIfAborted();
        state = undefined;
      }
    }
  }

  /**
   * Keep an object that was made here.
   * @throws MeshError `STORE_FULL` or `OBJECT_TOO_LARGE`.
   */
  keep(object: ObjectId, bytes: ObjectBytes, provenance: Provenance): void {
    this.#options.store.put(object, bytes, provenance);
  }

  /** How large it is, if it is here. */
  sizeHere(object: ObjectId): number | undefined {
    return this.#options.store.sizeOf(object);
  }

  /** The exchange has put a copy into the store. */
  copied(object: ObjectId): void {
    this.#options.peer.session.send({ type: "copy-added", object });
  }

  /**
   * Keep a copy of an object until it is freed, as the coordinator asks; it is told how that went.
   * @param state where the object is.
   */
  async keepCopy(state: ObjectState): Promise<void> {
    const { object } = state;
    const { session } = this.#options.peer;
    try {
      if (!this.#options.store.has(object)) {
        await this.get(object, { known: state, isKept: true, priority: PRIORITY.keptCopy });
      }
      if (this.#options.store.keep(object)) return session.send({ type: "copy-kept", object });
      throw new MeshError("OBJECT_LOST", `the copy of ${object} gave way before it was to be kept`);
    } catch (error) {
      session.send({ type: "copy-refused", object, error: toWireError(error) });
    }
  }

  /** Nobody refers to these any more. */
  free(objects: readonly ObjectId[]): void {
    for (const object of objects) this.#options.store.delete(object);
  }

  /** The coordinator's answer to `locate-object`. */
  located(state: ObjectState): void {
    const waiting = this.#located.get(state.object) ?? [];
    this.#located.delete(state.object);
    for (const { resolve } of waiting) resolve(state);
  }

  /** The coordinator is gone: nobody answers any more. */
  close(error: MeshError): void {
    this.#closed = error;
    for (const waiting of this.#located.values()) {
      for (const { reject } of waiting) reject(error);
    }
    this.#located.clear();
  }

  /** No deadline: the coordinator answers when the object exists or can exist no more. */
  #locate(object: ObjectId): Promise<ObjectState> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      const waiting = this.#located.get(object);
      if (waiting) return void waiting.push({ resolve, reject });
      this.#located.set(object, [{ resolve, reject }]);
      return this.#options.peer.session.send({ type: "locate-object", object });
    });
  }

  async #fetch(state: ObjectState, options: GetOptions): Promise<ObjectBytes> {
    const { signal, isKept = false, priority = PRIORITY.value } = options;
    const {
      object,
      sizeBytes = 0,
      locations = [],
      partialLocations = [],
      digest,
      jobKey,
      version,
    } = state;
    const { peer, store } = this.#options;
    const endReservation = await store.reserve(object, sizeBytes, { isKept, signal, priority });
    try {
      return await peer.exchange.fetch(
        object,
        {
          sizeBytes,
          locations,
          partialLocations,
          ...(digest ? { digest } : {}),
          jobKey,
          version,
        },
        {
          allocate: (size) => store.allocate(size),
          priority,
          ...(signal ? { signal } : {}),
        },
      );
    } finally {
      endReservation();
    }
  }
}
