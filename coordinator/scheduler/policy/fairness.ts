import { noAmounts, type Amounts } from "../../../shared/worker/machine/amounts.ts";
import type { Demands } from "../../../shared/protocol/schema.ts";

/**
 * How the jobs of one mesh share it: each gets of it in proportion to its weight, as long as it has work.
 *
 * Assumptions: what a task costs others is the time that it runs, times the share of the mesh's scarcest
 * resource that it demands (dominant share), counted for a worker of average speed. How long it will run is
 * taken from its class when it is given out, and put right while it runs and when it ends. A job that
 * had nothing to do has no claim to what it did not use: it begins where the others are now (start-time
 * fair queueing). Nor has one whose work could not be done meanwhile, because no worker could hold it: what
 * it lags behind the others is bounded. The job that has got least goes next; priorities order the work
 * of one job, and are nothing to the others.
 */
export interface Account {
  /** In proportion to this a job gets its share. */
  weight: number;
  /** What it has got, in microseconds of the whole mesh by weight. */
  servedUs: number;
}

/** What a task of a class costs that is not known yet. */
const UNKNOWN_US = 100_000;
/**
 * What is charged at launch at most: a class's average may be far from what this task will take, and the
 * rest is charged while it runs.
 */
const LAUNCH_US_MAX = 1_000_000;
/** So much of the whole mesh can a job have missed and still claim: more than one launch, less than is felt. */
const LAG_US_MAX = 2_000_000;
/** Every task costs this: the coordinator's time and a message. */
const COST_US_MIN = 20;
/** What a task costs that demands nothing: it occupies an executor all the same. */
const SHARE_CPU_MILLI_MIN = 62.5;

/** What a task costs that a worker of average speed runs so long. */
export const costOfUs = (ranForMs: number): number =>
  ranForMs > 0 ? COST_US_MIN + Math.round(ranForMs * 1_000) : COST_US_MIN;

/** What a task of a class costs as far as is known before it runs. */
export const launchCostUs = (averageMs: number | undefined): number =>
  averageMs === undefined ? UNKNOWN_US : Math.min(costOfUs(averageMs), LAUNCH_US_MAX);

/** A task of these demands takes so much longer, or less long, than was charged. */
export function charge(account: Account, us: number, share: number): void {
  account.servedUs += (us * share) / account.weight;
}

/** The job has work again after it had none. */
export function resume(account: Account, servedUs: number): void {
  account.servedUs = Math.max(account.servedUs, servedUs);
}

/** The job is served while others are there: what it missed for long it does not get any more. */
export function catchUp(account: Account, servedUs: number): void {
  const leastUs = servedUs - LAG_US_MAX / account.weight;
  if (account.servedUs < leastUs) account.servedUs = leastUs;
}

/** Of the resource that it takes most of, the part that these demands are of all there is. */
export function dominantShare(demands: Demands, total: Amounts): number {
  const { cpuMilli, gpuMilli, memoryBytes, custom } = demands;
  let share = partOf(Math.max(cpuMilli, SHARE_CPU_MILLI_MIN), total.cpuMilli);
  if (gpuMilli > 0) share = Math.max(share, partOf(gpuMilli, total.gpuMilli));
  if (memoryBytes > 0) share = Math.max(share, partOf(memoryBytes, total.memoryBytes));
  if (!custom) return share;
  for (const [name, amount] of Object.entries(custom)) {
    share = Math.max(share, partOf(amount, total.custom?.get(name) ?? 0));
  }
  return share;
}

const partOf = (amount: number, total: number): number => (total <= amount ? 1 : amount / total);

/** What one job may have at once; what is not named is not limited. */
export interface Quota {
  readonly cpuMilli?: number;
  readonly gpuMilli?: number;
  readonly memoryBytes?: number;
  readonly custom?: Readonly<Record<string, number>>;
}

/** Whether a job that uses so much may be given that as well. */
export function isWithinQuota(quota: Quota, used: Amounts, demands: Demands): boolean {
  return (
    within(quota.cpuMilli, used.cpuMilli, demands.cpuMilli) &&
    within(quota.gpuMilli, used.gpuMilli, demands.gpuMilli) &&
    within(quota.memoryBytes, used.memoryBytes, demands.memoryBytes) &&
    (!demands.custom ||
      Object.entries(demands.custom).every(([name, amount]) =>
        within(quota.custom?.[name], used.custom?.get(name) ?? 0, amount),
      ))
  );
}

const within = (limit: number | undefined, used: number, demand: number): boolean =>
  limit === undefined || demand === 0 || used + demand <= limit;

/** Whether these demands exceed the quota even alone. */
export const exceedsQuota = (quota: Quota, demands: Demands): boolean =>
  !isWithinQuota(quota, noAmounts(), demands);
