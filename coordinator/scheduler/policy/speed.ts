import type { CallableId } from "../../../shared/ids.ts";
import type { Demands } from "../../../shared/protocol/schema.ts";

/**
 * How fast a worker is, and what that means for the work it gets.
 *
 * Assumptions: tasks of one class take about equally long on one machine, and a machine that is slow
 * at one class is about as slow at the others. So a worker has one factor, learnt from how long its
 * tasks ran against the average of their class; a class's average is kept for a worker of factor 1.
 * The first task of a class on a worker loads and compiles what it needs, so it says nothing of that;
 * and what was learnt long ago may not be so any more, so a worker that stands by is tried again.
 */
export interface Speed {
  /** Running time in proportion to the average of the class: 10 is ten times slower. */
  slowness: number;
  /** What the pools reckon with: follows `slowness` in steps, because a step costs all shapes. */
  published: number;
  samples: number;
  /** Classes of which a task has ended here. Made for the first. */
  warmFor: Set<CallableId> | undefined;
  /** When the last sample was taken. */
  sampledMs: number;
  /** The way to the worker and back with all that is on it: the shortest that was seen lately. */
  roundTripMs: number;
}

export const unknownSpeed = (): Speed => ({
  slowness: 1,
  published: 1,
  samples: 0,
  warmFor: undefined,
  sampledMs: 0,
  roundTripMs: 0,
});

/** Weight of the newest sample, once there are several. */
const WEIGHT = 0.2;
const SLOWNESS_MAX = 64;
/** Above it, a worker forgets which classes it has run: their next tasks say nothing then. */
const WARM_CLASSES_MAX = 1_024;
/** Shorter runs say more about the clock than about the machine. */
const TOLD_MS_MIN = 0.5;
const STEP = 1.15;
/** A wait may rise slowly: one answer that took long was held up by something else. */
const ROUND_TRIP_WEIGHT = 0.05;

/** A task of this class has ended. @returns whether it was the first here. */
export function warmsUp(speed: Speed, callable: CallableId): boolean {
  if (speed.warmFor?.has(callable)) return false;
  if ((speed.warmFor?.size ?? 0) >= WARM_CLASSES_MAX) speed.warmFor = undefined;
  (speed.warmFor ??= new Set()).add(callable);
  return true;
}

/** What is known of a worker that has got no work is out of date after so many of its tasks' times. */
const TRIED_AGAIN_AFTER = 5;
const TRIED_AGAIN_MS_MIN = 1_000;

/** Whether so much is known of a worker, and so lately, that work may be kept from it. */
export const isKnown = (speed: Speed, averageMs: number, atMs: number): boolean =>
  speed.samples > 0 &&
  atMs - speed.sampledMs <
    Math.max(TRIED_AGAIN_MS_MIN, TRIED_AGAIN_AFTER * averageMs * speed.published);

/** A task of a class with this average ran so long. @returns whether `published` has to follow. */
export function learnSpeed(speed: Speed, averageMs: number | undefined, ranForMs: number): boolean {
  if (averageMs === undefined || averageMs < TOLD_MS_MIN || ranForMs < TOLD_MS_MIN) return false;
  speed.samples += 1;
  const weight = Math.max(WEIGHT, 1 / speed.samples);
  const slowness = speed.slowness * (ranForMs / averageMs / speed.slowness) ** weight;
  speed.slowness = Math.min(SLOWNESS_MAX, Math.max(1 / SLOWNESS_MAX, slowness));
  const change = speed.slowness / speed.published;
  return change > STEP || change < 1 / STEP;
}

/** An answer came so long after its order, less the time that the task ran. */
export function learnRoundTrip(speed: Speed, roundTripMs: number): void {
  const known = speed.roundTripMs;
  const isFirst = known === 0 || roundTripMs < known;
  speed.roundTripMs = isFirst ? roundTripMs : known + ROUND_TRIP_WEIGHT * (roundTripMs - known);
}

/** Tasks of no demands at all that a worker is taken to run at a time. */
const SLOTS_FREE = 16;

/** How many such tasks an idle worker runs at a time. */
export function slotsOf(capacity: Demands, demands: Demands): number {
  let slots = Number.POSITIVE_INFINITY;
  if (demands.cpuMilli > 0) slots = Math.floor(capacity.cpuMilli / demands.cpuMilli);
  if (demands.gpuMilli > 0) slots = Math.min(slots, capacity.gpuMilli / demands.gpuMilli);
  if (demands.memoryBytes > 0) slots = Math.min(slots, capacity.memoryBytes / demands.memoryBytes);
  return Math.max(1, Math.floor(slots === Number.POSITIVE_INFINITY ? SLOTS_FREE : slots));
}

/** Workers that are equally good, as one. */
export interface Throughput {
  /** Tasks that they run at a time, and the same counted by how fast they are. */
  slots: number;
  speed: number;
}

/** Below this no worker is called slow: such differences are noise. */
const SLOW_FROM = 2;

/**
 * Whether the others will have done the task before this worker could: then a slow worker stands by,
 * or the last task of many would end long after all the others.
 *
 * @param queued how many wait, this one counted.
 */
export function isLeftToOthers(
  { published }: Speed,
  slots: number,
  { queued, all }: { readonly queued: number; readonly all: Throughput },
): boolean {
  if (published * all.speed < SLOW_FROM * all.slots) return false;
  const othersSpeed = all.speed - slots / published;
  const othersSlots = all.slots - slots;
  if (othersSlots < 1 || othersSpeed <= 0) return false;
  // What runs now must end, what waits must run, and then this one.
  return published > queued / othersSpeed + (SLOW_FROM * othersSlots) / othersSpeed;
}
