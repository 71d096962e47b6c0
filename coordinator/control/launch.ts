import type { PeerId, TaskId } from "../../shared/ids.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { isCurrent } from "../scheduler/copies.ts";
import type { ControlPlane } from "./control-plane.ts";
import { runMessage } from "./run-message.ts";
import { tooLargeForAll } from "./store-limits.ts";
import type { ControlPorts } from "./types.ts";

/** Give a worker the attempt that the scheduler has chosen it for, and what it must know for it. */
export function launch(
  plane: ControlPlane,
  ports: ControlPorts,
  { worker, task, attempt }: { worker: PeerId; task: TaskId; attempt: number },
): void {
  const { submissions, scheduler, circles, peers } = plane;
  const payload = submissions.payloads.get(task);
  const scheduled = scheduler.tasks.get(task);
  const define = scheduled && plane.callables.get(scheduled.group.callable);
  // An effect before this one in the queue may have ended the task.
  if (!payload || !define || !isCurrent(scheduler, task, attempt)) return;
  const missing = submissions.pendingOf(payload.dependencies);
  // Or one was made since that nobody could have: taken back, the task fails with that.
  if (missing.length > 0 || tooLargeForAll(plane, payload.dependencies)) {
    const error: WireError = { code: "OBJECT_LOST", message: "an argument was lost" };
    return submissions.takeBack(worker, { task, attempt, error });
  }
  const state = submissions.states.newestOf(task, plane.directory);
  if (state === "lost") return submissions.failUnrestorable(worker, { task, attempt });
  const record = peers.get(worker);
  if (record && !record.defined.has(define.callable)) {
    record.defined.add(define.callable);
    const { job } = scheduled.group;
    circles.joined(worker, job);
    const jobKey = circles.jobKey(job);
    ports.send(worker, jobKey ? { ...define, jobKey } : define, define.source.length);
  }
  const { callable } = define;
  const run = runMessage({ task, attempt, callable }, payload, state, plane);
  ports.send(worker, run.message, run.valueBytes);
}
