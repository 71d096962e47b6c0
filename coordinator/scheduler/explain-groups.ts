import { describeWish, listed, LISTED_MAX } from "./describe.ts";
import type { PlacementGroupRecord, SchedulerEffect, SchedulerState } from "./types.ts";

/** How long a group waits for places before its driver is warned. */
const GROUP_WARN_AFTER_MS = 5_000;

/** Where a placement group stands, in one sentence for a person. */
export function explainGroup(state: SchedulerState, group: PlacementGroupRecord): string {
  const name = `placement group ${group.name} (${group.id})`;
  const homeless = group.bundles.filter(({ place }) => !place);
  if (homeless.length === 0) {
    const places = group.bundles.map(({ place }) => place!.name);
    return `${name} has its places: ${listed(places.slice(0, LISTED_MAX), places.length)}`;
  }
  const wishes = homeless.slice(0, LISTED_MAX).map(({ index, shape }) => {
    return `bundle ${index} (${describeWish(shape)}; ${shape.feasible} worker(s) could hold it)`;
  });
  const waits = group.wasPlaced
    ? "lost workers, and waits for other places for"
    : "waits for places for";
  const why = group.isHopeless
    ? `the mesh could not hold ${group.strategy} even when idle (${state.workers.size} worker(s) are connected): ask for less, or connect workers`
    : "it will be placed when enough is free at one time";
  return `${name} ${waits} ${listed(wishes, homeless.length)}: ${why}`;
}

/** Say it once to the driver of a group that waits long. */
export function warnOfPendingGroups(
  state: SchedulerState,
  atMs: number,
  effects: SchedulerEffect[],
): void {
  for (const group of state.pendingGroups) {
    if (group.isWarned || atMs - group.sinceMs < GROUP_WARN_AFTER_MS) continue;
    group.isWarned = true;
    const text = explainGroup(state, group);
    effects.push({ type: "warn", job: group.job, task: group.id, text });
  }
}
