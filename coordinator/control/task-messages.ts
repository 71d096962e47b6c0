import type { PeerMessage } from "../../shared/protocol/messages.ts";
import type { SchedulerEvent } from "../scheduler/types.ts";
import { requireMine } from "./object-messages.ts";
import type { PeerRecord } from "./types.ts";

export type Untimed<E> = E extends unknown ? Omit<E, "atMs"> : never;

type TaskMessage = Extract<
  PeerMessage,
  { type: "heartbeat" | "cancel-task" | "task-failed" | "actor-ended" | "end-actor" | "leaving" }
>;

/**
 * What a peer's message about tasks and actors means to the scheduler.
 * @throws MeshError `PROTOCOL_VIOLATION` if the peer may not say that of this task.
 */
export function schedulerEventOf(from: PeerRecord, message: TaskMessage): Untimed<SchedulerEvent> {
  const { peer: worker } = from;
  switch (message.type) {
    case "heartbeat":
      return { type: "heartbeat", worker, tasks: message.tasks };
    case "cancel-task":
      requireMine(from, message.task);
      return { type: "task-cancelled", task: message.task, why: "its driver cancelled it" };
    case "task-failed": {
      const { task, attempt, error } = message;
      return { type: "task-failed", worker, task, attempt, error };
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
