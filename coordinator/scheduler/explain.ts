import type { Obstacles, Reason } from "../../shared/protocol/explanation.ts";
import {
  cut,
  EXPLANATION_CHARS_MAX,
  LISTED_MAX,
  STEP_CHARS_MAX,
} from "../../shared/protocol/texts.ts";
import { describeQuota } from "./charging.ts";
import { obstaclesTo } from "./choices.ts";
import { describeWish } from "./describe.ts";
import { stuckWords, wordsFor } from "./explain-words.ts";
import { expectedWaitMs } from "./expected-wait.ts";
import { reasonOfGroup } from "./explain-groups.ts";
import { wasRecalled } from "./recall.ts";
import { candidatesOf } from "./shapes.ts";
import type { SchedulerState, SchedulingClass, TaskRecord } from "./types.ts";

/** Looked at to tell which worker comes nearest, and how many tasks are before one. */
const LOOKED_AT_MAX = 1_000;

type Stuck = Parameters<typeof stuckWords>[0];

/** What only the control plane knows: arguments of the task that its worker does not have yet. */
export type Fetching = Pick<Extract<Reason, { code: "fetching-arguments" }>, "objects" | "total">;

/** Why a task is where it is: as data, and the same in one sentence for a person. */
export function explainTask(
  state: SchedulerState,
  task: TaskRecord,
  { atMs, fetching }: { readonly atMs: number; readonly fetching?: Fetching | undefined },
): { readonly reason: Reason; readonly text: string } {
  const reason = reasonOf(state, task, atMs, fetching);
  return { reason, text: wordsFor(`${task.group.name} (${task.id})`, reason) };
}

function reasonOf(
  state: SchedulerState,
  task: TaskRecord,
  atMs: number,
  fetching: Fetching | undefined,
): Reason {
  switch (task.state) {
    case "waiting":
      return waitsForObjects(state, task);
    case "ready":
      return (
        waitingForGroup(state, task.group) ??
        stuckReason(state, task.group) ??
        waitsForQuota(state, task.group) ??
        busy(task, atMs)
      );
    case "alive": {
      const { restarts, group } = task;
      const restartsMax = finite("restartsMax", group.restartsMax);
      return { code: "actor-lives", worker: task.worker!.name, restarts, ...restartsMax };
    }
    case "resting": {
      const waitMs = Math.max(0, state.resting.until.get(task)! - atMs);
      const last = task.story?.at(-1)?.what ?? "it failed before";
      return { code: "resting", waitMs, last: cut(last, STEP_CHARS_MAX) };
    }
    case "running":
      return whereItRuns(state, task, { atMs, fetching });
  }
}

function waitsForObjects(state: SchedulerState, { missing }: TaskRecord): Reason {
  const objects = [...missing!].slice(0, LISTED_MAX).map((object) => {
    const maker = state.tasks.get(object as string as TaskRecord["id"]);
    if (!maker) return { object };
    return { object, madeBy: { task: maker.id, name: maker.group.name, state: maker.state } };
  });
  return { code: "waits-for-objects", objects, total: missing!.size };
}

function waitingForGroup(
  state: SchedulerState,
  { placementGroup }: SchedulingClass,
): Reason | undefined {
  const group = placementGroup && state.placementGroups.get(placementGroup);
  return group && state.pendingGroups.has(group) ? reasonOfGroup(state, group) : undefined;
}

/** The same of a class that is stuck, for a warning. */
export const stuckText = (state: SchedulerState, group: SchedulingClass): string =>
  stuckWords(stuckReason(state, group)!);

/** Why no worker of the mesh could run this class even when idle, if that is so. */
function stuckReason(state: SchedulerState, { shape }: SchedulingClass): Stuck | undefined {
  if (shape.feasible > 0) return undefined;
  const wanted = cut(describeWish(shape), EXPLANATION_CHARS_MAX);
  if (state.workers.size === 0) return { code: "no-worker", wanted };
  const all: Obstacles[] = [];
  const draining: string[] = [];
  let workers = 0;
  for (const worker of candidatesOf(state, shape)) {
    workers += 1;
    if (workers > LOOKED_AT_MAX) continue;
    const each = { worker: worker.name, ...obstaclesTo(worker, shape) };
    all.push(each);
    if (worker.isDraining && each.lacks.length === 1) draining.push(worker.name);
  }
  if (draining.length > 0) {
    const total = draining.length;
    return { code: "worker-draining", wanted, draining: draining.slice(0, LISTED_MAX), total };
  }
  const nearest = all
    .toSorted((a, b) => a.lacks.length - b.lacks.length)
    .slice(0, LISTED_MAX)
    .map((each) => ({
      ...each,
      lacks: each.lacks.slice(0, LISTED_MAX).map((lack) => cut(lack, STEP_CHARS_MAX)),
    }));
  const isLabels = nearest.some(({ isOnlyLabels }) => isOnlyLabels);
  const code = isLabels ? "label-mismatch" : "no-worker-matches";
  return { code, wanted, nearest, workers };
}

function waitsForQuota(state: SchedulerState, { line }: SchedulingClass): Reason | undefined {
  if (!state.quota || !line.job.parked.has(line)) return undefined;
  return { code: "quota", allowed: cut(describeQuota(state.quota), EXPLANATION_CHARS_MAX) };
}

function busy(task: TaskRecord, atMs: number): Reason {
  const { group } = task;
  const before = countBefore(group, task);
  const expectedMs = expectedWaitMs(group, before ?? group.queue.size, atMs);
  return {
    code: "all-busy",
    workers: group.shape.feasible,
    standingBy: group.shape.pools.reduce((sum, { standby }) => sum + standby.size, 0),
    queued: group.queue.size,
    ...(before === undefined ? {} : { before }),
    ...(group.averageMs === undefined ? {} : { averageMs: group.averageMs }),
    ...(expectedMs === undefined ? {} : { expectedMs }),
  };
}

function countBefore({ queue }: SchedulingClass, task: TaskRecord): number | undefined {
  let before = 0;
  for (const each of queue) {
    if (each === task) return before;
    before += 1;
    if (before === LOOKED_AT_MAX) break;
  }
  return undefined;
}

function whereItRuns(
  { copies }: SchedulerState,
  task: TaskRecord,
  { atMs, fetching }: { readonly atMs: number; readonly fetching?: Fetching | undefined },
): Reason {
  const { group, cpus, attempt } = task;
  const copy = copies.get(task.id)?.copy;
  const worker = task.worker!;
  if (cpus === "lent") return { code: "waits-for-nested", worker: worker.name };
  if (worker.prefetched.has(task)) return prefetched(task);
  if (fetching) return { code: "fetching-arguments", worker: worker.name, ...fetching };
  return {
    code: "running",
    worker: worker.name,
    attempt: attempt + 1,
    ...finite("attemptsMax", group.retriesMax + 1),
    sinceMs: Math.max(0, atMs - task.launchedMs),
    heardMs: Math.max(0, atMs - task.leasedMs),
    ...(group.averageMs === undefined
      ? {}
      : { averageMs: group.averageMs * worker.speed.slowness }),
    ...(copy?.worker ? { copyOn: copy.worker.name } : {}),
  };
}

function prefetched(task: TaskRecord): Reason {
  const worker = task.worker!;
  let before = 0;
  let aheadUs = 0;
  for (const each of worker.prefetched) {
    if (each === task) break;
    before += 1;
    aheadUs += each.expectedUs;
  }
  const slots = Math.max(1, worker.launched - worker.prefetched.size - worker.slow);
  return {
    code: "prefetched",
    worker: worker.name,
    before,
    expectedMs: aheadUs / 1_000 / slots,
    isRecalled: wasRecalled(worker, task),
  };
}

/** "Any number" is not sent. */
const finite = <Name extends string>(name: Name, value: number) =>
  (Number.isFinite(value) ? { [name]: value } : {}) as { [_ in Name]?: number };
