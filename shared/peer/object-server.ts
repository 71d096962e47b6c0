import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import type { LocalStore } from "../objects/local-store.ts";
import { REFS_PER_MESSAGE_MAX, RTC_CHUNK_BYTES, SOCKET_CHUNK_BYTES } from "../protocol/limits.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";

/** Objects sent at once on one link: enough that a small one does not wait for a big one. */
const SENDING_MAX = 4;
/** Objects that wait for their turn on one link; a request beyond is refused. */
const WAITING_MAX = REFS_PER_MESSAGE_MAX;

interface Sending {
  readonly object: ObjectId;
  readonly offset: number;
  isStopped: boolean;
}

interface Queue {
  /** What is sent or waits, by object: the latest request counts. */
  readonly requests: Map<ObjectId, Sending>;
  waiting: Sending[];
  sending: number;
}

/** Answers peers that fetch objects of this peer's store. */
export class ObjectServer {
  readonly #store: LocalStore;
  readonly #queues = new Map<Link, Queue>();
  readonly #onMissing: (object: ObjectId) => void;

  /** @param onMissing somebody was told that this peer has the object, and it has not. */
  constructor(links: Links, store: LocalStore, onMissing: (object: ObjectId) => void) {
    this.#store = store;
    this.#onMissing = onMissing;
    links.onMessage("fetch", (link, { object, offset }) => this.#request(link, object, offset));
    links.onMessage("fetch-stop", (link, { object }) => this.#stop(link, object));
    links.onDown((link) => this.#queues.delete(link));
  }

  #request(link: Link, object: ObjectId, offset: number): void {
    this.#stop(link, object);
    const sizeBytes = this.#store.sizeOf(object);
    if (sizeBytes === undefined) return this.#missing(link, object);
    if (offset > sizeBytes) {
      throw new MeshError(
        "PROTOCOL_VIOLATION",
        `fetch of ${object} from byte ${offset}, of ${sizeBytes}`,
      );
    }
    const queue = this.#queueOf(link);
    if (queue.waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} objects wait to be sent on this link; fetch fewer at once`;
      return refuse(link, object, new MeshError("QUOTA_EXCEEDED", message, { object }));
    }
    const sending: Sending = { object, offset, isStopped: false };
    queue.requests.set(object, sending);
    queue.waiting.push(sending);
    this.#startNext(link, queue);
  }

  #stop(link: Link, object: ObjectId): void {
    const queue = this.#queues.get(link);
    const sending = queue?.requests.get(object);
    if (!queue || !sending) return;
    sending.isStopped = true;
    queue.requests.delete(object);
    const index = queue.waiting.indexOf(sending);
    if (index >= 0) queue.waiting.splice(index, 1);
  }

  #startNext(link: Link, queue: Queue): void {
    while (queue.sending < SENDING_MAX) {
      const next = queue.waiting.shift();
      if (!next) return;
      queue.sending++;
      void this.#send(link, next).finally(() => {
        queue.sending--;
        if (queue.requests.get(next.object) === next) queue.requests.delete(next.object);
        this.#startNext(link, queue);
      });
    }
  }

  async #send(link: Link, sending: Sending): Promise<void> {
    const { object } = sending;
    // Not before its turn: what is open cannot make room for others.
    const stored = this.#store.open(object);
    if (!stored) return this.#missing(link, object);
    const { sizeBytes: totalBytes } = stored;
    const chunkBytes = chunkBytesOn(link);
    let { offset } = sending;
    try {
      do {
        const length = Math.min(chunkBytes, totalBytes - offset);
        const read = stored.read(offset, length);
        // What is in memory leaves in this very turn.
        const bytes = read instanceof Uint8Array ? read : await read;
        await link.sendChunk({ type: "chunk", object, offset, totalBytes }, bytes);
        offset += length;
      } while (offset < totalBytes && link.isOpen && !sending.isStopped);
    } catch (error) {
      if (link.isOpen) refuse(link, object, error);
    } finally {
      stored.close();
    }
  }

  #missing(link: Link, object: ObjectId): void {
    this.#onMissing(object);
    const message = `${object} is not in this peer's store; ask where it is and fetch it there`;
    refuse(link, object, new MeshError("OBJECT_LOST", message, { object }));
  }

  #queueOf(link: Link): Queue {
    let queue = this.#queues.get(link);
    if (!queue) {
      queue = { requests: new Map(), waiting: [], sending: 0 };
      this.#queues.set(link, queue);
    }
    return queue;
  }
}

/** The relay's window is small: short chunks keep it filled, and let control messages through. */
const chunkBytesOn = ({ path }: Link): number =>
  path === "webrtc" || path === "relay" ? RTC_CHUNK_BYTES : SOCKET_CHUNK_BYTES;

const refuse = (link: Link, object: ObjectId, error: unknown): void =>
  link.send({ type: "fetch-failed", object, error: toWireError(error) });
