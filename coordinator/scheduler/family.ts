import type { TaskId } from "../../shared/ids.ts";
import type { SchedulerState, TaskRecord } from "./types.ts";

/**
 * Who submitted whom, among the tasks that have not ended: what a recursive cancel follows. When a
 * task ends, what it submitted and is still under way passes to the one that submitted it, so that
 * no depth is out of reach. What drivers and actors submit is in no family: nothing is kept for it.
 */
export interface Family {
  readonly children: Map<TaskId, Set<TaskId>>;
  readonly parents: Map<TaskId, TaskId>;
}

/** How a task is given up. */
export interface CancelManner {
  /** Its code is stopped at once, even if it would end by itself when it is told. */
  readonly isForced?: boolean | undefined;
  /** With all that it has submitted. */
  readonly isRecursive?: boolean | undefined;
}

export const emptyFamily = (): Family => ({ children: new Map(), parents: new Map() });

/** A task was submitted by the code of another one. */
export function joinFamily({ tasks, family }: SchedulerState, task: TaskRecord): void {
  const parent = task.parent && tasks.get(task.parent);
  // An actor, and what it does, is not given up with the task that made it.
  if (!parent || parent.group.isActor || task.group.isActor) return;
  adopt(family, parent.id, task.id);
}

/** The task has ended. */
export function leaveFamily({ family }: SchedulerState, { id }: TaskRecord): void {
  const { children, parents } = family;
  if (parents.size === 0) return;
  const parent = parents.get(id);
  const own = children.get(id);
  if (own) {
    children.delete(id);
    for (const child of own) {
      if (parent) adopt(family, parent, child);
      else parents.delete(child);
    }
  }
  if (!parent) return;
  parents.delete(id);
  const siblings = children.get(parent)!;
  siblings.delete(id);
  if (siblings.size === 0) children.delete(parent);
}

/** All that came from the task and has not ended, those it submitted itself first. */
export function descendantsOf({ tasks, family }: SchedulerState, id: TaskId): TaskRecord[] {
  const found: TaskId[] = [...(family.children.get(id) ?? [])];
  for (const one of found) for (const child of family.children.get(one) ?? []) found.push(child);
  return found.map((one) => tasks.get(one)!);
}

function adopt({ children, parents }: Family, parent: TaskId, child: TaskId): void {
  parents.set(child, parent);
  const siblings = children.get(parent);
  if (siblings) siblings.add(child);
  else children.set(parent, new Set([child]));
}
