import { invariant, type ErrorCode } from "../../shared/errors.ts";
import type { ActorId, ObjectId, PeerId } from "../../shared/ids.ts";
import type { ObjectState } from "../../shared/protocol/messages.ts";
import type { World } from "./world.ts";

/** What a driver knows of one object, and what may become of it. */
export interface Expectation {
  readonly object: ObjectId;
  readonly kind: "task" | "actor" | "put" | "call" | "inner" | "group" | "item";
  /** Failures that it may end with, besides those of its arguments. */
  readonly excuses: Set<ErrorCode>;
  readonly args: readonly Expectation[];
  readonly submittedMs: number;
  /** What the coordinator, or the actor, said of it. */
  state: ObjectState | undefined;
  /** The coordinator knows of it. */
  isShared: boolean;
  /** Reads under way: it is not released meanwhile. */
  reads: number;
  /** How often the coordinator was asked for it. */
  asked: number;
  /** Other tasks were given it. */
  isPassed?: boolean;
  /** Its value tells nothing: the actor may be another one of that name. */
  isOpaque?: boolean;
}

export interface KnownActor {
  readonly id: ActorId;
  readonly creation: Expectation;
  readonly calls: Set<Expectation>;
  worker: PeerId | undefined;
  life: number;
  isOver: boolean;
}

/** Failures that faults of the mesh excuse, and nothing else does. */
const OF_FAULTS = new Set<ErrorCode>([
  "RETRIES_EXHAUSTED",
  "OBJECT_LOST",
  "ACTOR_DIED",
  "ACTOR_UNAVAILABLE",
]);

/** @throws if nothing that happened explains that the object came to this end. */
export function checkFailure(world: World, expected: Expectation, code: ErrorCode): void {
  if (OF_FAULTS.has(code) && world.losses > 0) return;
  const worklist = [expected];
  const seen = new Set(worklist);
  for (const one of worklist) {
    if (one.excuses.has(code)) return;
    // Until its reader holds what is inside an answer, only the answer does; a result that is lost
    // and made again has other refs inside.
    if (code === "OBJECT_FREED" && one.kind === "inner" && world.losses > 0) return;
    for (const arg of one.args) {
      if (seen.has(arg)) continue;
      seen.add(arg);
      worklist.push(arg);
    }
  }
  invariant(false, `${expected.kind} ${expected.object} ended as ${code}, for no reason`);
}

/** The same object never has two fates: a value may get lost, a failure stays. */
export function checkSameFate(before: ObjectState, now: ObjectState): void {
  if (!before.error) {
    // What was lost is made again, and that may fail.
    invariant(
      !now.error || OF_FAULTS.has(now.error.code) || now.error.code === "PLACEMENT_GROUP_REMOVED",
      `${now.object} was made, and is ${now.error?.code} now`,
    );
    return;
  }
  invariant(now.error, `${now.object} failed with ${before.error.code}, and is there now`);
}
