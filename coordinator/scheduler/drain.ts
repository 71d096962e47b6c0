import { judgePending } from "./placement-groups.ts";
import { recallAll } from "./recall.ts";
import { withdraw } from "./shapes.ts";
import type { SchedulerEffect, SchedulerState, WorkerRecord } from "./types.ts";

/**
 * From now on nothing goes to this worker or to bundles on it, and what it was given ahead is asked
 * back (S13). What runs there goes on; that the worker then leaves is a loss like any other.
 */
export function drainWorker(
  state: SchedulerState,
  worker: WorkerRecord,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  if (worker.isDraining) return;
  for (const each of [worker, ...(worker.bundles ?? [])]) {
    // While its rank still tells which pools it is in.
    for (const shape of state.shapes.values()) withdraw(shape, each);
    each.demotedFrom.length = 0;
    each.isDraining = true;
    recallAll(each, atMs, effects);
  }
  judgePending(state);
}
