import type { TaskId } from "../../shared/ids.ts";
import type { SchedulerEffect } from "../scheduler/types.ts";
import type { SettledTask } from "./types.ts";

type Settling = Extract<SchedulerEffect, { type: "accept-result" | "fail-task" | "actor-died" }>;
type Slot = { -readonly [Field in keyof SettledTask]: SettledTask[Field] };

const REMEMBERED_MAX = 1_000;

function stateOf(effect: Settling): SettledTask["state"] {
  if (effect.type === "accept-result") return "done";
  if (effect.type === "actor-died") return effect.how;
  return effect.error.code === "TASK_CANCELLED" ? "cancelled" : "failed";
}

/**
 * The tasks that ended last, in a ring: the dashboard and `explain` look back this far. Its slots
 * are written over, because a record per task lived just long enough to be copied by the garbage
 * collector twice; what it hands out is to be read at once.
 */
export class SettledTasks {
  readonly #ring: Slot[] = [];
  #next = 0;

  /** @param worker the name of the worker whose result counts, if one does. */
  note(effect: Settling, worker: string | undefined, settledMs: number): void {
    const slot = (this.#ring[this.#next] ??= {} as Slot);
    slot.task = effect.type === "actor-died" ? (effect.actor as string as TaskId) : effect.task;
    slot.name = effect.name;
    slot.state = stateOf(effect);
    slot.worker = worker;
    slot.attempts = effect.attempts;
    slot.settledMs = settledMs;
    slot.submittedMs = effect.submittedMs;
    slot.error = effect.type === "accept-result" ? undefined : effect.error.message;
    slot.story = effect.story;
    this.#next = (this.#next + 1) % REMEMBERED_MAX;
  }

  get(task: TaskId): SettledTask | undefined {
    return this.#ring.find((slot) => slot.task === task);
  }

  /** Newest first. */
  *recent(): IterableIterator<SettledTask> {
    for (let back = 1; back <= this.#ring.length; back++) {
      const at = (this.#next - back + REMEMBERED_MAX) % REMEMBERED_MAX;
      const settled = this.#ring[at];
      if (settled) yield settled;
    }
  }
}
