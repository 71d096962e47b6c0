import type { JobId, PeerId } from "../../shared/ids.ts";
import type { Define, Hello } from "../../shared/protocol/messages.ts";
import type { SchedulerEvent } from "../scheduler/types.ts";
import type { PeerRecord } from "./types.ts";

/** What is kept of a peer's introduction. Its runtime is a label that it cannot choose. */
export function peerRecordOf(peer: PeerId, hello: Hello, joinedMs: number): PeerRecord {
  const { role, runtime, name, webrtc, directUrl, capacity, labels } = hello;
  return {
    peer,
    role,
    runtime,
    name,
    directUrl,
    webrtc,
    capacity,
    labels: { ...labels, runtime },
    joinedMs,
    defined: new Set(),
    links: [],
    storedBytes: 0,
  };
}

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
  retriesMax: define.retriesMax,
  priority: define.priority,
});
