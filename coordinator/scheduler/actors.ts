import type { ActorId } from "../../shared/ids.ts";
import { STORY_STEPS_MAX } from "../../shared/protocol/texts.ts";
import { leaveFamily } from "./family.ts";
import { vacate } from "./placement.ts";
import { makeReady } from "./ready-lines.ts";
import { rest } from "./resting.ts";
import type { SchedulerEffect, SchedulerState, TaskRecord } from "./types.ts";

/**
 * The lives of an actor. Each begins with an attempt to construct it, whose number names that life,
 * and ends with its worker, its executor, or because it is not wanted any more.
 *
 *   A1. Lost without notice, it is constructed again as long as `restartsMax` allows.
 *   A2. A move costs no restart: its worker leaves in order, and the actor either can be restarted or
 *       has handed its state over.
 *   A3. Who asked for its end, or the actor itself, ends it for good, however many restarts are left.
 *   A4. The second time in a row that it is lost within ten seconds it waits before it is constructed
 *       again, and longer each time, from 100 ms to 5 s. A longer life ends that.
 */
export interface Loss {
  readonly why: string;
  readonly atMs: number;
  /** Its worker told before it left. */
  readonly isOrderly?: boolean | undefined;
}

/** What was submitted and what is now are told besides. */
const STORY_CHAPTERS_MAX = STORY_STEPS_MAX - 4;
/** An actor that lived so long is not one that dies again and again. */
export const HEALTHY_MS = 10_000;

/** A living actor lost its worker or its executor. */
export function loseActor(
  state: SchedulerState,
  task: TaskRecord,
  loss: Loss,
  effects: SchedulerEffect[],
): void {
  const { group } = task;
  const isMove = task.isHandedOver || (loss.isOrderly === true && group.restartsMax !== 0);
  if (!isMove && !mayRestart(task)) {
    const error = { code: "ACTOR_DIED", message: endText(task, loss.why) } as const;
    return buryActor(state, task, { how: "failed", error }, effects);
  }
  if (!isMove) task.restarts += 1;
  const ending = isMove ? "moved" : "restarted";
  tellOf(task, { atMs: loss.atMs, what: `life ${task.attempt + 1} ended, ${ending}: ${loss.why}` });
  vacate(state, task);
  if (isMove) beginAgain(state, task);
  else constructAgain(state, task, loss.atMs);
  effects.push({ type: "actor-restarting", actor: task.id as string as ActorId });
}

export const mayRestart = ({ restarts, group }: TaskRecord): boolean =>
  restarts < group.restartsMax;

/** Its constructor lost its worker too often in one life: that costs a restart, if there is one. */
export function restartInstead(state: SchedulerState, task: TaskRecord, atMs: number): boolean {
  if (!task.group.isActor || !mayRestart(task)) return false;
  task.restarts += 1;
  constructAgain(state, task, atMs);
  return true;
}

/** At once after a mishap; one that dies again and again is given longer and longer pauses (A4). */
function constructAgain(state: SchedulerState, task: TaskRecord, atMs: number): void {
  task.shortLives = atMs - task.launchedMs < HEALTHY_MS ? task.shortLives + 1 : 0;
  renew(task);
  if (task.shortLives <= 1) makeReady(state, task);
  else rest(state, task, { failures: task.shortLives - 1, atMs });
}

function beginAgain(state: SchedulerState, task: TaskRecord): void {
  renew(task);
  makeReady(state, task);
}

function renew(task: TaskRecord): void {
  task.isHandedOver = false;
  task.losses = 0;
  task.returns = 0;
  task.attempt += 1;
}

export function tellOf(task: TaskRecord, chapter: { atMs: number; what: string }): void {
  task.story ??= [];
  task.story.push(chapter);
  if (task.story.length > STORY_CHAPTERS_MAX) task.story.shift();
}

/** End an actor for good, or this life of it. */
export function endActor(
  state: SchedulerState,
  task: TaskRecord,
  end: Loss & { readonly restart: boolean },
  effects: SchedulerEffect[],
): void {
  const actor = task.id as string as ActorId;
  const { why, restart } = end;
  effects.push({ type: "stop-actor", worker: task.worker!.id, actor });
  if (restart) return loseActor(state, task, end, effects);
  const message = `actor ${task.group.name} (${task.id}) was ended: ${why}`;
  const error = { code: "ACTOR_DIED", message } as const;
  return buryActor(state, task, { how: "cancelled", error }, effects);
}

export function buryActor(
  state: SchedulerState,
  task: TaskRecord,
  end: Pick<Extract<SchedulerEffect, { type: "actor-died" }>, "how" | "error">,
  effects: SchedulerEffect[],
): void {
  const { id, group, attempt, submittedMs, story } = task;
  const { id: worker } = task.worker!;
  vacate(state, task);
  forget(state, task);
  const about = { name: group.name, worker, attempts: attempt + 1, submittedMs, story };
  effects.push({ type: "actor-died", actor: id as string as ActorId, ...end, ...about });
}

export function forget(state: SchedulerState, task: TaskRecord): void {
  leaveFamily(state, task);
  state.tasks.delete(task.id);
  if (state.copies.size > 0) state.copies.delete(task.id);
  state.jobs.get(task.group.job)?.tasks.delete(task);
}

/** Why it is over, and what would have helped. */
function endText(task: TaskRecord, why: string): string {
  const { restarts, group } = task;
  const used = restarts > 0 ? `, after ${restarts} of ${group.restartsMax} restarts` : "";
  const advice =
    restarts > 0
      ? "find out why, or allow more restartsMax"
      : "create it again, or give it restartsMax";
  return `actor ${group.name} (${task.id}) ended because ${why}${used}; ${advice}`;
}
