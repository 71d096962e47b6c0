import type { SchedulerEffect, SchedulerState, TaskRecord } from "./types.ts";
import { isCounted } from "./charging.ts";
import { unpark } from "./ready-lines.ts";
import { change } from "../../shared/worker/machine/amounts.ts";
import { holdsOn, LENT_MAX, promote, startPrefetched } from "./placement.ts";

/**
 * A task that waits for objects which are not made yet gives its CPUs to others meanwhile, or a task
 * that waits for one it has submitted would keep that one out of the only slot. It takes them back
 * when it goes on, even if others have them then: for a moment more runs than there are CPUs.
 */

export function lend(state: SchedulerState, task: TaskRecord, effects: SchedulerEffect[]): void {
  const { worker, group } = task;
  group.waits = true;
  if (!worker || task.cpus === "lent") return;
  if (worker.lent >= LENT_MAX) {
    if (worker.isDeep) return;
    worker.isDeep = true;
    const text = `${group.name} (${task.id}) waits for tasks that it submitted, and so do ${LENT_MAX} others on ${worker.name}: it lends its CPUs to no more, and what is submitted there may wait for ever. Submit less deeply, give the mesh more workers, or collect results in the driver`;
    effects.push({ type: "warn", job: group.job, task: task.id, text });
    return;
  }
  // That it waits shows that it runs.
  if (worker.prefetched.delete(task)) {
    worker.aheadUs -= task.expectedUs;
    change(worker.used, group.demands, 1);
  }
  task.cpus = "lent";
  worker.lent += 1;
  worker.used.cpuMilli -= group.demands.cpuMilli;
  const { job } = group.line;
  if (isCounted(group)) job.used.cpuMilli -= group.demands.cpuMilli;
  if (job.parked.size > 0) unpark(state, job);
  if (holdsOn(task)) worker.held.cpuMilli -= group.demands.cpuMilli;
  startPrefetched(state, worker);
  promote(worker);
  // A placement group may fit now, and perhaps the task waits for what is to run in it.
  state.isRoomMade = true;
}
