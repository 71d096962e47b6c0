import { LinkedSet } from "../collections/linked-set.ts";
import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import type { LocalStore } from "../objects/local-store.ts";
import type { MeshPeer } from "../peer/mesh-peer.ts";
import type { ObjectState } from "../protocol/messages.ts";
import { fromWireError, toWireError } from "../protocol/wire-error.ts";
import type { ObjectBytes } from "./executor-api.ts";

/** How often the coordinator is asked again where an object is, if none of its places delivers. */
const LOCATES_MAX = 8;

export interface GetOptions {
  /** What the coordinator said of the object; without, it is asked. */
  readonly known?: ObjectState | undefined;
  readonly signal?: AbortSignal;
  /** None of its places delivered it; the coordinator is asked again. */
  onMissed?(error: MeshError): void;
}

export interface ObjectSupplyOptions {
  readonly peer: Pick<MeshPeer, "session" | "exchange">;
  readonly store: LocalStore;
  /** Makes the buffers that fetched objects arrive in. */
  allocate(sizeBytes: number): ObjectBytes;
}

interface Waiter {
  readonly resolve: (state: ObjectState) => void;
  readonly reject: (error: MeshError) => void;
}

/**
 * The objects of a worker: those it made, which it keeps until they are freed, and copies of others
 * that its work needs, which give way to newer ones when the store is full.
 */
export class ObjectSupply {
  readonly #options: ObjectSupplyOptions;
  /** Copies that the mesh can do without, least recently used first. */
  readonly #copies = new LinkedSet<ObjectId>();
  readonly #located = new Map<ObjectId, Waiter[]>();
  /** Bytes of fetches under way. */
  #expectedBytes = 0;
  /** Settles when the fetch that came last has room; the next waits behind it. */
  #line: Promise<unknown> = Promise.resolve();
  #onFetchEnded = (): void => {};
  #closed: MeshError | undefined;

  constructor(options: ObjectSupplyOptions) {
    this.#options = options;
  }

  /** What is here already, if it is. */
  here(object: ObjectId): ObjectBytes | undefined {
    if (this.#copies.has(object)) this.#copies.moveToEnd(object);
    return this.#options.store.get(object);
  }

  /**
   * The bytes of an object, from here or from others, as soon as it exists.
   * @throws MeshError what the object failed with, or why it cannot be had.
   */
  async get(object: ObjectId, options: GetOptions = {}): Promise<ObjectBytes> {
    const { known, signal } = options;
    // Of many arguments, only the first few came along.
    let state = known?.inline || known?.locations || known?.error ? known : undefined;
    for (let locates = 0; ; locates++) {
      const stored = this.here(object);
      if (stored) return stored;
      state ??= await this.#locate(object);
      if (state.error) throw fromWireError(state.error);
      if (state.inline) return state.inline;
      try {
        return await this.#fetch(state, signal);
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
  keep(object: ObjectId, bytes: ObjectBytes): void {
    this.#makeRoom(bytes.byteLength);
    this.#options.store.put(object, bytes);
  }

  /** The exchange has put a copy into the store. */
  copied(object: ObjectId): void {
    this.#copies.add(object);
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
      if (!this.#options.store.has(object)) await this.get(object, { known: state });
      this.#copies.delete(object);
      if (this.#options.store.has(object)) return session.send({ type: "copy-kept", object });
      throw new MeshError("OBJECT_LOST", `the copy of ${object} gave way before it was to be kept`);
    } catch (error) {
      session.send({ type: "copy-refused", object, error: toWireError(error) });
    }
  }

  /** Nobody refers to these any more. */
  free(objects: readonly ObjectId[]): void {
    for (const object of objects) {
      this.#copies.delete(object);
      this.#options.store.delete(object);
    }
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

  async #fetch(state: ObjectState, signal: AbortSignal | undefined): Promise<ObjectBytes> {
    const { object, sizeBytes = 0, locations = [] } = state;
    const admitted = this.#line.then(() => this.#admit(object, sizeBytes, signal));
    this.#line = admitted.catch(() => {});
    await admitted;
    try {
      const { peer } = this.#options;
      return await peer.exchange.fetch(
        object,
        { sizeBytes, locations },
        {
          allocate: (size) => this.#options.allocate(size),
          ...(signal ? { signal } : {}),
        },
      );
    } finally {
      this.#expectedBytes -= sizeBytes;
      this.#onFetchEnded();
    }
  }

  /**
   * Two fetches that fit one after the other, but not both at once, are made one after the other:
   * what the first brings can give way to the second.
   */
  async #admit(object: ObjectId, sizeBytes: number, signal?: AbortSignal): Promise<void> {
    const { store } = this.#options;
    while (!store.has(object) && sizeBytes <= store.bytesMax) {
      signal?.throwIfAborted();
      this.#makeRoom(sizeBytes);
      const fits = store.usedBytes + this.#expectedBytes + sizeBytes <= store.bytesMax;
      if (fits || this.#expectedBytes === 0) break;
      await new Promise<void>((resolve) => (this.#onFetchEnded = resolve));
    }
    this.#expectedBytes += sizeBytes;
  }

  /** Drop copies that others have too, until so many bytes fit. */
  #makeRoom(sizeBytes: number): void {
    const { store, peer } = this.#options;
    while (store.usedBytes + this.#expectedBytes + sizeBytes > store.bytesMax) {
      const object = this.#copies.first;
      if (object === undefined) return;
      this.#copies.delete(object);
      if (store.delete(object)) peer.session.send({ type: "copy-lost", object });
    }
  }
}
