/**
 * How many of the tasks that wait on a busy worker are asked back for an idle one.
 *
 * Assumptions: a worker starts what it has in order, so the tasks given last wait longest, and they are
 * the ones to ask for. What runs takes as long as its class does; what is late already will be late
 * by as much again. Asking costs the way to the holder and back, half of the way to the idle worker
 * before it can start, and some time of everybody: for less than that nothing is moved. So work that
 * was given ahead never ends later than if it had waited at the coordinator and gone to whom was idle,
 * but for that cost.
 */
export interface Holder {
  /** Tasks that wait there, and the time that they take together. */
  readonly count: number;
  readonly aheadUs: number;
  /** Short tasks that run there: each makes room when it ends. */
  readonly slots: number;
  /** Until the first of those ends. */
  readonly restUs: number;
  readonly roundTripUs: number;
}

export interface Idle {
  /** Tasks that it could start at once. */
  readonly slots: number;
  /** How long one takes there. */
  readonly runUs: number;
  readonly roundTripUs: number;
}

/** What asking costs besides the ways. */
const TROUBLE_US = 5_000;

export function countToRecall(holder: Holder, idle: Idle): number {
  const { count, aheadUs, restUs } = holder;
  const endsThereUs = restUs + aheadUs / Math.max(1, holder.slots);
  const endsHereUs = TROUBLE_US + holder.roundTripUs + idle.roundTripUs / 2 + idle.runUs;
  const gainUs = endsThereUs - endsHereUs;
  if (gainUs <= 0) return 0;
  // Each one less that waits there lets the last one end so much sooner.
  const eachUs = Math.max(1, aheadUs / count) / Math.max(1, holder.slots);
  return Math.min(count, idle.slots, Math.ceil(gainUs / eachUs));
}

/** How long a task goes on that has run so long and was expected to take so long. */
export const restOf = (ranForUs: number, expectedUs: number): number =>
  Math.abs(expectedUs - ranForUs);
