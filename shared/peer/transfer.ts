import { MeshError } from "../errors.ts";
import type { ObjectId, PeerId } from "../ids.ts";
import type { Provenance, StoredBytes } from "../objects/local-store.ts";
import { PIECE_BYTES } from "../protocol/limits.ts";
import type { Servable } from "./object-server.ts";
import { pieceAt, type PieceRange } from "./plan/pieces.ts";
import type { Plan } from "./plan/types.ts";

/** What is known of an object that is elsewhere. */
export interface Whereabouts extends Provenance {
  readonly sizeBytes: number;
  /** Peers with a whole copy. */
  readonly locations: readonly PeerId[];
  /** Peers that are receiving one. */
  readonly partialLocations?: readonly PeerId[];
  /** Of each piece: what comes from peers that are not trusted is compared with it. */
  readonly digest?: Uint8Array;
}

export interface FetchOptions {
  /** Makes the buffer that the object arrives in. */
  allocate(sizeBytes: number): StoredBytes;
  /** 0: somebody waits for the value; up to FETCH_PRIORITY_MAX, the default. */
  readonly priority?: number;
  readonly signal?: AbortSignal;
}

/** One object on its way to this peer: the plan of it, its bytes, and who wants it. */
export class Transfer {
  readonly object: ObjectId;
  readonly plan: Plan;
  readonly result: Promise<StoredBytes>;
  /** Peers that are told of every piece that arrives. */
  readonly neighbours = new Set<PeerId>();
  /** Peers that were told what was here when they were met. */
  readonly told = new Set<PeerId>();
  /** What its pieces are compared with. */
  readonly digest: Uint8Array | undefined;
  /** Shows sources what is wanted, and that this peer may read it. */
  readonly provenance: Provenance;
  /** Callers that still want it. */
  waiters = 0;
  /** The most urgent of them. */
  priority: number;
  cancelTick = (): void => {};
  resolve!: (bytes: StoredBytes) => void;
  reject!: (error: Error) => void;
  readonly #allocate: (sizeBytes: number) => StoredBytes;
  #bytes: StoredBytes | undefined;

  constructor(
    object: ObjectId,
    plan: Plan,
    options: {
      readonly priority: number;
      readonly digest: Uint8Array | undefined;
      readonly provenance: Provenance;
      allocate(sizeBytes: number): StoredBytes;
    },
  ) {
    this.object = object;
    this.plan = plan;
    this.priority = options.priority;
    this.digest = options.digest;
    this.provenance = options.provenance;
    this.#allocate = (sizeBytes) => options.allocate(sizeBytes);
    this.result = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** Not another version, which was lost and made again since. */
  isOf({ sizeBytes, digest, version }: Whereabouts): boolean {
    if (this.plan.sizeBytes !== sizeBytes || this.provenance.version !== version) return false;
    return !digest || !this.digest || areEqual(digest, this.digest);
  }

  /** All of it, as far as it has arrived. Memory is taken when the first bytes come. */
  get bytes(): StoredBytes {
    return (this.#bytes ??= this.#allocate(this.plan.sizeBytes));
  }

  /** Pieces that are here for good. */
  get ranges(): PieceRange[] {
    const ranges: [number, number][] = [];
    for (const [index, { status }] of this.plan.pieces.entries()) {
      if (status !== "done") continue;
      const last = ranges.at(-1);
      if (last?.[1] === index) last[1]++;
      else ranges.push([index, index + 1]);
    }
    return ranges;
  }

  /** What is here of it can be passed on already. */
  servable(): Servable {
    const { sizeBytes, pieces } = this.plan;
    return {
      sizeBytes,
      isPartial: true,
      provenance: this.provenance,
      has: (offset) => pieces[pieceAt(offset)]?.status === "done",
      open: () => ({
        sizeBytes,
        read: (offset, length) => this.bytes.subarray(offset, offset + length),
        close() {},
      }),
    };
  }

  /** A whole piece, once it has arrived. */
  pieceBytes(piece: number): StoredBytes {
    return this.bytes.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
  }

  /** Why it could not be had. */
  get error(): MeshError {
    const { story, untold, sizeBytes } = this.plan;
    const more = untold > 0 ? ` (${untold} more failures)` : "";
    const tried =
      story.length > 0
        ? `none of its sources delivered it. ${story.join(". ")}${more}`
        : "no peer has it";
    return new MeshError(
      "OBJECT_LOST",
      `object ${this.object} of ${sizeBytes} bytes could not be fetched: ${tried}`,
      { object: this.object, tries: story.length + untold },
    );
  }
}

const areEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
