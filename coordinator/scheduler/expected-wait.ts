import type { SchedulingClass } from "./types.ts";

/** Classes of a shape that are looked at. */
const CLASSES_MAX = 256;
/** Nobody waits longer, and no message says more. */
const YEAR_MS = 31_536_000_000;

/**
 * Until a ready task gets a worker, roughly: all that goes before it at the speed of the workers that
 * its shape can have, by what tasks of these classes took so far. Classes of one priority are served in
 * turn, and so are jobs, so each other class has as many tasks before it as its own.
 *
 * @param before how many tasks of its class are before it.
 * @returns nothing while no task of the class has ended.
 */
export function expectedWaitMs(
  group: SchedulingClass,
  before: number,
  atMs: number,
): number | undefined {
  const { averageMs, shape, priority } = group;
  const speed = shape.pools.reduce((sum, { throughput }) => sum + throughput.speed, 0);
  if (averageMs === undefined || speed <= 0) return undefined;
  // What runs now is half done, on average; it has run for as long as nobody was served, at least.
  const runsOnMs = Math.max(0, averageMs - Math.max(averageMs / 2, atMs - group.servedMs));
  let workMs = before * averageMs;
  let looked = 0;
  for (const { job, levels } of shape.ready) {
    const isOwn = job === group.line.job;
    for (const { priority: other, classes } of levels) {
      if (isOwn && other < priority) continue;
      for (const each of classes) {
        if (each === group || looked++ >= CLASSES_MAX) continue;
        const goesFirst = isOwn && other > priority;
        const turns = goesFirst ? each.queue.size : Math.min(each.queue.size, before + 1);
        workMs += turns * (each.averageMs ?? averageMs);
      }
    }
  }
  return Math.min(YEAR_MS, runsOnMs + workMs / speed);
}
