import type { CallableId, JobId, PeerId } from "../../shared/ids.ts";
import { REFS_PER_MESSAGE_MAX, UNLIMITED } from "../../shared/protocol/limits.ts";
import type { Define, Hello } from "../../shared/protocol/messages.ts";
import type { Demands } from "../../shared/protocol/schema.ts";
import type { SchedulerEvent } from "../scheduler/types.ts";
import type { JobCircles } from "./job-circles.ts";
import type { ControlPorts, PeerRecord } from "./types.ts";
import { DEPTH_MAX } from "../scheduler/placement.ts";
import { nestedClassOf } from "./nested-tasks.ts";

/**
 * What is kept of a peer's introduction. `runtime` is a label too, and what the peer says it is: a
 * token of the role contribute may call itself either.
 */
export function peerRecordOf(peer: PeerId, hello: Hello, joinedMs: number): PeerRecord {
  const { role, runtime, name, webrtc, directUrl, capacity, labels, storeBytesMax } = hello;
  return {
    peer,
    role,
    runtime,
    name,
    directUrl,
    webrtc,
    capacity,
    labels: { ...labels, runtime },
    storeBytesMax,
    joinedMs,
    defined: new Set(),
    links: [],
    storedBytes: 0,
    spilledBytes: 0,
  };
}

/** Silence after which a worker is given up: three heartbeats; a throttled tab beats rarely. */
const SILENCE_MS_MAX = { node: 16_000, browser: 75_000 } as const;

type JobWeighted = Extract<SchedulerEvent, { type: "job-weighted" }>;
type WorkerJoined = Extract<SchedulerEvent, { type: "worker-joined" }>;

/** What it means to the scheduler: a worker offers itself, a driver begins its job. */
export function peerJoined(
  record: PeerRecord,
  { weight = 1 }: Pick<Hello, "weight">,
  circles: JobCircles,
): Omit<WorkerJoined, "atMs"> | Omit<JobWeighted, "atMs"> | undefined {
  const { peer, role, capacity } = record;
  if (role === "worker") return capacity && workerJoined(record, capacity);
  if (role !== "driver") return undefined;
  const job = peer as string as JobId;
  circles.started(job);
  circles.joined(peer, job);
  return { type: "job-weighted", job, weight };
}

const workerJoined = (
  { peer, name, labels, runtime }: PeerRecord,
  capacity: Demands,
): Omit<WorkerJoined, "atMs"> => ({
  type: "worker-joined",
  worker: peer,
  name,
  capacity,
  labels,
  silenceMsMax: SILENCE_MS_MAX[runtime],
});

type ClassDefined = Extract<SchedulerEvent, { type: "class-defined" }>;

/** The scheduling class that a driver's definition makes. */
export const classDefined = (define: Define, job: JobId): Omit<ClassDefined, "atMs"> => ({
  type: "class-defined",
  id: define.callable,
  job,
  name: define.name,
  isActor: define.kind === "actor-class",
  demands: define.demands,
  labels: define.labels ?? {},
  ...(define.fallback ? { fallback: define.fallback } : {}),
  ...(define.strategy ? { strategy: define.strategy } : {}),
  retriesMax: limitOf(define.retriesMax),
  restartsMax: limitOf(define.actor?.restartsMax ?? 0),
  priority: define.priority,
  // Two attempts at a time would both give its items.
  ...(define.speculate && !define.stream && !define.returns ? { speculate: true } : {}),
});

/** Of retries or restarts, from how it travels. */
export const limitOf = (countMax: number): number =>
  countMax === UNLIMITED ? Number.POSITIVE_INFINITY : countMax;

/** Workers keep what they were told of until it cannot be run any more. */
export function forgetCallables(
  peers: ReadonlyMap<PeerId, PeerRecord>,
  callables: readonly CallableId[],
  { send }: Pick<ControlPorts, "send">,
): void {
  for (const { peer, defined } of peers.values()) {
    const known = callables.filter((callable) => defined.delete(callable));
    for (let at = 0; at < known.length; at += REFS_PER_MESSAGE_MAX) {
      const part = known.slice(at, at + REFS_PER_MESSAGE_MAX);
      send(peer, { type: "forget-callables", callables: part }, 0);
    }
  }
}
/** The class of those of its tasks that other tasks submit; see {@link nestedClassOf}. */
export const nestedClassDefined = (
  define: Define,
  job: JobId,
  depth: number,
): Omit<ClassDefined, "atMs"> => ({
  ...classDefined(define, job),
  id: nestedClassOf(define.callable, depth),
  callable: define.callable,
  depth,
  // Between its own priority and the next: the deeper, the sooner.
  priority: define.priority + depth / (DEPTH_MAX + 1),
});
