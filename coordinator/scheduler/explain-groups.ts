import type { Reason } from "../../shared/protocol/explanation.ts";
import { cut, EXPLANATION_CHARS_MAX, LISTED_MAX } from "../../shared/protocol/texts.ts";
import { describeWish } from "./describe.ts";
import { groupWords } from "./explain-words.ts";
import type { PlacementGroupRecord, SchedulerEffect, SchedulerState } from "./types.ts";

/** How long a group waits for places before its driver is warned. */
const GROUP_WARN_AFTER_MS = 5_000;

/** Where a placement group stands. */
export function reasonOfGroup(
  state: SchedulerState,
  record: PlacementGroupRecord,
): Extract<Reason, { code: "placement-group" | "placed" }> {
  const { id: group, name, bundles, isHopeless, wasPlaced, strategy } = record;
  const homeless = bundles.filter(({ place }) => !place);
  if (homeless.length === 0) {
    const workers = bundles.slice(0, LISTED_MAX).map(({ place }) => place!.name);
    return { code: "placed", group, name, workers, total: bundles.length };
  }
  const waiting = homeless.slice(0, LISTED_MAX).map(({ index, shape }) => {
    return {
      bundle: index,
      wanted: cut(describeWish(shape), EXPLANATION_CHARS_MAX),
      workers: shape.feasible,
    };
  });
  const about = { group, name, isHopeless, wasPlaced, strategy, waiting };
  const workers = state.workers.size;
  return { code: "placement-group", ...about, waitingTotal: homeless.length, workers };
}

/** The same in one sentence for a person. */
export const explainGroup = (state: SchedulerState, group: PlacementGroupRecord): string =>
  groupWords(reasonOfGroup(state, group));

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
