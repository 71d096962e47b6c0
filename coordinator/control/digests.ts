import { MeshError } from "../../shared/errors.ts";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import { PIECE_BYTES, PIECE_DIGEST_BYTES } from "../../shared/protocol/limits.ts";
import type { DirectoryState, ObjectRecord } from "../directory/types.ts";
import { isTrusted, type ControlPorts, type PeerRecord } from "./types.ts";

interface Desk {
  readonly asked: Set<ObjectId>;
  readonly waiting: Set<ObjectId>;
}

interface Asked {
  readonly peer: PeerId;
  digest: Uint8Array<ArrayBuffer> | undefined;
}

/** Hashes that one peer is asked for at a time: it reads, and keeps in memory, what it hashes. */
const ASKED_OF_PEER_MAX = 8;

interface DigestPlane {
  readonly directory: DirectoryState;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
}

/**
 * Hashes of objects of which somebody has a copy whom the mesh does not trust. Who made it is asked,
 * or who keeps it and is trusted, as soon as there is such a copy: in a mesh of Node processes alone
 * nothing is ever hashed. What an untrusted peer made is whatever it says it is, as of then.
 */
export class Digests {
  readonly #plane: DigestPlane;
  readonly #ports: ControlPorts;
  readonly #asked = new Map<ObjectId, Asked>();
  /** Of each peer: what it is asked for, and what waits until it has answered some of that. */
  readonly #desks = new Map<PeerId, Desk>();

  constructor(plane: DigestPlane, ports: ControlPorts) {
    this.#plane = plane;
    this.#ports = ports;
  }

  /** A copy is with this peer, or on its way there. */
  copyAt(peer: PeerRecord, object: ObjectId): void {
    const record = this.#plane.directory.objects.get(object);
    if (isTrusted(peer) || record?.phase !== "sealed" || record.inline) return;
    if (!this.#asked.has(object)) this.#ask(record);
  }

  /** @throws MeshError `PROTOCOL_VIOLATION` if nobody asked this peer, or it cannot be the hash. */
  answered(from: PeerId, object: ObjectId, digest: Uint8Array<ArrayBuffer>): void {
    const record = this.#plane.directory.objects.get(object);
    const asked = this.#asked.get(object);
    // It may have been freed meanwhile, or made again by somebody else.
    if (!record || !asked || asked.digest) return;
    if (asked.peer !== from) {
      throw new MeshError("PROTOCOL_VIOLATION", `${from} was not asked for the hash of ${object}`);
    }
    this.#leaveDesk(from, object);
    const pieces = Math.max(1, Math.ceil(record.sizeBytes / PIECE_BYTES));
    if (digest.length !== pieces * PIECE_DIGEST_BYTES) {
      this.#asked.delete(object);
      throw new MeshError(
        "PROTOCOL_VIOLATION",
        `${digest.length} bytes cannot be the hash of the ${pieces} pieces of ${object}`,
      );
    }
    asked.digest = digest;
  }

  of(object: ObjectId): Uint8Array<ArrayBuffer> | undefined {
    return this.#asked.get(object)?.digest;
  }

  /** Its copy is gone, and with it the answer that was not given yet. */
  copyGone(peer: PeerId, object: ObjectId): void {
    const asked = this.#asked.get(object);
    if (asked?.peer !== peer || asked.digest) return;
    this.forget(object);
    const record = this.#plane.directory.objects.get(object);
    if (record?.phase === "sealed") this.#ask(record);
  }

  peerLeft(peer: PeerId): void {
    for (const [object, asked] of this.#asked) {
      if (asked.peer === peer && !asked.digest) this.copyGone(peer, object);
    }
    this.#desks.delete(peer);
  }

  forget(object: ObjectId): void {
    const asked = this.#asked.get(object);
    this.#asked.delete(object);
    if (asked && !asked.digest) this.#leaveDesk(asked.peer, object);
  }

  /** The places that can be named: without a hash, a copy is believed only if nobody trusted has one. */
  believable({ id, locations }: ObjectRecord): readonly PeerId[] {
    if (this.of(id)) return locations;
    const trusted = locations.filter((peer) => this.#isTrusted(peer));
    return trusted.length > 0 ? trusted : locations.slice(0, 1);
  }

  #ask(record: ObjectRecord): void {
    // The first one made it, unless that copy is gone.
    const [maker] = record.locations;
    const peer = record.locations.find((location) => this.#isTrusted(location)) ?? maker;
    if (peer === undefined) return;
    this.#asked.set(record.id, { peer, digest: undefined });
    const desk = this.#desks.get(peer) ?? { asked: new Set(), waiting: new Set() };
    this.#desks.set(peer, desk);
    desk.waiting.add(record.id);
    this.#serve(peer, desk);
  }

  #serve(peer: PeerId, { asked, waiting }: Desk): void {
    for (const object of waiting) {
      if (asked.size >= ASKED_OF_PEER_MAX) return;
      waiting.delete(object);
      asked.add(object);
      this.#ports.send(peer, { type: "digest-wanted", object }, 0);
    }
    if (asked.size === 0) this.#desks.delete(peer);
  }

  #leaveDesk(peer: PeerId, object: ObjectId): void {
    const desk = this.#desks.get(peer);
    if (!desk) return;
    desk.waiting.delete(object);
    desk.asked.delete(object);
    this.#serve(peer, desk);
  }

  #isTrusted(peer: PeerId): boolean {
    const record = this.#plane.peers.get(peer);
    return record !== undefined && isTrusted(record);
  }
}
