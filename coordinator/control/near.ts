import type { ObjectId } from "../../shared/ids.ts";
import type { DirectoryState, ObjectRecord } from "../directory/types.ts";
import type { SchedulerEvent } from "../scheduler/types.ts";
import { addNear, NEAR_BYTES_MIN, type Nearness } from "../scheduler/policy/locality.ts";

/** Arguments that are looked at for one task, and copies of each. */
const ARGUMENTS_MAX = 16;
const COPIES_MAX = 4;

/** Who has large arguments of a task that exist already. */
export function nearTo(
  { objects }: DirectoryState,
  dependencies: readonly ObjectId[],
): readonly Nearness[] | undefined {
  let near: readonly Nearness[] | undefined;
  for (const object of dependencies.slice(0, ARGUMENTS_MAX)) {
    const more = placesOf(objects.get(object));
    if (more) near = addNear(near, more);
  }
  return near;
}

type ObjectAvailable = Omit<Extract<SchedulerEvent, { type: "object-available" }>, "atMs">;

/** The object exists from now on. */
export const objectAvailable = (
  object: ObjectId,
  { objects }: DirectoryState,
): ObjectAvailable => ({
  type: "object-available",
  object,
  near: placesOf(objects.get(object)),
});

/** Who has the object, if it matters where it is. */
function placesOf(record: ObjectRecord | undefined): readonly Nearness[] | undefined {
  if (!record || record.inline || record.phase !== "sealed") return undefined;
  const { sizeBytes: bytes, locations } = record;
  if (bytes < NEAR_BYTES_MIN || locations.length === 0) return undefined;
  return locations.slice(0, COPIES_MAX).map((worker) => ({ worker, bytes }));
}
