import type { WireError } from "../../shared/protocol/schema.ts";
import { ERROR_TEXT_CHARS_MAX } from "../../shared/protocol/limits.ts";
import { cut } from "../../shared/protocol/texts.ts";
import { restartInstead, tellOf } from "./actors.ts";
import { nextAttempt } from "./copies.ts";
import { failTask } from "./endings.ts";
import { makeReady } from "./ready-lines.ts";
import { rest } from "./resting.ts";
import type { SchedulerEffect, SchedulerState, TaskRecord } from "./types.ts";

/** Whether an attempt that came to nothing is followed by another: `retriesMax` counts both kinds. */

/** An attempt was lost with its worker. */
export function retryOrFail(
  state: SchedulerState,
  task: TaskRecord,
  cause: { why: string; atMs: number },
  effects: SchedulerEffect[],
): void {
  tellOf(task, { atMs: cause.atMs, what: `attempt ${task.attempt + 1} was lost: ${cause.why}` });
  if (task.losses < task.group.retriesMax) {
    countRetry(state, task);
    makeReady(state, task);
    return;
  }
  if (restartInstead(state, task, cause.atMs)) return;
  const attempts = task.losses + 1;
  const story = task.story!.map(({ what }) => what).join("; ");
  failTask(
    state,
    task,
    {
      code: "RETRIES_EXHAUSTED",
      message: `${task.group.name} (${task.id}) lost its worker ${attempts} of ${attempts} times: ${story}. If its own code brings workers down, mend that; else raise retriesMax`,
      details: { task: task.id, attempts },
    },
    effects,
  );
}

/** Its own code threw something that its `retryOn` is meant for; it was taken off its worker. */
export function retryThrown(
  state: SchedulerState,
  task: TaskRecord,
  { error, atMs }: { readonly error: WireError; readonly atMs: number },
  effects: SchedulerEffect[],
): void {
  tellOf(task, { atMs, what: `attempt ${task.attempt + 1} failed: ${error.message}` });
  if (task.losses < task.group.retriesMax) {
    countRetry(state, task);
    rest(state, task, { failures: task.losses, atMs });
    return;
  }
  const attempts = task.losses + 1;
  const text = `${error.message}; that was attempt ${attempts} of ${attempts}`;
  failTask(state, task, { ...error, message: cut(text, ERROR_TEXT_CHARS_MAX) }, effects);
}

function countRetry(state: SchedulerState, task: TaskRecord): void {
  task.losses += 1;
  task.attempt = nextAttempt(state, task);
  state.counters.retried += 1;
}
