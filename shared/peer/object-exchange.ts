import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { isTrusted, type ObjectId, type PeerId } from "../ids.ts";
import type { LocalStore, Provenance, StoredBytes } from "../objects/local-store.ts";
import { isPiece } from "../objects/piece-digests.ts";
import { FETCH_PRIORITY_MAX, PIECE_BYTES, PIECE_DIGEST_BYTES } from "../protocol/limits.ts";
import type { ChunkHeader, LinkMessage } from "../protocol/link-messages.ts";
import type { SourceFault } from "../protocol/copy-messages.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { reasonOf } from "./deadline.ts";
import type { CloseReason } from "../transport/transport.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";
import { ObjectServer, type Servable } from "./object-server.ts";
import { pieceAt, pieceCountOf, placeOf, SWARM_BYTES_MIN, type PieceRange } from "./plan/pieces.ts";
import { emptyPlan, step } from "./plan/step.ts";
import type { PlanEffect, PlanEvent } from "./plan/types.ts";
import type { ReadTickets } from "./read-tickets.ts";
import { Transfer, type FetchOptions, type Whereabouts } from "./transfer.ts";

/** How often a transfer looks whether its sources are still doing something. */
const TICK_MS = 1_000;
/** Objects that may be on their way at once. */
const TRANSFERS_MAX = 65_536;
/** Peers that one transfer tells of its pieces. */
const NEIGHBOURS_MAX = 32;

export interface ObjectExchangeOptions {
  readonly links: Links;
  readonly store: LocalStore;
  readonly clock: Clock;
  /** This peer has a copy now that it had not. */
  onCopy?(object: ObjectId): void;
  /** A large object is on its way here, and others can have parts of it already; or no longer. */
  onPartial?(object: ObjectId, isHere: boolean): void;
  /** A peer asked for an object that is not here: what is said of its places is out of date. */
  onMissing?(object: ObjectId): void;
  /** Whether what this peer sends is believed without a look. Default: {@link isTrusted}. */
  isTrusted?(peer: PeerId): boolean;
  /** A source has not what it announced, or sent what cannot be the object. */
  onFault?(object: ObjectId, peer: PeerId, fault: SourceFault): void;
  /** Who may read what; unset: whoever has a link may read everything. */
  readonly tickets?: ReadTickets;
  /** A peer asked for an object that it may not read. */
  onTrespass?(object: ObjectId, peer: PeerId): void;
}

/**
 * Moves objects between peers: serves those of this peer's store, and what it has of those that are
 * on their way; and fetches others into the store, from several peers at once. What to ask of whom is
 * decided in plan/; here it is done.
 */
export class ObjectExchange {
  readonly #options: ObjectExchangeOptions;
  readonly #server: ObjectServer;
  readonly #transfers = new Map<ObjectId, Transfer>();
  /** When each peer last sent something new: a source may serve other objects first. */
  readonly #progressMs = new Map<PeerId, number>();

  constructor(options: ObjectExchangeOptions) {
    this.#options = options;
    const { links, clock } = options;
    this.#server = new ObjectServer({
      links,
      clock,
      find: (object) => this.#find(object),
      onMissing: (object) => options.onMissing?.(object),
      tickets: options.tickets,
      onTrespass: (object, peer) => options.onTrespass?.(object, peer),
    });
    links.onChunk((link, header, payload) => this.#onChunk(link, header, payload));
    links.onMessage("fetch-failed", (link, message) => this.#onRefused(link, message));
    links.onMessage("pieces", (link, message) => this.#onPieces(link, message));
    links.onDown((link, reason) => this.#onDown(link, reason));
  }

  /**
   * The bytes of an object: from the store, else from the peers that have it. All who ask for one
   * object share one transfer. The copy is kept.
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
    const known = this.#transferOf(object, whereabouts);
    const transfer = known ?? this.#begin(object, whereabouts, options);
    const sources = this.#sourcesIn(whereabouts);
    transfer.priority = Math.min(transfer.priority, options.priority ?? FETCH_PRIORITY_MAX);
    const result = this.#join(transfer, options.signal);
    if (known && !known.plan.isChecked) this.#keepBelieved(sources);
    this.#dispatch(transfer, { type: "sources-found", ...sources });
    return await result;
  }

  /** The transfer to join: not one of another version, which was lost and made again since. */
  #transferOf(object: ObjectId, whereabouts: Whereabouts): Transfer | undefined {
    const transfer = this.#transfers.get(object);
    if (!transfer || transfer.isOf(whereabouts)) return transfer;
    const text = `${object} was made again while it was on its way here; fetch it again`;
    this.#abandon(transfer, new MeshError("OBJECT_LOST", text, { object }));
    return undefined;
  }

  /** For a transfer without hashes, whoever asked later and knows them: nobody would look there. */
  #keepBelieved(sources: { whole: PeerId[]; partial: PeerId[] }): void {
    const trusted = sources.whole.filter((peer) => this.#isTrusted(peer));
    if (trusted.length > 0) sources.whole = trusted;
    sources.partial = sources.partial.filter((peer) => this.#isTrusted(peer));
  }

  #begin(object: ObjectId, whereabouts: Whereabouts, options: FetchOptions): Transfer {
    const { sizeBytes, digest, jobKey, version } = whereabouts;
    this.#options.store.assertRoom(object, sizeBytes);
    if (this.#transfers.size >= TRANSFERS_MAX) {
      throw new MeshError(
        "QUOTA_EXCEEDED",
        `${TRANSFERS_MAX} objects are being fetched already; wait for some before ${object}`,
        { object },
      );
    }
    const plan = emptyPlan(sizeBytes, {
      nowMs: this.#options.clock.nowMs(),
      startAt: sizeBytes < SWARM_BYTES_MIN ? 0 : placeOf(this.#options.links.self, object),
      isChecked: digest?.length === pieceCountOf(sizeBytes) * PIECE_DIGEST_BYTES,
    });
    const { allocate, priority = FETCH_PRIORITY_MAX } = options;
    const transfer = new Transfer(object, plan, {
      priority,
      allocate,
      digest,
      provenance: { jobKey, version },
    });
    this.#transfers.set(object, transfer);
    if (sizeBytes >= SWARM_BYTES_MIN) this.#options.onPartial?.(object, true);
    this.#tickLater(transfer);
    return transfer;
  }

  /** Those that are linked already come first. */
  #sourcesIn({ sizeBytes, locations, partialLocations = [], digest }: Whereabouts) {
    const { links, clock } = this.#options;
    const others = (peers: readonly PeerId[]) => peers.filter((peer) => peer !== links.self);
    const isLinked = (peer: PeerId) => links.openTo(peer) !== undefined;
    const whole = others(locations);
    return {
      whole: [...whole.filter(isLinked), ...whole.filter((peer) => !isLinked(peer))],
      partial:
        sizeBytes < SWARM_BYTES_MIN
          ? []
          : others(partialLocations).filter((peer) => digest || this.#isTrusted(peer)),
      nowMs: clock.nowMs(),
    };
  }

  #join(transfer: Transfer, signal: AbortSignal | undefined): Promise<StoredBytes> {
    transfer.waiters++;
    if (!signal) return transfer.result;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason as Error);
        if (--transfer.waiters === 0) this.#abandon(transfer, signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      transfer.result
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", leave));
    });
  }

  #dispatch(transfer: Transfer, event: PlanEvent, payload?: Uint8Array): void {
    if (this.#transfers.get(transfer.object) !== transfer) return;
    for (const effect of step(transfer.plan, event)) {
      this.#perform(transfer, effect, payload);
      // What could not be written ended it: the effects that follow are of bytes that are not here.
      if (this.#transfers.get(transfer.object) !== transfer) return;
    }
  }

  #perform(transfer: Transfer, effect: PlanEffect, payload: Uint8Array | undefined): void {
    const { links } = this.#options;
    const { object } = transfer;
    switch (effect.type) {
      case "connect":
        return void this.#connect(transfer, effect.peer);
      case "introduce":
        return this.#tell(transfer, effect.peer);
      case "ask":
        return this.#ask(transfer, effect);
      case "stop": {
        const offset = effect.piece * PIECE_BYTES;
        return links.openTo(effect.peer)?.send({ type: "fetch-stop", object, offset });
      }
      case "leave":
        return links.openTo(effect.peer)?.send({ type: "fetch-stop", object });
      case "write":
        return this.#write(transfer, effect, payload!);
      case "check":
        return void this.#check(transfer, effect.piece);
      case "announce":
        for (const peer of transfer.neighbours) {
          const ranges: [number, number][] = [[effect.piece, effect.piece + 1]];
          links.openTo(peer)?.send({ type: "pieces", object, ranges });
        }
        return;
      case "report":
        return this.#options.onFault?.(object, effect.peer, effect.fault);
      case "done":
        return this.#done(transfer);
      case "failed":
        return this.#abandon(transfer, transfer.error);
      default:
        effect satisfies never;
    }
  }

  #ask(transfer: Transfer, effect: Extract<PlanEffect, { type: "ask" }>): void {
    const { links, tickets } = this.#options;
    const { object, priority, provenance } = transfer;
    const { jobKey, version } = provenance;
    const { offset, endOffset, insists, peer } = effect;
    const link = links.openTo(peer);
    if (!link) return;
    const ticket = tickets?.toShow(link, object, jobKey);
    const request = { type: "fetch", object, offset, endOffset, priority } as const;
    const asked = version === undefined ? request : { ...request, version };
    link.send({ ...asked, ...(insists ? { insists } : {}), ...ticket });
  }

  async #connect(transfer: Transfer, peer: PeerId): Promise<void> {
    const { links, clock } = this.#options;
    let why: string;
    try {
      await links.to(peer);
      return this.#dispatch(transfer, { type: "linked", peer, nowMs: clock.nowMs() });
    } catch (error) {
      why = reasonOf(error);
    }
    this.#dispatch(transfer, { type: "unlinked", peer, why, again: false, nowMs: clock.nowMs() });
  }

  /** Tell a peer what is here, once; from then on it hears of every piece. */
  #tell(transfer: Transfer, peer: PeerId): void {
    const { neighbours, told, object, provenance } = transfer;
    const { links, tickets } = this.#options;
    if (told.has(peer) || neighbours.size >= NEIGHBOURS_MAX) return;
    told.add(peer);
    neighbours.add(peer);
    const ranges = transfer.ranges.map(([from, to]): [number, number] => [from, to]);
    const link = links.openTo(peer);
    if (!link) return;
    link.send({
      type: "pieces",
      object,
      ranges,
      ...tickets?.toShow(link, object, provenance.jobKey),
    });
  }

  #write(
    transfer: Transfer,
    { offset, byteLength }: { readonly offset: number; readonly byteLength: number },
    payload: Uint8Array,
  ): void {
    try {
      transfer.bytes.set(payload.subarray(payload.byteLength - byteLength), offset);
    } catch (error) {
      // No memory for it: no other source could help.
      this.#abandon(transfer, error as Error);
    }
  }

  /** Is this the piece that the object's maker made? */
  async #check(transfer: Transfer, piece: number): Promise<void> {
    const { plan, digest } = transfer;
    const isBelieved = plan.pieces[piece]!.filledBy.every((peer) => this.#isTrusted(peer));
    let isRight = isBelieved;
    try {
      isRight ||= await isPiece(transfer.pieceBytes(piece), piece, digest!);
    } catch (error) {
      return this.#abandon(transfer, error as Error);
    }
    // Not within the step that asked for it.
    await Promise.resolve();
    const nowMs = this.#options.clock.nowMs();
    this.#dispatch(transfer, { type: "piece-checked", piece, isRight, nowMs });
  }

  #isTrusted(peer: PeerId): boolean {
    return (this.#options.isTrusted ?? isTrusted)(peer);
  }

  /** Who is not trusted is a source only if what it sends can be checked, or the coordinator named it. */
  #mayJoin({ plan }: Transfer, peer: PeerId): boolean {
    return plan.isChecked || plan.sources.has(peer) || this.#isTrusted(peer);
  }

  #onDown({ peer, path }: Link, { code, detail }: CloseReason): void {
    const { links, clock } = this.#options;
    const nowMs = clock.nowMs();
    const isMoved = links.openTo(peer) !== undefined;
    const why = `the link by ${path} ended (${detail ?? code})`;
    if (!isMoved) this.#progressMs.delete(peer);
    for (const transfer of this.#transfers.values()) {
      if (isMoved) this.#dispatch(transfer, { type: "moved", peer, nowMs });
      else {
        transfer.neighbours.delete(peer);
        transfer.told.delete(peer);
        const again = code !== "peer-left";
        this.#dispatch(transfer, { type: "unlinked", peer, why, again, nowMs });
      }
    }
  }

  #onChunk(link: Link, header: ChunkHeader, payload: Uint8Array<ArrayBuffer>): void {
    const transfer = this.#transfers.get(header.object);
    if (!transfer) return;
    const nowMs = this.#options.clock.nowMs();
    const { peer } = link;
    const { offset, totalBytes } = header;
    const { byteLength } = payload;
    const { plan } = transfer;
    const before = plan.receivedBytes;
    this.#dispatch(
      transfer,
      { type: "chunk-arrived", peer, offset, totalBytes, byteLength, nowMs },
      payload,
    );
    if (plan.receivedBytes > before) this.#progressMs.set(peer, nowMs);
  }

  #onRefused(link: Link, message: Extract<LinkMessage, { type: "fetch-failed" }>): void {
    const { tickets } = this.#options;
    const { object, offset, elsewhere = [], error } = message;
    const transfer = this.#transfers.get(object);
    if (!transfer) return;
    if (offset === undefined) transfer.neighbours.delete(link.peer);
    const { jobKey } = transfer.provenance;
    if (error.code === "TICKET_REFUSED" && jobKey) tickets?.showAgain(link, jobKey.job);
    this.#dispatch(transfer, {
      type: "refused",
      peer: link.peer,
      piece: offset === undefined ? undefined : pieceAt(offset),
      why: error.message,
      elsewhere: elsewhere.filter(
        (peer) => peer !== this.#options.links.self && this.#mayJoin(transfer, peer),
      ),
      isMissing: error.code === "OBJECT_LOST",
      again: error.code === "TIMEOUT" || error.code === "QUOTA_EXCEEDED",
      nowMs: this.#options.clock.nowMs(),
    });
  }

  /** Somebody else fetches this too, or has it by now. */
  #onPieces(link: Link, message: Extract<LinkMessage, { type: "pieces" }>): void {
    const { object, ranges, job, ticket } = message;
    const { peer } = link;
    if (job && ticket) this.#options.tickets?.show(link, { job, ticket });
    const transfer = this.#transfers.get(object);
    if (!transfer) return this.#tellWhole(link, object, ranges);
    const nowMs = this.#options.clock.nowMs();
    if (!transfer.told.has(peer) && this.#mayHear(link, object, transfer.provenance)) {
      this.#tell(transfer, peer);
    }
    if (!this.#mayJoin(transfer, peer)) return;
    if (!transfer.plan.sources.has(peer)) {
      this.#dispatch(transfer, { type: "sources-found", whole: [], partial: [peer], nowMs });
    }
    this.#dispatch(transfer, { type: "pieces-told", peer, ranges, nowMs });
    const { sources, pieces } = transfer.plan;
    // Whoever has everything needs to hear no more.
    if (sources.get(peer)?.pieces.size === pieces.length) transfer.neighbours.delete(peer);
  }

  #tellWhole(link: Link, object: ObjectId, theirs: readonly PieceRange[]): void {
    const servable = this.#find(object);
    // Whether it is here is told to who may read it.
    if (!servable || !this.#mayHear(link, object, servable.provenance)) {
      const text = `${object} is not in this peer's store, nor on its way there`;
      const error = toWireError(new MeshError("OBJECT_LOST", text, { object }));
      return link.send({ type: "fetch-failed", object, error });
    }
    const pieceCount = pieceCountOf(servable.sizeBytes);
    // Who has everything needs no answer: two of them would answer each other for ever.
    if (theirs.some(([from, to]) => from === 0 && to >= pieceCount)) return;
    link.send({ type: "pieces", object, ranges: [[0, pieceCount]] });
  }

  #mayHear(link: Link, object: ObjectId, { jobKey }: Provenance): boolean {
    try {
      this.#options.tickets?.require(link, object, jobKey);
      return true;
    } catch {
      this.#server.trespassed(link, object);
      return false;
    }
  }

  #find(object: ObjectId): Servable | undefined {
    const { store } = this.#options;
    const sizeBytes = store.sizeOf(object);
    if (sizeBytes === undefined) return this.#transfers.get(object)?.servable();
    const provenance = store.provenanceOf(object);
    const open = () => store.open(object);
    return { sizeBytes, isPartial: false, provenance, has: () => true, open };
  }

  #done(transfer: Transfer): void {
    try {
      this.#options.store.put(transfer.object, transfer.bytes, transfer.provenance);
    } catch (error) {
      return this.#abandon(transfer, error as Error);
    }
    this.#forget(transfer);
    transfer.resolve(transfer.bytes);
    this.#options.onCopy?.(transfer.object);
  }

  /** It fails, or nobody wants it any more. */
  #abandon(transfer: Transfer, error: Error): void {
    const { object, plan } = transfer;
    if (!this.#forget(transfer)) return;
    transfer.reject(error);
    // Nobody may be listening any more.
    transfer.result.catch(() => {});
    const { links } = this.#options;
    for (const { peer, asked } of plan.sources.values()) {
      if (asked.size > 0) links.openTo(peer)?.send({ type: "fetch-stop", object });
    }
    const why = toWireError(new MeshError("OBJECT_LOST", `${object} is not fetched any more`));
    for (const peer of transfer.neighbours) {
      links.openTo(peer)?.send({ type: "fetch-failed", object, error: why });
    }
    if (plan.sizeBytes >= SWARM_BYTES_MIN) this.#options.onPartial?.(object, false);
  }

  #forget(transfer: Transfer): boolean {
    transfer.cancelTick();
    if (this.#transfers.get(transfer.object) !== transfer) return false;
    return this.#transfers.delete(transfer.object);
  }

  #tickLater(transfer: Transfer): void {
    const { clock } = this.#options;
    transfer.cancelTick = clock.after(TICK_MS, () => {
      const heardMs = new Map<PeerId, number>();
      for (const peer of transfer.plan.sources.keys()) {
        const progressMs = this.#progressMs.get(peer);
        if (progressMs !== undefined) heardMs.set(peer, progressMs);
      }
      this.#tickLater(transfer);
      this.#dispatch(transfer, { type: "tick", heardMs, nowMs: clock.nowMs() });
    });
  }
}
