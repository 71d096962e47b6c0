import type { Speed } from "./speed.ts";

/**
 * How much work waits on a worker behind each short task that runs there.
 *
 * Assumptions: what counts is time, so that a worker never idles while an answer and the next order
 * are on their way: twice the round trip, which leaves room for a late answer, and at least 20 ms, in
 * which tasks are batched. A task that takes as long as all that is slow: nothing waits behind it,
 * because it would wait for nothing while others idle.
 */
const AHEAD_US_MIN = 20_000;
const AHEAD_US_MAX = 500_000;

export const aheadUsMax = ({ roundTripMs }: Speed): number =>
  Math.min(AHEAD_US_MAX, Math.max(AHEAD_US_MIN, Math.round(roundTripMs * 2_000)));
