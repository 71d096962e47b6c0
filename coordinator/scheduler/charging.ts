import type { WireError } from "../../shared/protocol/schema.ts";
import { change } from "../../shared/worker/machine/amounts.ts";
import { describeWish } from "./describe.ts";
import {
  catchUp,
  charge,
  costOfUs,
  dominantShare,
  exceedsQuota,
  isWithinQuota,
  launchCostUs,
  type Quota,
} from "./policy/fairness.ts";
import { refile, unpark } from "./ready-lines.ts";
import type { SchedulerState, SchedulingClass, Shape, TaskRecord, WorkerRecord } from "./types.ts";

/** What jobs get and have (S12): charged when a task is given out, put right while it runs and when it ends. */

/** A task was given to a worker. */
export function chargeLaunch(state: SchedulerState, task: TaskRecord): void {
  const { group } = task;
  const { job } = group.line;
  catchUp(job, state.servedUs);
  if (job.servedUs > state.servedUs) state.servedUs = job.servedUs;
  task.chargedUs = launchCostUs(group.averageMs);
  charge(job, task.chargedUs, shareOf(state, group.shape));
  if (isCounted(group)) change(job.used, group.demands, 1);
}

/** It was taken off its worker. @param ranForMs as its worker said, if it is done. */
export function chargeEnd(
  state: SchedulerState,
  task: TaskRecord,
  { worker, ranForMs }: { readonly worker: WorkerRecord; readonly ranForMs: number | undefined },
): void {
  const { group } = task;
  const { job } = group.line;
  // What an actor holds is limited by quotas: its whole life in one sum would starve its job.
  if (!group.isActor) {
    const costUs =
      ranForMs === undefined
        ? costSoFarUs(state, task, worker)
        : costOfUs(ranForMs / worker.speed.slowness);
    charge(job, costUs - task.chargedUs, shareOf(state, group.shape));
    if (costUs < task.chargedUs && job.linesReady > 0) refile(job);
  }
  if (!isCounted(group)) return;
  change(job.used, group.demands, -1);
  if (job.parked.size > 0) unpark(state, job);
}

/** It runs still: what runs long is not to be paid for in one sum. */
export function chargeSoFar(state: SchedulerState, task: TaskRecord): void {
  const { group, worker } = task;
  if (!worker || group.isActor) return;
  const costUs = costSoFarUs(state, task, worker);
  if (costUs <= task.chargedUs) return;
  charge(group.line.job, costUs - task.chargedUs, shareOf(state, group.shape));
  task.chargedUs = costUs;
}

/** As long as a worker of average speed would have taken. */
function costSoFarUs({ nowMs }: SchedulerState, task: TaskRecord, worker: WorkerRecord): number {
  if (worker.prefetched.has(task)) return costOfUs(0);
  const { speed } = worker;
  return costOfUs((nowMs - task.launchedMs - speed.roundTripMs) / speed.slowness);
}

/** What its group has reserved is counted with the group. */
export const isCounted = ({ placementGroup }: SchedulingClass): boolean =>
  placementGroup === undefined;

/** Whether the job's quota leaves room for one more task of the class. */
export const mayHaveMore = ({ quota }: SchedulerState, group: SchedulingClass): boolean =>
  quota === undefined ||
  !isCounted(group) ||
  isWithinQuota(quota, group.line.job.used, group.demands);

/** Of the mesh, what a task of this shape takes: worked out again when the mesh has changed. */
function shareOf({ total, fleetVersion }: SchedulerState, shape: Shape): number {
  if (shape.shareVersion !== fleetVersion) {
    shape.share = dominantShare(shape.demands, total);
    shape.shareVersion = fleetVersion;
  }
  return shape.share;
}

/** Why a task of this class could never run, whatever else its job has: what it demands is more than the quota. */
export function quotaExcess(
  { quota }: SchedulerState,
  group: SchedulingClass,
): WireError | undefined {
  if (!quota || !isCounted(group) || !exceedsQuota(quota, group.demands)) return undefined;
  const message = `${group.name} needs ${describeWish(group.shape)}, and a job may have ${describeQuota(quota)} at once in this mesh; ask for less, or whoever started the coordinator for another --job-quota`;
  return { code: "QUOTA_EXCEEDED", message };
}

/** In words. */
export function describeQuota({ cpuMilli, gpuMilli, memoryBytes, custom = {} }: Quota): string {
  const parts: string[] = [];
  if (cpuMilli !== undefined) parts.push(`${cpuMilli / 1_000} cpus`);
  if (gpuMilli !== undefined) parts.push(`${gpuMilli / 1_000} gpus`);
  if (memoryBytes !== undefined) parts.push(`${memoryBytes} bytes of memory`);
  for (const [name, amount] of Object.entries(custom)) parts.push(`${amount / 1_000} of ${name}`);
  return parts.join(", ");
}
