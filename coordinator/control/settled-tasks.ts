import type { TaskId } from "../../shared/ids.ts";
import type { SchedulerEffect } from "../scheduler/types.ts";
import type { SettledTask } from "./types.ts";

type Settling = Extract<SchedulerEffect, { type: "accept-result" | "fail-task" }>;

const REMEMBERED_MAX = 1_000;

/** The tasks that ended last, in a ring: the dashboard and `explain` look back this far. */
export class SettledTasks {
  readonly #ring: SettledTask[] = [];
  readonly #byId = new Map<TaskId, SettledTask>();
  #next = 0;

  /** @param worker the name of the worker whose result counts, if one does. */
  note(effect: Settling, worker: string | undefined, settledMs: number): void {
    const { task, name, attempts } = effect;
    const error = effect.type === "fail-task" ? effect.error.message : undefined;
    const state = effect.type === "fail-task" ? "failed" : "done";
    this.#add({ task, name, state, worker, attempts, settledMs, error });
  }

  #add(settled: SettledTask): void {
    const old = this.#ring[this.#next];
    if (old) this.#byId.delete(old.task);
    this.#ring[this.#next] = settled;
    this.#byId.set(settled.task, settled);
    this.#next = (this.#next + 1) % REMEMBERED_MAX;
  }

  get(task: TaskId): SettledTask | undefined {
    return this.#byId.get(task);
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
