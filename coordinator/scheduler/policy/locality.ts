import type { PeerId } from "../../../shared/ids.ts";

/**
 * Tasks go to their arguments, rather than the other way round.
 *
 * Assumptions: only large values matter, and few of them: the task prefers the workers with most
 * bytes of its arguments, but waits for none of them. Of the tasks of one class a worker gets those
 * first that prefer it; so that none is passed over for ever, the oldest goes after so many others.
 */
export interface Nearness {
  readonly worker: PeerId;
  bytes: number;
}

/** Less is fetched sooner than it is decided about. */
export const NEAR_BYTES_MIN = 64 * 1024;
const NEAR_MAX = 4;
export const PASSED_OVER_MAX = 64;

/** More arguments were found: the workers with most bytes first. */
export function addNear(
  near: readonly Nearness[] | undefined,
  more: readonly Nearness[],
): readonly Nearness[] | undefined {
  if (more.length === 0) return near;
  const bytes = new Map(near?.map((each) => [each.worker, each.bytes]));
  for (const each of more) bytes.set(each.worker, (bytes.get(each.worker) ?? 0) + each.bytes);
  return [...bytes]
    .map(([worker, sum]) => ({ worker, bytes: sum }))
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, NEAR_MAX);
}
