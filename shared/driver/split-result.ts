import { itemOf, resultOf, type TaskId } from "../ids.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { ObjectTable } from "./object-table.ts";

/**
 * Refs to the objects of a task that returns a fixed number of them. What the task itself comes to is
 * looked at for their sake: where it fails before it could begin, nobody makes them.
 */
export function splitResult(objects: ObjectTable, task: TaskId, returns: number): ObjectRef[] {
  const result = objects.create(resultOf(task), { kind: "task" });
  const ownRef = objects.handle(resultOf(task));
  const entries = Array.from({ length: returns }, (_, index) =>
    objects.create(itemOf(task, index), { kind: "task" }),
  );
  void objects.whenSettled([result], 1, undefined).then(() => {
    const error = result.state?.error;
    for (const { id: object, state } of entries) {
      if (error && !state) objects.settle({ object, error });
    }
    ownRef.dispose();
  });
  return entries.map(({ id }) => objects.handle(id));
}
