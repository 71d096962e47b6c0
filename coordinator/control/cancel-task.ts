import type { CoordinatorMessage, PeerMessage } from "../../shared/protocol/messages.ts";
import { toWireError } from "../../shared/protocol/wire-error.ts";
import type { SchedulerEvent, SchedulerState } from "../scheduler/types.ts";
import { schedulerEventOf, type Untimed } from "./task-messages.ts";
import type { PeerRecord } from "./types.ts";

/**
 * Cancel a task.
 * @returns for who wants an answer: whether it was still to be had, or why that peer may not cancel it.
 * @throws MeshError `PROTOCOL_VIOLATION` if it may not, and wants no answer.
 */
export function cancelTask(
  from: PeerRecord,
  message: Extract<PeerMessage, { type: "cancel-task" }>,
  scheduler: SchedulerState,
  schedule: (event: Untimed<SchedulerEvent>) => void,
): CoordinatorMessage | undefined {
  const { task, request } = message;
  const isCancelled = scheduler.tasks.has(task);
  try {
    schedule(schedulerEventOf(from, message, scheduler));
  } catch (thrown) {
    if (request === undefined) throw thrown;
    const error = { ...toWireError(thrown), code: "FORBIDDEN" as const };
    return { type: "answer", request, error };
  }
  return request === undefined ? undefined : { type: "answer", request, isCancelled };
}
