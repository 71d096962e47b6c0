import type { ErrorCode } from "../../errors.ts";
import type { ActorId } from "../../ids.ts";
import type { WireError } from "../../protocol/schema.ts";
import type { OrderKey, Outcome, TaskOrder } from "./types.ts";

/** Errors that the worker itself causes, in words for the user who submitted the work. */

/** People count attempts from 1. */
const label = (order: TaskOrder): string =>
  `${order.kind === "task" ? "task" : "actor"} ${order.task} (${order.name}, attempt ${order.attempt + 1})`;

const failure = (code: ErrorCode, message: string, details = {}): WireError => ({
  code,
  message,
  details,
});

export const crashed = (order: TaskOrder, worker: string, reason: string): WireError =>
  failure(
    "WORKER_LOST",
    `the executor that ran ${label(order)} on worker ${worker} crashed: ${reason}`,
    { task: order.task, attempt: order.attempt + 1, worker },
  );

export const timedOut = (order: TaskOrder, worker: string): WireError =>
  failure(
    "TASK_TIMEOUT",
    `${label(order)} was stopped on worker ${worker}: it ran longer than its timeoutMs of ${order.timeoutMs}; raise timeoutMs or make it shorter`,
    { task: order.task, attempt: order.attempt + 1, worker, timeoutMs: order.timeoutMs ?? 0 },
  );

export const cancelled = (order: TaskOrder, worker: string, why: string): WireError =>
  failure("TASK_CANCELLED", `${label(order)} was cancelled on worker ${worker}: ${why}`, {
    task: order.task,
    attempt: order.attempt + 1,
  });

/** Not a failure of its own: why it is returned. */
export const recalled = (order: TaskOrder, worker: string): WireError =>
  failure("TASK_CANCELLED", `${label(order)} had not started on worker ${worker}`, {});

export const callCancelled = (actor: ActorId, worker: string): WireError =>
  failure("TASK_CANCELLED", `a call of actor ${actor} on worker ${worker} was cancelled`, {
    actor,
  });

export const tooDemanding = (order: TaskOrder, worker: string): WireError =>
  failure(
    "INTERNAL",
    `${label(order)} demands more than worker ${worker} has (cpu/gpu in thousandths, memory in bytes: ${order.demandsKey})`,
  );

export const cannotStart = (order: TaskOrder, worker: string, reason: string): WireError =>
  failure(
    "WORKER_LOST",
    `worker ${worker} cannot start executors (${reason}), so ${label(order)} did not run there`,
    { task: order.task, attempt: order.attempt + 1, worker },
  );

export const actorCrashed = (actor: ActorId, worker: string, reason: string): WireError =>
  failure("ACTOR_DIED", `actor ${actor} died with its executor on worker ${worker}: ${reason}`, {
    actor,
    worker,
  });

export const actorEnded = (actor: ActorId, worker: string): WireError =>
  failure("ACTOR_DIED", `actor ${actor} on worker ${worker} was ended as asked`, { actor, worker });

export const actorExited = (actor: ActorId, worker: string): WireError =>
  failure("ACTOR_DIED", `actor ${actor} on worker ${worker} ended itself`, { actor, worker });

export const actorReplaced = (actor: ActorId, worker: string): WireError =>
  failure("ACTOR_DIED", `actor ${actor} on worker ${worker} is being created anew`, {
    actor,
    worker,
  });

export const actorUnknown = (actor: ActorId, worker: string): WireError =>
  failure("ACTOR_DIED", `actor ${actor} is not on worker ${worker} (any more)`, { actor, worker });

/** An outcome that no executor reported. */
export const failed = (key: OrderKey, error: WireError, ranForMs = 0): Outcome => ({
  key,
  ranForMs,
  error,
});
