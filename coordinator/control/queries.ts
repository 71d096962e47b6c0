import { makerOf, type GroupId, type ObjectId, type TaskId } from "../../shared/ids.ts";
import { REPLICAS_MAX } from "../../shared/protocol/limits.ts";
import { cut, EXPLANATION_CHARS_MAX } from "../../shared/protocol/texts.ts";
import type {
  CoordinatorMessage,
  Explanation,
  MeshSummary,
  PeerMessage,
  PeerSummary,
} from "../../shared/protocol/messages.ts";
import { explainTask } from "../scheduler/explain.ts";
import { explainGroup } from "../scheduler/explain-groups.ts";
import type { ObjectRecord } from "../directory/types.ts";
import type { TaskRecord } from "../scheduler/types.ts";
import { findActor, listActors } from "./actor-queries.ts";
import type { ControlPlane } from "./control-plane.ts";

const KEEPERS_TOLD_MAX = 2 * REPLICAS_MAX;
const HOLDERS_TOLD_MAX = 8;
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

/** Why an object is not there yet, or what became of it. */
export function explain(plane: ControlPlane, object: ObjectId | undefined): Explanation {
  const explanation = explainUncut(plane, object);
  const text = cut(explanation.text, EXPLANATION_CHARS_MAX);
  const story = explanation.story.map((line) => cut(line, 512));
  const record = object && plane.directory.objects.get(object);
  if (!record || record.locations.length === 0) return { ...explanation, text, story };
  return { ...explanation, text, story, keepers: keepersOf(plane, record) };
}

const keepersOf = ({ peers }: ControlPlane, { keepers }: ObjectRecord): string[] =>
  keepers.slice(0, KEEPERS_TOLD_MAX).map((keeper) => peers.get(keeper)?.name ?? keeper);

function explainUncut(plane: ControlPlane, object: ObjectId | undefined): Explanation {
  const group = plane.scheduler.placementGroups.get(object as string as GroupId);
  if (group) {
    const isWaiting = plane.scheduler.pendingGroups.has(group);
    const text = explainGroup(plane.scheduler, group);
    return { text, state: isWaiting ? "waiting" : "done", story: [] };
  }
  const id = object as string as TaskId;
  const task = plane.scheduler.tasks.get(id);
  if (task) {
    return {
      text: explainTask(plane.scheduler, task, plane.nowMs),
      state: task.state === "running" || task.state === "alive" ? "running" : "waiting",
      task: id,
      story: storyOf(task, plane.nowMs),
    };
  }
  const settled = plane.settled.get(id);
  if (settled) {
    const story = [`${settled.state} ${ago(plane.nowMs - settled.settledMs)}`];
    const where = settled.worker ? ` on ${settled.worker}` : "";
    const ended = settled.state === "done" ? "is done" : settled.state;
    const why = settled.error ? `: ${settled.error}` : "";
    const text = `${settled.name} (${id}) ${ended}${where}${why}`;
    return { text, state: settled.state, task: id, story };
  }
  const record = object && plane.directory.objects.get(object);
  if (!record) {
    return {
      text: `object ${object} is not known: freed, or never made`,
      state: "freed",
      story: [],
    };
  }
  const text =
    record.phase === "pending"
      ? `object ${object} is promised by ${record.promisedBy ?? "a task"} and not made yet`
      : (record.error?.message ??
        `object ${object} is there (${record.sizeBytes} bytes${copiesText(plane, record)})`);
  const state = { pending: "waiting", sealed: "done", failed: "failed" } as const;
  return { text, state: state[record.phase], story: [holdersText(plane, record)] };
}

function copiesText(plane: ControlPlane, record: ObjectRecord): string {
  if (record.inline) return "";
  const others = record.locations.length - record.keepers.length;
  const cached = others > 0 ? `, and ${others} more have a copy for now` : "";
  const wanted = Math.max(record.replicas, 1);
  return `, ${record.keepers.length} of ${wanted} copies kept by ${keepersOf(plane, record).join(", ")}${cached}`;
}

/** Who has refs to an object: why it is not freed. */
function holdersText({ directory, peers }: ControlPlane, { id, holds }: ObjectRecord): string {
  const holders: string[] = [];
  for (const [peer, objects] of directory.heldBy) {
    if (objects.has(id)) holders.push(peers.get(peer)?.name ?? peer);
  }
  const others = holds - holders.length;
  if (others > 0) holders.push(`${others} unfinished task(s) or other objects`);
  const listed = holders.slice(0, HOLDERS_TOLD_MAX).join(", ");
  const more = holders.length - HOLDERS_TOLD_MAX;
  return `held by ${listed || "nobody"}${more > 0 ? ` and ${more} more` : ""}`;
}

function storyOf(task: TaskRecord, nowMs: number): string[] {
  const story = [`submitted ${ago(nowMs - task.submittedMs)}`];
  for (const { atMs, what } of task.story ?? []) story.push(`${ago(nowMs - atMs)}: ${what}`);
  if (task.worker) {
    story.push(`given to ${task.worker.name}, heard of ${ago(nowMs - task.leasedMs)}`);
  }
  return story;
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
      ...(record.faults ? { faults: record.faults } : {}),
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

const ago = (ms: number): string =>
  ms < 1_000 ? `${Math.round(ms)} ms ago` : `${(ms / 1_000).toFixed(1)} s ago`;
