import { itemOf, type TaskId } from "../ids.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { ObjectTable } from "./object-table.ts";

/**
 * Refs to the objects of a task that returns a fixed number of them. What the task itself comes to is
 * looked at for their sake: where it fails before it could begin, nobody makes them.
 */
export function splitResult(objects: ObjectTable, result: ObjectRef, returns: number): ObjectRef[] {
  const task = result.id as string as TaskId;
  const ended = objects.entryOf(result.id)!;
  const entries = Array.from({ length: returns }, (_, index) =>
    objects.create(itemOf(task, index), { kind: "task" }),
  );
  // Of a task that was refused here the mesh knows nothing, and of these objects as little.
  for (const entry of entries) entry.isShared = ended.isShared;
  void objects.whenSettled([ended], 1, undefined).then(() => {
    const error = ended.state?.error;
    for (const { id: object, state } of entries) {
      if (error && !state) objects.settle({ object, error });
    }
    result.dispose();
  });
  return entries.map(({ id }) => objects.handle(id));
}
