import { noteDuration } from "./policy/speculation.ts";
import { learnSpeed, warmsUp } from "./policy/speed.ts";
import { republish } from "./shapes.ts";
import type { SchedulerState, SchedulingClass, WorkerRecord } from "./types.ts";

/** Weight of the newest running time in a class's average. */
const AVERAGE_WEIGHT = 0.2;

/** A task of the class ran so long there: news about the class, and about the worker. */
export function learn(
  state: SchedulerState,
  host: WorkerRecord,
  { group, ranForMs, atMs }: { group: SchedulingClass; ranForMs: number; atMs: number },
): void {
  const { speed } = host;
  const isFirst = warmsUp(speed, group.callable);
  if (isFirst && group.averageMs !== undefined) return;
  const knownMs = group.isAverageCold ? undefined : group.averageMs;
  const averageMs = knownMs ?? ranForMs / speed.slowness;
  group.averageMs = averageMs;
  group.isAverageCold = isFirst;
  if (isFirst) return;
  if (learnSpeed(speed, averageMs, ranForMs)) republish(state, host);
  speed.sampledMs = atMs;
  if (group.speculation) noteDuration(group.speculation.durations, ranForMs / speed.slowness);
  group.averageMs += AVERAGE_WEIGHT * (ranForMs / speed.slowness - averageMs);
}
