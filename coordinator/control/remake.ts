import type { CallableId, ObjectId } from "../../shared/ids.ts";
import type { Define } from "../../shared/protocol/messages.ts";
import type { DirectoryState } from "../directory/types.ts";
import type { Lineage, LineageEntry } from "./lineage.ts";
import { limitOf } from "./registration.ts";

/** What has to be run again so that a lost object exists again; or why it cannot. */
export type RemakePlan =
  | {
      readonly entries: readonly LineageEntry[];
      /** What they are to make. */
      readonly objects: readonly ObjectId[];
      readonly obstacle?: undefined;
    }
  | { readonly obstacle: string };

interface Sources {
  readonly lineage: Lineage;
  readonly directory: DirectoryState;
  readonly callables: ReadonlyMap<CallableId, Define>;
}

/** The task that made the object, and those that made arguments of it which are freed by now. */
export function planRemake(object: ObjectId, sources: Sources): RemakePlan {
  const { lineage, directory } = sources;
  const entries = new Set<LineageEntry>();
  const worklist = [object];
  const objects = new Set<ObjectId>();
  for (let next = worklist.pop(); next; next = worklist.pop()) {
    const entry = lineage.get(next);
    const obstacle = entry ? obstacleOf(entry, sources) : unknownMaker(lineage);
    if (!entry || obstacle) {
      return {
        obstacle: next === object ? `it ${obstacle}` : `it needs ${next}, which ${obstacle}`,
      };
    }
    objects.add(next);
    if (entries.has(entry)) continue;
    entries.add(entry);
    for (const argument of entry.payload.held) {
      const record = directory.objects.get(argument);
      if (!record) worklist.push(argument);
      else if (record.error) {
        return { obstacle: `it needs ${argument}, which failed: ${record.error.message}` };
      }
    }
  }
  return { entries: [...entries], objects: [...objects] };
}

function obstacleOf({ payload, losses }: LineageEntry, sources: Sources): string | undefined {
  const define = sources.callables.get(payload.callable);
  if (!define) return "was made for a driver that has left";
  if (losses <= limitOf(define.retriesMax)) return undefined;
  return `was made by ${define.name}, which has used its ${define.retriesMax + 1} attempts (raise retriesMax)`;
}

const unknownMaker = ({ evicted }: Lineage): string =>
  "was not made by a task that is remembered (what was put, or answered by an actor, cannot be made again" +
  (evicted > 0 ? `; the makers of ${evicted} results were forgotten to bound memory)` : ")");
