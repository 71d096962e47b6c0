import { obstacleTo } from "./choices.ts";
import { describeWish, listed, LISTED_MAX } from "./describe.ts";
import { candidatesOf } from "./shapes.ts";
import { explainGroup } from "./explain-groups.ts";
import type { SchedulerState, SchedulingClass, TaskRecord } from "./types.ts";

/** Why a task is where it is, in one sentence for a person. */
export function explainTask(state: SchedulerState, task: TaskRecord, atMs: number): string {
  const name = `${task.group.name} (${task.id})`;
  switch (task.state) {
    case "waiting": {
      const missing = [...task.missing!];
      const makers = missing.slice(0, LISTED_MAX).map((object) => {
        const maker = state.tasks.get(object as string as TaskRecord["id"]);
        return maker ? `${object} made by ${maker.group.name} (${maker.state})` : object;
      });
      return `${name} waits for ${listed(makers, missing.length)}`;
    }
    case "ready": {
      const waiting = waitingForGroup(state, task.group);
      if (waiting) return `${name} waits for its placement group: ${waiting}`;
      if (task.group.shape.feasible === 0) return `${name}: ${stuckText(state, task.group)}`;
      return `${name} is ready; the ${task.group.shape.feasible} worker(s) that can run it are busy, ${task.group.queue.size} task(s) of its kind wait, and a task of its kind ${
        task.group.averageMs === undefined
          ? "has not ended yet"
          : `runs ${task.group.averageMs.toFixed(1)} ms on average`
      }`;
    }
    case "running":
      if (task.cpus === "lent") {
        return `${name} runs on ${task.worker!.name} and waits for objects that are not made yet, such as results of tasks that it submitted; its CPUs serve others meanwhile`;
      }
      return `${name} is with ${task.worker!.name} (attempt ${task.attempt + 1}${
        Number.isFinite(task.group.retriesMax) ? ` of at most ${task.group.retriesMax + 1}` : ""
      }), heard of ${Math.round(atMs - task.leasedMs)} ms ago${copyText(state, task)}`;
    case "alive":
      return `actor ${name} lives on ${task.worker!.name}${restartsText(task)}`;
  }
}

function copyText({ copies }: SchedulerState, { id }: TaskRecord): string {
  const copy = copies.get(id)?.copy;
  return copy ? `; it is late, so a copy of it is with ${copy.worker!.name}` : "";
}

/** How many restarts of an actor are used: nothing if it cannot be restarted. */
function restartsText({ restarts, group: { restartsMax } }: TaskRecord): string {
  if (restartsMax === 0) return "";
  const allowed = Number.isFinite(restartsMax) ? String(restartsMax) : "any number";
  return `, restarted ${restarts} of ${allowed} times`;
}

function waitingForGroup(state: SchedulerState, { placementGroup }: SchedulingClass) {
  const group = placementGroup && state.placementGroups.get(placementGroup);
  return group && state.pendingGroups.has(group) ? explainGroup(state, group) : undefined;
}

/** Why no worker of the mesh could run this class, and what would help. */
export function stuckText(state: SchedulerState, group: SchedulingClass): string {
  const wanted = describeWish(group.shape);
  if (state.workers.size === 0) {
    return `no worker is connected, and it needs ${wanted}; open the contribute page or start one with: manta worker`;
  }
  const candidates = [...candidatesOf(state, group.shape)];
  const reasons = candidates
    .slice(0, LISTED_MAX)
    .map((worker) => `${worker.name} ${obstacleTo(worker, group.shape)}`);
  return `no worker can run it: it needs ${wanted}, but ${listed(reasons, candidates.length)}; ask for less or connect a worker that has it`;
}
