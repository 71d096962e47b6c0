import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { SourceFault } from "../../shared/protocol/copy-messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { isTrusted, type PeerRecord } from "./types.ts";

export interface FaultPorts {
  /** Tell a peer what was said of it. */
  tell(peer: PeerId, error: WireError): void;
  /** Its copy of this object counts no more. */
  distrust(peer: PeerId, object: ObjectId): void;
}

/** Objects of one peer of which complaints are remembered. */
const OBJECTS_MAX = 256;

type Accusations = Map<PeerId, Map<ObjectId, Set<PeerId>>>;

const WHAT: Readonly<Record<SourceFault, string>> = {
  missing: "did not have it, although it was named as a place of it",
  "wrong-size": "sent bytes that cannot belong to it",
  "wrong-bytes": "sent other bytes than its maker announced (wrong hash)",
};

/**
 * What receivers say of sources. The accused is told, and everybody can see it in `peers()`. Its copy
 * is forgotten if one says so whom the mesh trusts, or two do: else any tab could make the copies of
 * others disappear.
 */
export class Faults {
  readonly #ports: FaultPorts;
  readonly #accusers: Accusations = new Map();
  readonly #trespasses: Accusations = new Map();

  constructor(ports: FaultPorts) {
    this.#ports = ports;
  }

  report(
    from: PeerRecord,
    accused: PeerRecord | undefined,
    { object, fault }: { readonly object: ObjectId; readonly fault: SourceFault },
  ): void {
    if (!accused || accused === from) return;
    const { peer } = accused;
    const accusers = accusersOf(this.#accusers, from.peer, peer, object);
    if (!accusers) return;
    const text = `asked for ${object} by ${from.name}, it ${WHAT[fault]}`;
    accused.faults = { count: (accused.faults?.count ?? 0) + 1, last: text };
    const message = `${from.peer} complains of this peer: ${text}. Its copy is not used any more`;
    if (!isTrusted(from) && accusers.size < 2) return;
    this.#ports.distrust(peer, object);
    this.#ports.tell(peer, { code: "PROTOCOL_VIOLATION", message, details: { object } });
  }

  /** A peer asked another for an object that it may not read. What it reads is not touched. */
  trespassed(from: PeerRecord, accused: PeerRecord | undefined, object: ObjectId): void {
    if (!accused || accused === from) return;
    if (!accusersOf(this.#trespasses, from.peer, accused.peer, object)) return;
    const text = `it asked ${from.name} for ${object} and showed no ticket for the job of that`;
    accused.faults = { count: (accused.faults?.count ?? 0) + 1, last: text };
  }

  peerLeft(peer: PeerId): void {
    this.#accusers.delete(peer);
    this.#trespasses.delete(peer);
  }
}

/** @returns all who said this of it, if `from` has not said so before and there is room for more. */
function accusersOf(
  accusations: Accusations,
  from: PeerId,
  accused: PeerId,
  object: ObjectId,
): ReadonlySet<PeerId> | undefined {
  const objects = accusations.get(accused) ?? new Map<ObjectId, Set<PeerId>>();
  accusations.set(accused, objects);
  const accusers = objects.get(object) ?? new Set();
  if (accusers.has(from)) return undefined;
  if (objects.size >= OBJECTS_MAX && !objects.has(object)) return undefined;
  objects.set(object, accusers.add(from));
  return accusers;
}
