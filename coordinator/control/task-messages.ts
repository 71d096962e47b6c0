import type { CoordinatorMessage, PeerMessage } from "../../shared/protocol/messages.ts";
import { MeshError } from "../../shared/errors.ts";
import { isMadeBy, makerOf, type PeerId, type TaskId } from "../../shared/ids.ts";
import type { SchedulerEffect, SchedulerEvent, SchedulerState } from "../scheduler/types.ts";
import { cut, EXPLANATION_CHARS_MAX } from "../../shared/protocol/texts.ts";
import { isDetachedJob } from "./detached-classes.ts";
import { jobOf } from "./nested-tasks.ts";
import type { PeerRecord } from "./types.ts";

export type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

type TaskMessage = Extract<
  PeerMessage,
  {
    type:
      | "heartbeat"
      | "cancel-task"
      | "task-blocked"
      | "task-resumed"
      | "task-failed"
      | "actor-ended"
      | "end-actor"
      | "leaving";
  }
>;

/**
 * What a peer's message about tasks and actors means to the scheduler.
 * @throws MeshError `PROTOCOL_VIOLATION` if the peer may not say that of this task.
 */
export function schedulerEventOf(
  from: PeerRecord,
  message: TaskMessage,
  scheduler: SchedulerState,
): Untimed<SchedulerEvent> {
  const { peer: worker } = from;
  switch (message.type) {
    case "heartbeat":
      return { type: "heartbeat", worker, tasks: message.tasks };
    case "cancel-task":
      requireOfJob(from, message.task, message.parent, scheduler);
      return {
        type: "task-cancelled",
        task: message.task,
        why: `${whoOf(message)} cancelled it`,
        isForced: message.isForced,
        isRecursive: message.isRecursive,
      };
    case "task-blocked":
    case "task-resumed": {
      const { type, task, attempt } = message;
      return { type, worker, task, attempt };
    }
    case "task-failed": {
      const { task, attempt, error, isRetryable } = message;
      return { type: "task-failed", worker, task, attempt, error, isRetryable };
    }
    case "actor-ended":
      return { ...message, worker };
    case "leaving":
      return { type: "worker-left", worker, why: `it leaves (${message.reason})`, isOrderly: true };
    case "end-actor": {
      const { actor, restart } = message;
      return { type: "actor-unwanted", actor, why: `${from.name} ended it`, restart };
    }
  }
}

const whoOf = ({ parent }: { readonly parent?: TaskId }): string =>
  parent ? `its task ${parent}` : "its driver";

/** @throws MeshError `PROTOCOL_VIOLATION` if the task or actor belongs to another job. */
export function requireOfJob(
  from: PeerRecord,
  task: TaskId,
  parent: TaskId | undefined,
  scheduler: SchedulerState,
): void {
  // A worker makes ids in the name of every job that it runs tasks of.
  if (from.role === "driver" && isMadeBy(task, from.peer)) return;
  const job = scheduler.tasks.get(task)?.group.job;
  if (!job || job === jobOf(from, parent, scheduler)) return;
  const message = `${from.peer} may not end ${task}: it belongs to another job`;
  throw new MeshError("PROTOCOL_VIOLATION", message);
}

type Warn = Extract<SchedulerEffect, { type: "warn" }>;

/** Who is to be warned. */
export const warnedOf = ({ job, task }: Warn): PeerId =>
  isDetachedJob(job) ? makerOf(task) : (job as string as PeerId);

export const warningMessage = ({ task, text }: Warn): CoordinatorMessage => ({
  type: "warning",
  task: task as string as TaskId,
  text: cut(text, EXPLANATION_CHARS_MAX),
});
