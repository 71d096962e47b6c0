import type { ObjectId, PeerId, TaskId } from "../../../shared/ids.ts";
import type { MeshSummary, PeerSummary } from "../../../shared/protocol/messages.ts";

/** The answer of `GET /v1/state`. Lists are bounded by the coordinator; the summary counts all. */
export interface MeshState {
  readonly mesh: MeshSummary;
  readonly peers: readonly PeerSummary[];
  /** Most recent first. */
  readonly tasks: readonly TaskSummary[];
  readonly objects: readonly ObjectSummary[];
}

export interface TaskSummary {
  readonly task: TaskId;
  /** The function's or class's name. */
  readonly name: string;
  /** A state of the scheduler, or how the task ended. A word this page does not know is shown. */
  readonly state: string;
  /** Name or id of the worker that has it, or had it last. */
  readonly worker?: string;
  readonly attempts: number;
  readonly ageMs: number;
  readonly submitter: PeerId;
}

export interface ObjectSummary {
  readonly object: ObjectId;
  readonly sizeBytes: number;
  /** Peers with a whole copy, or `coordinator` for a value that is small. */
  readonly locations: readonly string[];
  /** How many peers and tasks refer to it. */
  readonly holders: number;
  readonly state: string;
}

/** The groups in which people look for tasks. */
export const TASK_GROUPS = ["waiting", "running", "done", "failed"] as const;
export type TaskGroup = (typeof TASK_GROUPS)[number];

const GROUP_OF_STATE: Readonly<Record<string, TaskGroup>> = {
  waiting: "waiting",
  ready: "waiting",
  running: "running",
  alive: "running",
  done: "done",
  failed: "failed",
  cancelled: "failed",
};

/** Undefined for a state of a newer coordinator: such a task is listed under “all” alone. */
export const taskGroup = (state: string): TaskGroup | undefined => GROUP_OF_STATE[state];

/** How many tasks of each group the mesh has had, listed or not. */
export const taskCounts = (mesh: MeshSummary): Readonly<Record<TaskGroup, number>> => ({
  waiting: mesh.tasksWaiting + mesh.tasksReady,
  running: mesh.tasksRunning,
  done: mesh.tasksDone,
  failed: mesh.tasksFailed,
});
