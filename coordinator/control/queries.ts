import { makerOf } from "../../shared/ids.ts";
import type {
  CoordinatorMessage,
  MeshSummary,
  PeerMessage,
  PeerSummary,
} from "../../shared/protocol/messages.ts";
import { findActor, listActors } from "./actor-queries.ts";
import type { ControlPlane } from "./control-plane.ts";
import { explain } from "./explain-object.ts";

const TASKS_LISTED_MAX = 200;
const OBJECTS_LISTED_MAX = 200;
const PEERS_LISTED_MAX = 10_000;
/** Links listed of one peer: the busiest matter, and answers are never split. */
const LINKS_LISTED_MAX = 64;

export interface TaskRow {
  readonly task: string;
  readonly name: string;
  readonly state: string;
  readonly worker: string | undefined;
  readonly attempts: number;
  readonly ageMs: number;
  readonly submitter: string;
}

export interface ObjectRow {
  readonly object: string;
  readonly sizeBytes: number;
  readonly locations: readonly string[];
  readonly holders: number;
  readonly state: string;
}

/** What the dashboard shows. */
export interface MeshState {
  readonly mesh: MeshSummary;
  readonly peers: readonly PeerSummary[];
  readonly tasks: readonly TaskRow[];
  readonly objects: readonly ObjectRow[];
}

export function answerQuery(
  plane: ControlPlane,
  query: Extract<PeerMessage, { type: "query" }>,
): CoordinatorMessage {
  const answer = { type: "answer", request: query.request } as const;
  switch (query.what) {
    case "peers":
      return { ...answer, peers: summarizePeers(plane) };
    case "mesh":
      return { ...answer, mesh: summarizeMesh(plane) };
    case "explain":
      return { ...answer, explanation: explain(plane, query.object) };
    case "actors":
      return { ...answer, actors: listActors(plane) };
    case "actor":
      return { ...answer, ...findActor(plane, query.named) };
  }
}

export function summarizeMesh(plane: ControlPlane): MeshSummary {
  const { scheduler, directory, peers } = plane;
  let tasksWaiting = 0;
  let tasksRunning = 0;
  for (const worker of scheduler.workers.values()) tasksRunning += worker.launched;
  let tasksReady = 0;
  for (const group of scheduler.classes.values()) tasksReady += group.queue.size;
  tasksWaiting = scheduler.tasks.size - tasksRunning - tasksReady - plane.actors.living;
  let objectBytes = directory.inlineBytes;
  let spilledBytes = 0;
  let relayedBytes = 0;
  let drivers = 0;
  for (const { role, storedBytes, spilledBytes: onDiskBytes, links } of peers.values()) {
    if (role === "driver") drivers += 1;
    objectBytes += storedBytes;
    spilledBytes += onDiskBytes;
    for (const { path, sentBytes } of links) if (path === "relay") relayedBytes += sentBytes;
  }
  return {
    workers: scheduler.workers.size,
    drivers,
    tasksWaiting: Math.max(0, tasksWaiting),
    tasksReady,
    tasksRunning,
    tasksDone: scheduler.counters.done,
    tasksFailed: scheduler.counters.failed,
    tasksRetried: scheduler.counters.retried,
    actors: plane.actors.living,
    objects: directory.objects.size,
    // Peers say these themselves, and may say anything.
    objectBytes: Math.min(objectBytes, Number.MAX_SAFE_INTEGER),
    spilledBytes: Math.min(spilledBytes, Number.MAX_SAFE_INTEGER),
    relayedBytes: Math.min(relayedBytes, Number.MAX_SAFE_INTEGER),
  };
}

export function summarizePeers(plane: ControlPlane): PeerSummary[] {
  const summaries: PeerSummary[] = [];
  for (const record of plane.peers.values()) {
    if (summaries.length === PEERS_LISTED_MAX) break;
    const worker = plane.scheduler.workers.get(record.peer);
    const { peer, name, role, runtime, storedBytes, spilledBytes, labels, links, capacity } =
      record;
    summaries.push({
      peer,
      name,
      role,
      runtime,
      tasksRunning: worker?.launched ?? 0,
      tasksDone: worker?.tasksDone ?? 0,
      tasksFailed: worker?.tasksFailed ?? 0,
      actors: plane.actors.livingOn(peer),
      storedBytes,
      spilledBytes,
      labels,
      links: links.slice(0, LINKS_LISTED_MAX),
      connectedForMs: Math.max(0, plane.nowMs - record.joinedMs),
      ...(worker?.isDraining ? { draining: true as const } : {}),
      ...(record.faults ? { faults: record.faults } : {}),
      ...(record.relayQuota ? { relayQuota: record.relayQuota } : {}),
      ...(capacity ? { capacity } : {}),
    });
  }
  return summaries;
}

/** Everything the dashboard shows, bounded. */
export function describeMesh(plane: ControlPlane): MeshState {
  return {
    mesh: summarizeMesh(plane),
    peers: summarizePeers(plane),
    tasks: listTasks(plane),
    objects: listObjects(plane),
  };
}

function listTasks(plane: ControlPlane): TaskRow[] {
  const rows: TaskRow[] = [];
  for (const task of plane.scheduler.tasks.values()) {
    if (rows.length === TASKS_LISTED_MAX / 2) break;
    rows.push({
      task: task.id,
      name: task.group.name,
      state: task.state,
      worker: task.worker?.name,
      attempts: task.attempt + 1,
      ageMs: plane.nowMs - task.submittedMs,
      submitter: task.group.job,
    });
  }
  for (const settled of plane.settled.recent()) {
    if (rows.length === TASKS_LISTED_MAX) break;
    const { task, name, state, worker, attempts } = settled;
    const ageMs = plane.nowMs - settled.settledMs;
    rows.push({ task, name, state, worker, attempts, ageMs, submitter: makerOf(task) });
  }
  return rows;
}

function listObjects(plane: ControlPlane): ObjectRow[] {
  const rows: ObjectRow[] = [];
  for (const record of plane.directory.objects.values()) {
    if (rows.length === OBJECTS_LISTED_MAX) break;
    rows.push({
      object: record.id,
      sizeBytes: record.sizeBytes,
      locations: record.inline ? ["coordinator"] : record.locations,
      holders: record.holds,
      state: record.phase,
    });
  }
  return rows;
}
