import type { Plan, PlanEffect, Source } from "./types.ts";

/** Times a source is tried, when only the link to it failed. */
const LINKS_PER_SOURCE_MAX = 2;
/** Lines of the story: an error has to be read by somebody. */
const STORY_LINES_MAX = 32;

/** A source does not send this piece any more. */
export function release(plan: Plan, source: Source, piece: number): void {
  source.asked.delete(piece);
  const { askedOf } = plan.pieces[piece]!;
  const index = askedOf.indexOf(source.peer);
  if (index >= 0) askedOf.splice(index, 1);
}

/** Give a source up, and note why. `again`: a new link to it may do better. */
export function failSource(
  plan: Plan,
  source: Source,
  { why, again }: { readonly why: string; readonly again: boolean },
  effects: PlanEffect[],
): void {
  if (source.phase === "failed") return;
  const { peer } = source;
  if (source.phase === "linked" && source.asked.size > 0) effects.push({ type: "leave", peer });
  for (const piece of source.asked.keys()) release(plan, source, piece);
  source.failures++;
  source.phase = again && source.failures < LINKS_PER_SOURCE_MAX ? "fresh" : "failed";
  if (source.phase === "fresh") {
    // Others first.
    plan.sources.delete(peer);
    plan.sources.set(peer, source);
  }
  for (const [from, to] of source.pieces.ranges()) {
    for (let piece = from; piece < to; piece++) {
      source.pieces.delete(piece);
      plan.copies[piece]! -= 1;
    }
  }
  source.refers.clear();
  if (plan.story.length === STORY_LINES_MAX) plan.untold++;
  else plan.story.push(`${peer}: ${why}, after ${plan.receivedBytes} of ${plan.sizeBytes} bytes`);
}
