import type { ObjectId } from "../ids.ts";
import type { Explanation } from "../protocol/explanation.ts";
import type { ObjectEntry } from "./object-table.ts";

/**
 * Why the answer of an actor's call is not there yet: calls do not pass the coordinator, so it is
 * only asked about the actor.
 * @returns nothing if it is not such an answer, or others know of it.
 */
export async function explainCall(
  entry: ObjectEntry | undefined,
  ask: (object: ObjectId) => Promise<Explanation>,
): Promise<Explanation | undefined> {
  if (entry?.isShared !== false || entry.origin.kind !== "call") return undefined;
  const { state, origin } = entry;
  const error = state?.error?.message;
  if (error !== undefined) {
    const reason = { code: "ended", how: "failed", attempts: 1, error } as const;
    return { text: error, state: "failed", reason, story: [] };
  }
  if (state) {
    const reason = { code: "ended", how: "done", attempts: 1 } as const;
    return { text: `${origin.text} has answered`, state: "done", reason, story: [] };
  }
  const { actor } = origin;
  const { text: ofActor, story } = await ask(actor as string as ObjectId);
  const text = `${origin.text} was called and has not answered; calls of one caller start in order; ${ofActor}`;
  return { text, state: "running", reason: { code: "call-unanswered", actor }, story };
}
