import type { ActorId } from "../../ids.ts";
import type { WireError } from "../../protocol/schema.ts";
import { retireActor, startCalls } from "./actors.ts";
import { overtake, stopPool } from "./executors.ts";
import { callCancelled, failed } from "./failures.ts";
import { settle } from "./orders.ts";
import type { ExecutorRecord, MachineEffect, MachineState, OrderKey, TaskOrder } from "./types.ts";

/**
 * How long code that has asked for its signal may take to end by itself, once it was cancelled. Code
 * that has not cannot hear of it, so nothing is gained by waiting.
 */
export const CANCEL_GRACE_MS = 5_000;

interface Cancelling {
  readonly error: WireError;
  readonly atMs: number;
  readonly isGraceful?: boolean | undefined;
}

/**
 * End an order wherever it is; its outcome is settled at once. An executor that runs it now ends too,
 * unless the code is given time to do so by itself; where it waits its turn it will not begin.
 */
export function cancel(
  state: MachineState,
  order: TaskOrder,
  cancelling: Cancelling,
  effects: MachineEffect[],
): void {
  const { error, atMs, isGraceful } = cancelling;
  settle(state, order, failed(order.key, error), effects);
  for (const id of order.executors) {
    const executor = state.executors.get(id);
    if (executor?.role !== "tasks") continue;
    if (executor.queue.first !== order.key) {
      effects.push({ type: "abort-order", executor: id, key: order.key });
    } else if (isGraceful && order.hasSignal) {
      letEnd(state, executor, atMs, effects);
    } else stopPool(state, executor, effects);
  }
  const actor = state.actors.get(order.task as string as ActorId);
  if (actor?.creating !== order) return;
  const { executor, id } = actor;
  effects.push({ type: "abort-order", executor, key: order.key, actor: id });
  retireActor(state, actor, { error, atMs }, effects);
}

/** Tell the code; what is behind it does not wait for it. */
function letEnd(
  state: MachineState,
  executor: ExecutorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  executor.stopAtMs = atMs + CANCEL_GRACE_MS;
  effects.push({ type: "abort-order", executor: executor.id, key: executor.queue.first! });
  overtake(state, executor);
}

/** Its caller wants no answer: it does not begin, or is told. What runs cannot be made to end. */
export function cancelCall(state: MachineState, key: OrderKey, effects: MachineEffect[]): void {
  const call = state.orders.get(key);
  const actor = call?.kind === "call" ? state.actors.get(call.actor) : undefined;
  if (call?.kind !== "call" || !actor) return;
  if (call.state === "assigned") {
    const { executor, id } = actor;
    effects.push({ type: "abort-order", executor, key, actor: id });
    return;
  }
  settle(state, call, failed(key, callCancelled(call.actor, state.settings.workerName)), effects);
  startCalls(state, actor, call.caller, effects);
}
