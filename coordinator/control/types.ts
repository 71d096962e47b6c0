import type { ActorId, CallableId, JobId, ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import type {
  ActorName,
  CoordinatorMessage,
  Define,
  Hello,
  LinkCounters,
  PeerSummary,
  Role,
  Runtime,
} from "../../shared/protocol/messages.ts";
import type { Quota } from "../scheduler/policy/fairness.ts";
import type { Demands, Labels, WireError } from "../../shared/protocol/schema.ts";
import type { Chapter } from "../scheduler/chapter.ts";
import type { KeptArgs } from "./kept-args.ts";

/** What the control plane needs from the world. The gateway and the simulator each supply it. */
export interface ControlPorts {
  /** What each job may have at once; unset: all there is. */
  readonly jobQuota?: Quota | undefined;
  /** @param valueBytes size of the values inside the message. */
  send(to: PeerId, message: CoordinatorMessage, valueBytes: number): void;
  /** End the session of a peer. `peerLeft` has been dealt with already. */
  drop(peer: PeerId, error: WireError): void;
  /** A ticket that lets `from` open a link to `to`. */
  signTicket(from: PeerId, to: PeerId): Uint8Array<ArrayBuffer>;
  /** The secret of a job, always the same: 32 bytes that nobody can guess. */
  jobSecret(job: JobId): Uint8Array<ArrayBuffer>;
}

/** A peer as the gateway introduces it: its `hello`, checked. */
export interface PeerIntroduction {
  readonly peer: PeerId;
  readonly hello: Hello;
}

/** What the control plane knows of a connected peer. */
export interface PeerRecord {
  readonly peer: PeerId;
  readonly role: Role;
  readonly runtime: Runtime;
  readonly name: string;
  readonly directUrl: string | undefined;
  readonly webrtc: boolean;
  readonly capacity: Demands | undefined;
  readonly labels: Labels;
  /** The largest object that its store takes, if it says so. */
  readonly storeBytesMax: number | undefined;
  readonly joinedMs: number;
  /** Callables this worker has been told of. */
  readonly defined: Set<string>;
  links: readonly LinkCounters[];
  storedBytes: number;
  /** What receivers of objects had to complain of. */
  faults?: NonNullable<PeerSummary["faults"]>;
  /** What its quota of the relay had to do with, if anything. */
  relayQuota?: string;
  /** Of those, what is on disk alone. */
  spilledBytes: number;
}

/** What a task was submitted with, kept until it is settled. */
export interface Payload {
  readonly callable: CallableId;
  args: KeptArgs;
  readonly dependencies: readonly ObjectId[];
  /** Dependencies and contained refs: held as long as the task is unfinished. */
  readonly held: readonly ObjectId[];
  /** The task or actor that submitted it, if not a driver. */
  readonly parent?: TaskId;
  /** How many tasks and actors are between it and the driver. */
  readonly depth?: number;
}

export interface ActorRecord {
  worker: PeerId | undefined;
  /** The attempt that constructed it as it lives now, or lived last; -1 before. */
  life: number;
  error: WireError | undefined;
  /** It was to be made only if that one did not exist. */
  sameAs: ActorId | undefined;
  /** Peers to be told where it lives, and when it ends. */
  watchers: Set<PeerId> | undefined;
  readonly define: Define;
  readonly name: ActorName | undefined;
}

/** A task that has come to its end, for the dashboard and `explain`. */
export interface SettledTask {
  readonly task: TaskId;
  readonly name: string;
  readonly state: "done" | "failed" | "cancelled";
  readonly worker: string | undefined;
  readonly attempts: number;
  readonly submittedMs: number;
  readonly settledMs: number;
  readonly error: string | undefined;
  readonly story: readonly Chapter[] | undefined;
}

export type ActorTable = Map<ActorId, ActorRecord>;

/** Node processes are started by whoever runs the mesh; a tab may be anybody's. */
export const isTrusted = ({ runtime }: Pick<PeerRecord, "runtime">): boolean => runtime === "node";
