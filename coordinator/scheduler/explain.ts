import type { Demands } from "../../shared/protocol/schema.ts";
import { obstacleTo, type Choice } from "./choices.ts";
import type { SchedulerState, SchedulingClass, Shape, TaskRecord } from "./types.ts";

/** How many workers or objects a sentence lists before it says "and n more". */
const LISTED_MAX = 5;

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
    case "ready":
      if (task.group.shape.feasible === 0) return `${name}: ${stuckText(state, task.group)}`;
      return `${name} is ready; the ${task.group.shape.feasible} worker(s) that can run it are busy, ${task.group.queue.size} task(s) of its kind wait, and a task of its kind ${
        task.group.averageMs === undefined
          ? "has not ended yet"
          : `runs ${task.group.averageMs.toFixed(1)} ms on average`
      }`;
    case "running":
      if (task.cpus === "lent") {
        return `${name} runs on ${task.worker!.name} and waits for objects that are not made yet, such as results of tasks that it submitted; its CPUs serve others meanwhile`;
      }
      return `${name} is with ${task.worker!.name} (attempt ${task.attempt + 1} of at most ${
        task.group.retriesMax + 1
      }), heard of ${Math.round(atMs - task.leasedMs)} ms ago`;
    case "alive":
      return `actor ${name} lives on ${task.worker!.name}${restartsText(task)}`;
  }
}

/** How many restarts of an actor are used: nothing if it cannot be restarted. */
function restartsText({ restarts, group: { restartsMax } }: TaskRecord): string {
  if (restartsMax === 0) return "";
  const allowed = Number.isFinite(restartsMax) ? String(restartsMax) : "any number";
  return `, restarted ${restarts} of ${allowed} times`;
}

/** Why no worker of the mesh could run this class, and what would help. */
export function stuckText(state: SchedulerState, group: SchedulingClass): string {
  const wanted = describeWish(group.shape);
  if (state.workers.size === 0) {
    return `no worker is connected, and it needs ${wanted}; open the contribute page or start one with: manta worker`;
  }
  const reasons = [...state.workers.values()]
    .slice(0, LISTED_MAX)
    .map((worker) => `${worker.name} ${obstacleTo(worker, group.shape)}`);
  return `no worker can run it: it needs ${wanted}, but ${listed(reasons, state.workers.size)}; ask for less or connect a worker that has it`;
}

function describeWish({ demands, choices }: Shape): string {
  const [first, ...others] = choices.map(describeChoice);
  const wanted = [...describeDemands(demands), ...first!].join(", ") || "nothing in particular";
  const instead = others.slice(0, LISTED_MAX).map((words) => words.join(", ") || "any worker");
  return [wanted, ...instead].join(", or else ");
}

function describeDemands(demands: Demands): string[] {
  const parts = [];
  if (demands.cpuMilli > 0) parts.push(`${demands.cpuMilli / 1000} cpus`);
  if (demands.gpuMilli > 0) parts.push(`${demands.gpuMilli / 1000} gpus`);
  if (demands.memoryBytes > 0) parts.push(`${demands.memoryBytes} bytes of memory`);
  for (const [name, amount] of Object.entries(demands.custom ?? {})) {
    parts.push(`${amount / 1000} of ${name}`);
  }
  return parts;
}

function describeChoice({ labels, worker }: Choice): string[] {
  const parts = labels.map(([name, { isNegated, values }]) => {
    const [only] = values;
    if (values.length === 1) return `${name} ${isNegated ? "!=" : "="} ${only}`;
    return `${name} ${isNegated ? "not in" : "in"} (${values.join(", ")})`;
  });
  return worker === undefined ? parts : [`the worker ${worker}`, ...parts];
}

function listed(items: readonly string[], total: number): string {
  const more = total - Math.min(items.length, LISTED_MAX);
  return items.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
