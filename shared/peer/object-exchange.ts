import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ObjectId, PeerId } from "../ids.ts";
import type { LocalStore, StoredBytes } from "../objects/local-store.ts";
import type { ChunkHeader } from "../protocol/link-messages.ts";
import { reasonOf } from "./deadline.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";
import { ObjectServer } from "./object-server.ts";
import { Transfer, type PullEnd } from "./transfer.ts";

/** A source that sends nothing for so long is given up for the next one. */
const STALLED_MS_MAX = 15_000;
/** Objects that may be on their way at once. */
const TRANSFERS_MAX = 65_536;

export interface ObjectExchangeOptions {
  readonly links: Links;
  readonly store: LocalStore;
  readonly clock: Clock;
  /** This peer has a copy now that it had not. */
  onCopy?(object: ObjectId): void;
  /** A peer asked for an object that is not here: what is said of its places is out of date. */
  onMissing?(object: ObjectId): void;
}

/** What is known of an object that is elsewhere. */
export interface Whereabouts {
  readonly sizeBytes: number;
  /** Peers with a whole copy. */
  readonly locations: readonly PeerId[];
}

export interface FetchOptions {
  /** Makes the buffer that the object arrives in. */
  allocate(sizeBytes: number): StoredBytes;
  readonly signal?: AbortSignal;
}

/** Moves objects between peers: serves those of this peer's store, and fetches others into it. */
export class ObjectExchange {
  readonly #options: ObjectExchangeOptions;
  readonly #transfers = new Map<ObjectId, Transfer>();
  /** When each link last brought something new: a source may serve other objects first. */
  readonly #progressMs = new WeakMap<Link, number>();

  constructor(options: ObjectExchangeOptions) {
    this.#options = options;
    const { links, store } = options;
    void new ObjectServer(links, store, (object) => options.onMissing?.(object));
    links.onChunk((link, header, payload) => this.#onChunk(link, header, payload));
    links.onMessage("fetch-failed", (link, { object, error }) => {
      const transfer = this.#pulledFrom(link, object);
      transfer?.endPull?.({ type: "failed", why: `it refused: ${error.message}`, again: false });
    });
    links.onDown((link, { code, detail }) => {
      const end: PullEnd = {
        type: "failed",
        why: `the link by ${link.path} ended (${detail ?? code})`,
        again: code !== "peer-left",
      };
      for (const transfer of this.#transfers.values()) {
        if (transfer.link === link) transfer.endPull?.(end);
      }
    });
  }

  /**
   * The bytes of an object: from the store, else from the peers that have it, one after the other
   * until one has delivered. All who ask for one object share one transfer. The copy is kept.
   * @throws MeshError `OBJECT_LOST` that tells of every source why it failed; `STORE_FULL`,
   *   `OBJECT_TOO_LARGE`, `QUOTA_EXCEEDED`. With `signal` aborted: its reason.
   */
  async fetch(
    object: ObjectId,
    whereabouts: Whereabouts,
    options: FetchOptions,
  ): Promise<StoredBytes> {
    options.signal?.throwIfAborted();
    if (this.#options.store.has(object)) {
      const stored = await this.#options.store.load(object);
      if (stored) return stored;
    }
    const others = whereabouts.locations.filter((peer) => peer !== this.#options.links.self);
    let transfer = this.#transfers.get(object);
    if (transfer) {
      transfer.addSources(others);
    } else {
      transfer = this.#prepare(object, whereabouts.sizeBytes, options);
      transfer.addSources(others);
      void this.#run(transfer);
    }
    return await this.#join(transfer, options.signal);
  }

  #prepare(object: ObjectId, sizeBytes: number, options: FetchOptions): Transfer {
    this.#options.store.assertRoom(object, sizeBytes);
    if (this.#transfers.size >= TRANSFERS_MAX) {
      throw new MeshError(
        "QUOTA_EXCEEDED",
        `${TRANSFERS_MAX} objects are being fetched already; wait for some before ${object}`,
        { object },
      );
    }
    const transfer = new Transfer(object, sizeBytes, (n) => options.allocate(n));
    this.#transfers.set(object, transfer);
    return transfer;
  }

  #join(transfer: Transfer, signal: AbortSignal | undefined): Promise<StoredBytes> {
    transfer.waiters++;
    if (!signal) return transfer.result;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason as Error);
        if (--transfer.waiters > 0) return;
        this.#forget(transfer);
        transfer.abort();
      };
      signal.addEventListener("abort", leave, { once: true });
      transfer.result
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", leave));
    });
  }

  async #run(transfer: Transfer): Promise<void> {
    try {
      if (!(await this.#pullFromAny(transfer))) return;
      this.#options.store.put(transfer.object, transfer.bytes);
      this.#forget(transfer);
      transfer.resolve(transfer.bytes);
      this.#options.onCopy?.(transfer.object);
    } catch (error) {
      this.#forget(transfer);
      transfer.reject(error as Error);
    }
  }

  /** @returns whether the object is here; false if nobody wants it any more. */
  async #pullFromAny(transfer: Transfer): Promise<boolean> {
    const { links } = this.#options;
    while (!transfer.isAborted) {
      const source = transfer.nextSource((peer) => links.openTo(peer) !== undefined);
      if (source === undefined) throw lost(transfer);
      let link: Link;
      try {
        link = await links.to(source);
      } catch (error) {
        transfer.failed(source, reasonOf(error), false);
        continue;
      }
      if (transfer.isAborted) return false;
      const end = await this.#pull(transfer, link);
      if (end.type === "done") return true;
      // It would stop a newer transfer of the same object, whose request has replaced this one's.
      const isAskedAgain = this.#pulledFrom(link, transfer.object) !== undefined;
      if (link.isOpen && !isAskedAgain) link.send({ type: "fetch-stop", object: transfer.object });
      if (end.type === "failed") transfer.failed(source, end.why, end.again);
    }
    return false;
  }

  /** Ask one source for what is missing. */
  async #pull(transfer: Transfer, link: Link): Promise<PullEnd> {
    const { clock } = this.#options;
    let cancelWatch: (() => void) | undefined;
    try {
      return await new Promise<PullEnd>((resolve) => {
        const startMs = clock.nowMs();
        transfer.link = link;
        transfer.endPull = resolve;
        const watch = (afterMs: number) => {
          cancelWatch = clock.after(afterMs, () => {
            const quietMs = clock.nowMs() - Math.max(startMs, this.#progressMs.get(link) ?? 0);
            if (quietMs < STALLED_MS_MAX) return watch(STALLED_MS_MAX - quietMs);
            resolve({ type: "failed", why: `it sent nothing for ${quietMs} ms`, again: true });
          });
        };
        watch(STALLED_MS_MAX);
        const { object, receivedBytes: offset } = transfer;
        if (link.isOpen) link.send({ type: "fetch", object, offset });
        else resolve({ type: "failed", why: `the link by ${link.path} ended`, again: true });
      });
    } finally {
      cancelWatch?.();
      transfer.link = undefined;
      transfer.endPull = undefined;
    }
  }

  #onChunk(link: Link, header: ChunkHeader, payload: Uint8Array<ArrayBuffer>): void {
    const transfer = this.#pulledFrom(link, header.object);
    if (!transfer) return;
    let took: number | string;
    try {
      took = transfer.take(header, payload);
    } catch (error) {
      // No memory for it: no other source could help.
      this.#forget(transfer);
      transfer.reject(error as Error);
      return transfer.abort();
    }
    if (typeof took === "string") {
      transfer.endPull?.({ type: "failed", why: took, again: false });
    } else {
      if (took > 0) this.#progressMs.set(link, this.#options.clock.nowMs());
      if (transfer.receivedBytes === transfer.sizeBytes) transfer.endPull?.({ type: "done" });
    }
  }

  #pulledFrom(link: Link, object: ObjectId): Transfer | undefined {
    const transfer = this.#transfers.get(object);
    return transfer?.link === link ? transfer : undefined;
  }

  #forget(transfer: Transfer): void {
    if (this.#transfers.get(transfer.object) === transfer) {
      this.#transfers.delete(transfer.object);
    }
  }
}

function lost({ object, sizeBytes, story }: Transfer): MeshError {
  const tried =
    story.length > 0 ? `none of its sources delivered it. ${story.join(". ")}` : "no peer has it";
  return new MeshError(
    "OBJECT_LOST",
    `object ${object} of ${sizeBytes} bytes could not be fetched: ${tried}`,
    { object, tries: story.length },
  );
}
