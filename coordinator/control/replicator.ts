import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { DirectoryState, ObjectRecord } from "../directory/types.ts";
import type { PeerRecord } from "./types.ts";

/** A peer that was asked to keep a copy, and does not answer for so long, is passed over. */
export const COPY_MS_MAX = 60_000;
/** A peer that leaves has so long to be gone. */
const LEAVING_MS_MAX = 30_000;
/** Copies under way to one peer: what tasks and callers wait for should not wait behind them. */
const COPIES_PER_PEER_MAX = 2;
/** What took longer to make than this is worth a second copy when only tabs have it. */
export const COSTLY_MS = 100;

/** Objects that are looked at again when somebody may have room. */
const RETRIED_MAX = 8;

interface Shortage {
  /** Who was asked to keep a copy, and until when the answer is waited for. */
  readonly asked: Map<PeerId, number>;
  readonly refused: Set<PeerId>;
}

interface Leaving {
  readonly toHandOver: Set<ObjectId>;
  /** The scheduler does not watch it any more: then it is taken for gone. */
  readonly untilMs: number;
}

/** What the decision is made from. */
export interface ReplicatorPlane {
  readonly directory: DirectoryState;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
  readonly nowMs: number;
  readonly submissions: { canBeRemade(object: ObjectId): boolean };
}

export interface ReplicatorPorts {
  /** Have a peer fetch the object, if it has no copy, and keep it until it is freed. */
  keepCopy(peer: PeerId, record: ObjectRecord): void;
  /** Every object that this leaving peer kept is kept elsewhere, as far as that can be. */
  handedOver(peer: PeerId): void;
  /** This leaving peer should have gone by now. */
  overstayed(peer: PeerId): void;
}

/**
 * Sees to it that stored objects have as many kept copies as they should, in different failure
 * domains: as many as their maker asked for; one on a stable peer if only tabs have what would be
 * costly to make again; and one besides those of peers that are leaving.
 *
 * Copies that peers fetched for their own work may be dropped at any time and do not count; but such
 * a peer is asked first, because nothing has to be sent to it.
 */
export class Replicator {
  readonly #plane: ReplicatorPlane;
  readonly #ports: ReplicatorPorts;
  readonly #short = new Map<ObjectId, Shortage>();
  /** Those of them for which nobody could be asked, longest ago first. */
  readonly #unmet = new Set<ObjectId>();
  /** Copies under way, by receiver. */
  readonly #underWay = new Map<PeerId, number>();
  readonly #leaving = new Map<PeerId, Leaving>();

  constructor(plane: ReplicatorPlane, ports: ReplicatorPorts) {
    this.#plane = plane;
    this.#ports = ports;
  }

  /** Objects with fewer copies than they should have. */
  get size(): number {
    return this.#short.size;
  }

  /** The copies of an object, or what counts, have changed. */
  changed(object: ObjectId): void {
    const record = this.#plane.directory.objects.get(object);
    this.#handOver(object, record);
    if (record?.phase !== "sealed" || record.inline) return this.#forget(object);
    const missing = this.#missingOf(record);
    const shortage = this.#short.get(object);
    if (missing.copies <= 0) {
      this.#unmet.delete(object);
      if (shortage?.asked.size === 0) this.#forget(object);
      return;
    }
    const open = shortage ?? { asked: new Map<PeerId, number>(), refused: new Set<PeerId>() };
    this.#short.set(object, open);
    for (let i = 0; i < missing.copies; i++) {
      const peer = this.#choose(record, open, missing.stable);
      this.#unmet.delete(object);
      if (!peer) return void this.#unmet.add(object);
      open.asked.set(peer, this.#plane.nowMs + COPY_MS_MAX);
      this.#count(peer, 1);
      this.#ports.keepCopy(peer, record);
    }
  }

  /** Whether this peer was asked to keep a copy, and has not answered. */
  isAsked(peer: PeerId, object: ObjectId): boolean {
    return this.#short.get(object)?.asked.has(peer) ?? false;
  }

  /** The answer of a peer that was asked. */
  answered(peer: PeerId, object: ObjectId, isKept: boolean): void {
    const shortage = this.#short.get(object);
    if (shortage?.asked.delete(peer)) this.#count(peer, -1);
    if (!isKept) shortage?.refused.add(peer);
    this.changed(object);
    this.#again();
  }

  /** A worker joined, or one has room again. */
  peerJoined(): void {
    this.#again();
  }

  /** It does not count any more, but still serves what it has. */
  peerLeaving(peer: PeerId): void {
    const stored = this.#plane.directory.storedBy.get(peer) ?? [];
    const toHandOver = new Set<ObjectId>();
    for (const object of stored) {
      const record = this.#plane.directory.objects.get(object);
      if (record?.keepers.includes(peer)) toHandOver.add(object);
    }
    if (this.#leaving.has(peer)) return; // Said again.
    this.#leaving.set(peer, { toHandOver, untilMs: this.#plane.nowMs + LEAVING_MS_MAX });
    for (const object of toHandOver) this.changed(object);
    // What nobody is asked to keep, nobody can keep.
    for (const object of toHandOver) {
      if (!this.#short.get(object)?.asked.size) toHandOver.delete(object);
    }
    if (toHandOver.size === 0) this.#ports.handedOver(peer);
  }

  peerLeft(peer: PeerId): void {
    this.#leaving.delete(peer);
    this.#underWay.delete(peer);
    for (const [object, { asked, refused }] of this.#short) {
      refused.delete(peer);
      if (asked.delete(peer)) this.changed(object);
    }
  }

  tick(): void {
    for (const [peer, { untilMs }] of this.#leaving) {
      if (untilMs <= this.#plane.nowMs) this.#ports.overstayed(peer);
    }
    for (const [object, { asked }] of this.#short) {
      for (const [peer, untilMs] of asked) {
        if (untilMs <= this.#plane.nowMs) this.answered(peer, object, false);
      }
    }
  }

  /** Somebody may be asked now. Looks at a few at a time: an answer must not cost what all cost. */
  #again(): void {
    let left = Math.min(this.#unmet.size, RETRIED_MAX);
    for (const object of this.#unmet) {
      if (left-- === 0) return;
      this.changed(object);
    }
  }

  /** How many more copies should be asked for, and whether a tab's would not do. */
  #missingOf(record: ObjectRecord): { readonly copies: number; readonly stable: boolean } {
    const asked = this.#short.get(record.id)?.asked;
    const staying = record.keepers.filter((peer) => !this.#leaving.has(peer));
    const coming = [...staying, ...(asked?.keys() ?? [])];
    const wanted = Math.max(record.replicas, 1) - coming.length;
    const isVolatile = coming.length > 0 && coming.every((peer) => this.#isVolatile(peer));
    if (isVolatile && this.#isCostly(record)) return { copies: Math.max(wanted, 1), stable: true };
    return { copies: wanted, stable: false };
  }

  #isVolatile(peer: PeerId): boolean {
    const record = this.#plane.peers.get(peer);
    // A driver's objects go with it anyway.
    return record?.role === "worker" && record.runtime === "browser";
  }

  #isCostly({ id, costMs }: ObjectRecord): boolean {
    return costMs === undefined || costMs >= COSTLY_MS || !this.#plane.submissions.canBeRemade(id);
  }

  #choose(record: ObjectRecord, shortage: Shortage, isStable: boolean): PeerId | undefined {
    const taken = [...record.keepers, ...shortage.asked.keys()];
    const domains = new Set(taken.map((peer) => domainOf(this.#plane.peers.get(peer), peer)));
    let best: PeerRecord | undefined;
    let bestRank: readonly number[] = [];
    for (const peer of this.#plane.peers.values()) {
      const hasCopy = record.locations.includes(peer.peer);
      if (peer.role !== "worker" && !hasCopy) continue;
      if (taken.includes(peer.peer) || shortage.refused.has(peer.peer)) continue;
      if (this.#leaving.has(peer.peer)) continue;
      if (isStable && this.#isVolatile(peer.peer)) continue;
      if (!hasCopy && (this.#underWay.get(peer.peer) ?? 0) >= COPIES_PER_PEER_MAX) continue;
      const rank = [
        domains.has(domainOf(peer, peer.peer)) ? 1 : 0,
        this.#isVolatile(peer.peer) ? 1 : 0,
        hasCopy ? 0 : 1,
        peer.storedBytes,
      ];
      if (best && !isBefore(rank, bestRank)) continue;
      best = peer;
      bestRank = rank;
    }
    return best?.peer;
  }

  #handOver(object: ObjectId, record: ObjectRecord | undefined): void {
    for (const [peer, { toHandOver }] of this.#leaving) {
      if (!toHandOver.has(object)) continue;
      const isSafe = record?.keepers.some((keeper) => !this.#leaving.has(keeper)) ?? true;
      if (!isSafe) continue;
      toHandOver.delete(object);
      if (toHandOver.size === 0) this.#ports.handedOver(peer);
    }
  }

  #forget(object: ObjectId): void {
    for (const peer of this.#short.get(object)?.asked.keys() ?? []) this.#count(peer, -1);
    this.#short.delete(object);
    this.#unmet.delete(object);
  }

  #count(peer: PeerId, change: 1 | -1): void {
    const underWay = (this.#underWay.get(peer) ?? 0) + change;
    if (underWay > 0) this.#underWay.set(peer, underWay);
    else this.#underWay.delete(peer);
  }
}

/** What fails together: a machine, as far as its workers say which one they are on. */
const domainOf = (peer: PeerRecord | undefined, id: PeerId): string => peer?.labels["host"] ?? id;

function isBefore(a: readonly number[], b: readonly number[]): boolean {
  const first = a.findIndex((value, i) => value !== b[i]);
  return first >= 0 && a[first]! < b[first]!;
}
