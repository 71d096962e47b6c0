import type { ObjectId, PeerId } from "../ids.ts";
import type { StoredBytes } from "../objects/local-store.ts";
import type { ChunkHeader } from "../protocol/link-messages.ts";
import type { Link } from "./link.ts";

/** How one pull from one source ended. */
export type PullEnd =
  | { readonly type: "done" }
  | { readonly type: "aborted" }
  /** `again`: the same source may do better on a new link. */
  | { readonly type: "failed"; readonly why: string; readonly again: boolean };

/** Times a source is asked, when only the link to it failed. */
const PULLS_PER_SOURCE_MAX = 2;

/** One object on its way to this peer: what has arrived, and who may still be asked for the rest. */
export class Transfer {
  readonly object: ObjectId;
  readonly sizeBytes: number;
  /** What was tried, for people. */
  readonly story: string[] = [];
  readonly result: Promise<StoredBytes>;
  /** The link that the rest is being pulled from. */
  link: Link | undefined;
  /** Ends the pull that is under way. */
  endPull: ((end: PullEnd) => void) | undefined;
  /** Callers that still want it. */
  waiters = 0;
  resolve!: (bytes: StoredBytes) => void;
  reject!: (error: Error) => void;
  readonly #allocate: (sizeBytes: number) => StoredBytes;
  readonly #pulls = new Map<PeerId, number>();
  #sources: PeerId[] = [];
  #bytes: StoredBytes | undefined;
  #receivedBytes = 0;
  #isAborted = false;

  constructor(object: ObjectId, sizeBytes: number, allocate: (sizeBytes: number) => StoredBytes) {
    this.object = object;
    this.sizeBytes = sizeBytes;
    this.#allocate = allocate;
    this.result = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get isAborted(): boolean {
    return this.#isAborted;
  }

  /** All of it. Only after a pull ended with `done`. */
  get bytes(): StoredBytes {
    return (this.#bytes ??= this.#allocate(this.sizeBytes));
  }

  /** More peers that have it; those known already are not asked more often for that. */
  addSources(peers: readonly PeerId[]): void {
    for (const peer of peers) {
      if (this.#pulls.has(peer)) continue;
      this.#pulls.set(peer, 0);
      this.#sources.push(peer);
    }
  }

  /** The next peer to ask, if any is left: a fresh one that `isLinked`, else the first. */
  nextSource(isLinked: (peer: PeerId) => boolean): PeerId | undefined {
    const [first] = this.#sources;
    const fresh = this.#sources.find((other) => this.#pulls.get(other) === 0 && isLinked(other));
    const peer = fresh ?? first;
    this.#sources = this.#sources.filter((other) => other !== peer);
    return peer;
  }

  /** Note why a source did not deliver. */
  failed(peer: PeerId, why: string, again: boolean): void {
    this.story.push(`${peer}: ${why}, after ${this.#receivedBytes} of ${this.sizeBytes} bytes`);
    const pulls = (this.#pulls.get(peer) ?? 0) + 1;
    this.#pulls.set(peer, pulls);
    if (again && pulls < PULLS_PER_SOURCE_MAX) this.#sources.push(peer);
  }

  /**
   * Take a chunk. Bytes that are here already, or from beyond the next one (a stopped pull's last
   * chunks can still arrive), are skipped.
   * @returns how many bytes were new; or why the source cannot be believed.
   */
  take({ offset, totalBytes }: ChunkHeader, payload: Uint8Array): number | string {
    if (totalBytes !== this.sizeBytes) {
      return `it claims ${totalBytes} bytes where ${this.sizeBytes} are known`;
    }
    const endOffset = offset + payload.byteLength;
    if (endOffset > this.sizeBytes) return `it sent bytes up to ${endOffset}`;
    if (offset > this.#receivedBytes || endOffset <= this.#receivedBytes) return 0;
    const news = payload.subarray(this.#receivedBytes - offset);
    this.bytes.set(news, this.#receivedBytes);
    this.#receivedBytes = endOffset;
    return news.byteLength;
  }

  abort(): void {
    this.#isAborted = true;
    this.endPull?.({ type: "aborted" });
  }
}
