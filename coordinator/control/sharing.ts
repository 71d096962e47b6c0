import { makerOf, type ObjectId, type PeerId } from "../../shared/ids.ts";
import type { ObjectState, PeerMessage } from "../../shared/protocol/messages.ts";
import { fromCopies } from "../../shared/protocol/copy-messages.ts";
import type {
  DirectoryEffect,
  DirectoryEvent,
  DirectoryState,
  ObjectRecord,
} from "../directory/types.ts";
import { Digests } from "./digests.ts";
import { Faults } from "./faults.ts";
import { Holders } from "./holders.ts";
import { foreign, freed, objectStateOf } from "./object-state.ts";
import type { JobCircles } from "./job-circles.ts";
import type { Replicator } from "./replicator.ts";
import type { ControlPorts, PeerRecord } from "./types.ts";

type CopyMessage = Extract<PeerMessage, { type: keyof typeof fromCopies }>;

/** Whether a message is one of those that {@link Sharing.heard} takes. */
export const isAboutCopy = (message: PeerMessage): message is CopyMessage =>
  message.type in fromCopies;

interface SharingPlane {
  readonly directory: DirectoryState;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
  readonly replicator: Replicator;
  readonly circles: JobCircles;
}

type Effect<Type> = Extract<DirectoryEffect, { type: Type }>;

/** What peers and the coordinator say to each other of objects on their way from peer to peer. */
export class Sharing {
  readonly holders = new Holders();
  readonly digests: Digests;
  readonly #plane: SharingPlane;
  readonly #ports: ControlPorts;
  readonly #faults: Faults;
  readonly #direct: (event: DirectoryEvent) => void;

  constructor(plane: SharingPlane, ports: ControlPorts, direct: (event: DirectoryEvent) => void) {
    this.#plane = plane;
    this.#ports = ports;
    this.digests = new Digests(plane, ports);
    this.#direct = direct;
    this.#faults = new Faults({
      tell: (to, error) => ports.send(to, { type: "refused", error }, 0),
      distrust: (peer, object) => direct({ type: "copy-lost", peer, object }),
    });
  }

  heard(from: PeerRecord, message: CopyMessage): void {
    const { object } = message;
    const { peer } = from;
    switch (message.type) {
      case "copy-added":
        if (!this.#mayHave(peer, object)) return this.#takeAway(peer, object);
        this.holders.ended(peer, object);
        this.#direct({ type: "copy-added", peer, object });
        return this.digests.copyAt(from, object);
      case "copy-lost":
        this.#direct({ type: "copy-lost", peer, object });
        return this.digests.copyGone(peer, object);
      case "copy-kept":
        this.#direct({ type: "copy-kept", peer, object });
        return this.#plane.replicator.answered(peer, object, true);
      case "copy-refused":
        return this.#plane.replicator.answered(peer, object, false);
      case "object-digest":
        return this.digests.answered(peer, object, message.digest);
      case "copy-started":
        // What is not there cannot be on its way.
        if (this.#plane.directory.objects.get(object)?.phase !== "sealed") return;
        if (!this.#mayHave(peer, object)) return;
        this.holders.started(peer, object);
        // While one peer alone fetches it, a hash serves nobody, and takes time from the sending.
        if (this.holders.receiving(object) > 1) this.digests.copyAt(from, object);
        return;
      case "copy-stopped":
        return this.holders.ended(peer, object);
      case "source-fault":
        return this.#faults.report(from, this.#plane.peers.get(message.peer), message);
      case "reader-fault":
        return this.#faults.trespassed(from, this.#plane.peers.get(message.peer), object);
    }
  }

  /** What a peer is told about an object that is made. */
  stateOf(record: ObjectRecord): ObjectState {
    const { id: object, locations } = record;
    const state = objectStateOf(record);
    if (locations.length === 0) return state;
    Object.assign(state, this.holders.named(object, this.digests.believable(record)));
    const digest = this.digests.of(object);
    if (digest) state.digest = digest;
    const jobKey = this.#plane.circles.jobKeyOf(object);
    if (jobKey) state.jobKey = jobKey;
    return state;
  }

  /** Its work may need the object, or it was asked to keep a copy. */
  #mayHave(peer: PeerId, object: ObjectId): boolean {
    const { circles, replicator } = this.#plane;
    return circles.mayRead(peer, object) || replicator.isAsked(peer, object);
  }

  #takeAway(peer: PeerId, object: ObjectId): void {
    this.#ports.send(peer, { type: "free-objects", objects: [object] }, 0);
  }

  /** Tell a peer where an object is that it asked for. */
  answer({ peer, object, record }: Effect<"answer">): void {
    const state = this.#stateFor(peer, object, record);
    const worker = record?.madeBy;
    const valueBytes = state.inline?.byteLength ?? 0;
    this.#ports.send(
      peer,
      worker ? { type: "object-located", state, worker } : { type: "object-located", state },
      valueBytes,
    );
  }

  #stateFor(peer: PeerId, object: ObjectId, record: ObjectRecord | undefined): ObjectState {
    if (!record) return { object, error: freed(object) };
    const { circles, peers } = this.#plane;
    // Why it failed is no secret. Of a job that has ended, what is left is on its way out.
    if (record.error || circles.mayRead(peer, object)) return this.stateOf(record);
    const isLeft = circles.isOfJob(object) || peers.has(makerOf(object));
    return { object, error: isLeft ? foreign(object) : freed(object) };
  }

  /** Copies are not wanted any more. */
  freed({ object, locations }: Effect<"free">): void {
    if (!this.#plane.directory.objects.has(object)) {
      this.forget(object);
      this.#plane.circles.freed(object);
    }
    for (const location of locations) {
      this.#ports.send(location, { type: "free-objects", objects: [object] }, 0);
    }
  }

  /** It is freed, or its last whole copy went. */
  forget(object: ObjectId): void {
    this.holders.forget(object);
    this.digests.forget(object);
  }

  peerLeft(peer: PeerId): void {
    this.holders.peerLeft(peer);
    this.#faults.peerLeft(peer);
    this.digests.peerLeft(peer);
  }
}
