import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ObjectId, PeerId } from "../ids.ts";
import type { Provenance, StoredBytes, StoredObject } from "../objects/local-store.ts";
import {
  ELSEWHERE_MAX,
  FETCH_PRIORITY_MAX,
  REFS_PER_MESSAGE_MAX,
  RTC_CHUNK_BYTES,
  SOCKET_CHUNK_BYTES,
} from "../protocol/limits.ts";
import type { ChunkHeader, LinkMessage } from "../protocol/link-messages.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";
import { pieceAt, SWARM_BYTES_MIN } from "./plan/pieces.ts";
import type { ReadTickets } from "./read-tickets.ts";
import { UploadLedger } from "./upload-ledger.ts";
import { Uploads, type Turn } from "./uploads.ts";

/** Objects sent at once on one link: enough that a small one does not wait for a big one. */
const SENDING_MAX = 4;
/** Ranges that wait for their turn on one link; a request beyond is refused. */
const WAITING_MAX = REFS_PER_MESSAGE_MAX;
/** A link whose other end takes less than that in this time is closed: what waits in it is memory. */
const UNREAD_MS_MAX = 30_000;
const TAKEN_BYTES_MIN = 64 * 1024;
/** What is shorter is copied, or a few bytes that wait in a link would keep all of their object. */
const LENT_BYTES_MIN = 64 * 1024 - 2_048;
/** Objects of which one link has it reported that they are not here, or not the other end's to read. */
const REPORTS_PER_LINK_MAX = 1_024;
/** Copies of a piece that leave the peer that has all of it before others are referred; and one that
 *  is receiving it. */
const COPIES_OF_WHOLE_MAX = 1;
const COPIES_OF_PARTIAL_MAX = 2;

type Fetch = Extract<LinkMessage, { type: "fetch" }>;

/** An object that can be served, and which parts of it. */
export interface Servable {
  readonly sizeBytes: number;
  /** Whether the object is still on its way here. */
  readonly isPartial: boolean;
  /** Of which job: who asks must show a ticket signed with its key; and which version it is. */
  readonly provenance: Provenance;
  has(offset: number): boolean;
  /** To read it; `undefined` if it is gone. Close it: what is open cannot make room for others. */
  open(): StoredObject | undefined;
}

export interface ObjectServerOptions {
  readonly links: Links;
  readonly clock: Clock;
  /** What is here of an object, in the store or on its way into it. */
  find(object: ObjectId): Servable | undefined;
  /** Somebody was told that this peer has the object, and it has not. */
  onMissing(object: ObjectId): void;
  /** Who may read what; unset: everybody everything. */
  readonly tickets: ReadTickets | undefined;
  /** A peer asked for what it may not read. */
  onTrespass(object: ObjectId, peer: PeerId): void;
}

/** Answers peers that fetch objects of this peer. */
export class ObjectServer {
  readonly #options: ObjectServerOptions;
  readonly #queues = new Map<Link, Uploads>();
  readonly #reported = new WeakMap<Link, Set<ObjectId>>();
  readonly #ledger = new UploadLedger();

  constructor(options: ObjectServerOptions) {
    this.#options = options;
    const { links } = options;
    links.onMessage("fetch", (link, message) => this.#request(link, message));
    links.onMessage("fetch-stop", (link, { object, offset }) => {
      this.#queues.get(link)?.stop(object, offset);
    });
    links.onDown((link) => {
      this.#queues.get(link)?.close();
      this.#queues.delete(link);
    });
  }

  #request(link: Link, message: Fetch): void {
    const { object, offset, version, job, ticket } = message;
    const { tickets } = this.#options;
    if (job && ticket) tickets?.show(link, { job, ticket });
    const servable = this.#options.find(object);
    if (!servable) return this.#missing(link, object);
    try {
      tickets?.require(link, object, servable.provenance.jobKey);
    } catch (error) {
      this.trespassed(link, object);
      return refuse(link, object, error);
    }
    const here = servable.provenance.version;
    if (version !== undefined && here !== undefined && version !== here) {
      const text = `${object} was made more than once: version ${here} is here, not ${version}`;
      return refuse(link, object, new MeshError("OBJECT_FREED", text, { object }));
    }
    const { sizeBytes } = servable;
    const { endOffset = sizeBytes, priority = FETCH_PRIORITY_MAX } = message;
    if (offset > endOffset || endOffset > sizeBytes) {
      throw new MeshError(
        "PROTOCOL_VIOLATION",
        `fetch of ${object} from byte ${offset} to ${endOffset}, of ${sizeBytes}`,
      );
    }
    if (!servable.has(offset)) {
      const text = `${object} is on its way to this peer, and that piece has not come yet`;
      return refusePiece(link, message, new MeshError("OBJECT_LOST", text, { object }));
    }
    const elsewhere = this.#elsewhere(link.peer, message, servable);
    if (elsewhere.length > 0) {
      const text = `${elsewhere[0]} was sent these bytes just now; ask it first`;
      return refusePiece(link, message, new MeshError("QUOTA_EXCEEDED", text), elsewhere);
    }
    const queue = this.#queueOf(link);
    if (queue.waiting >= WAITING_MAX) {
      const text = `${WAITING_MAX} requests wait on this link; fetch fewer objects at once`;
      return refuse(link, object, new MeshError("QUOTA_EXCEEDED", text, { object }));
    }
    queue.add(object, { offset, endOffset }, priority);
    this.#startNext(link, queue);
  }

  #missing(link: Link, object: ObjectId): void {
    if (this.#isNews(link, object)) this.#options.onMissing(object);
    const text = `${object} is not in this peer's store; ask where it is and fetch it there`;
    refuse(link, object, new MeshError("OBJECT_LOST", text, { object }));
  }

  /** The other end asked for what it may not read. */
  trespassed(link: Link, object: ObjectId): void {
    if (this.#isNews(link, object)) this.#options.onTrespass(object, link.peer);
  }

  /** Asking costs a peer nothing: its questions must not become as many reports to the coordinator. */
  #isNews(link: Link, object: ObjectId): boolean {
    const reported = this.#reported.get(link) ?? new Set();
    if (reported.has(object) || reported.size >= REPORTS_PER_LINK_MAX) return false;
    this.#reported.set(link, reported.add(object));
    return true;
  }

  /** Who should be asked for this instead. */
  #elsewhere(from: PeerId, message: Fetch, { sizeBytes, isPartial }: Servable): PeerId[] {
    if (sizeBytes < SWARM_BYTES_MIN || message.endOffset === undefined) return [];
    const { links, clock } = this.#options;
    const { object, offset, insists = false } = message;
    const copiesMax = isPartial ? COPIES_OF_PARTIAL_MAX : COPIES_OF_WHOLE_MAX;
    const named = this.#ledger.refer(object, pieceAt(offset), from, {
      nowMs: clock.nowMs(),
      copiesMax: insists ? Infinity : copiesMax,
      isUsable: (peer) => links.openTo(peer) !== undefined,
    });
    return named.slice(0, ELSEWHERE_MAX);
  }

  #startNext(link: Link, queue: Uploads): void {
    while (queue.sending < SENDING_MAX) {
      const turn = queue.next();
      if (!turn) return;
      void this.#send(link, turn)
        .catch((error: unknown) => {
          if (link.isOpen) refuse(link, turn.object, error);
        })
        .then(() => {
          queue.sent(turn.object);
          this.#startNext(link, queue);
        });
    }
  }

  async #send(link: Link, { object, range }: Turn): Promise<void> {
    // Not before its turn: what is open cannot make room for others.
    const servable = this.#options.find(object);
    const stored = servable?.has(range.offset) ? servable.open() : undefined;
    if (!stored) return this.#missing(link, object);
    const chunkBytes = chunkBytesOn(link);
    const { sizeBytes: totalBytes } = stored;
    let { offset } = range;
    try {
      do {
        // A chunk never spans two pieces, wherever a request begins.
        const length = Math.min(chunkBytes - (offset % chunkBytes), range.endOffset - offset);
        const read = stored.read(offset, length);
        // What is in memory leaves in this very turn.
        const bytes = ownIfShort(read instanceof Uint8Array ? read : await read);
        await this.#sendInTime(link, { type: "chunk", object, offset, totalBytes }, bytes);
        offset += length;
      } while (offset < range.endOffset && link.isOpen && !range.isStopped);
    } finally {
      stored.close();
    }
  }

  /**
   * If the other end does not read, its link is closed: what is open here has to go, and what waits in
   * the link refers to the memory of objects. A slow reader is none of those: it may wait long for its
   * turn, while others are sent.
   */
  async #sendInTime(link: Link, header: ChunkHeader, bytes: StoredBytes): Promise<void> {
    const { clock } = this.#options;
    const sent = link.sendChunk(header, bytes);
    let takenBytes = link.takenBytes;
    let cancel = () => {};
    const look = () => {
      const newBytes = Math.abs(link.takenBytes - takenBytes);
      if (newBytes < TAKEN_BYTES_MIN) return link.close({ code: "timeout", detail: unread(link) });
      takenBytes = link.takenBytes;
      cancel = clock.after(UNREAD_MS_MAX, look);
    };
    cancel = clock.after(UNREAD_MS_MAX, look);
    // Closing the link settles it too.
    await sent.finally(() => cancel());
  }

  #queueOf(link: Link): Uploads {
    let queue = this.#queues.get(link);
    if (!queue) {
      queue = new Uploads();
      this.#queues.set(link, queue);
    }
    return queue;
  }
}

/** The relay's window is small: short chunks keep it filled, and let control messages through. */
const chunkBytesOn = ({ path }: Link): number =>
  path === "webrtc" || path === "relay" ? RTC_CHUNK_BYTES : SOCKET_CHUNK_BYTES;

/** A view on a small part of a big buffer keeps all of that. */
const ownIfShort = (bytes: StoredBytes): StoredBytes =>
  bytes.byteLength < LENT_BYTES_MIN && bytes.byteLength < bytes.buffer.byteLength
    ? bytes.slice()
    : bytes;

const unread = ({ peer }: Link): string =>
  `${peer} took nothing of what it was sent for ${UNREAD_MS_MAX / 1_000} s; ask again when it reads`;

const refuse = (link: Link, object: ObjectId, error: unknown): void =>
  link.send({ type: "fetch-failed", object, error: toWireError(error) });

const refusePiece = (
  link: Link,
  { object, offset }: Fetch,
  error: MeshError,
  elsewhere: PeerId[] = [],
): void =>
  link.send({ type: "fetch-failed", object, offset, elsewhere, error: toWireError(error) });
