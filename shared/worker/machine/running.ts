import type { ActorId, TaskId } from "../../ids.ts";
import type { ExecutorId, MachineState, OrderKey, OrderRecord } from "./types.ts";

/** What a pool executor runs now: those behind it in the queue have not started. */
export function runningOn(state: MachineState, id: ExecutorId): OrderRecord | undefined {
  const executor = state.executors.get(id);
  return executor?.role === "tasks" ? state.orders.get(executor.queue.first ?? "") : undefined;
}

/** Whether the executor runs this task now, or has this actor. */
export function runsOn(state: MachineState, id: ExecutorId, parent: TaskId): boolean {
  const order = runningOn(state, id);
  if (order && order.kind !== "call" && order.task === parent) return true;
  return state.actors.get(parent as string as ActorId)?.executor === id;
}

/** Whether a task or the construction of an actor is here: calls of actors are theirs. */
export function hasTasks({ orders }: MachineState): boolean {
  for (const { kind } of orders.values()) if (kind !== "call") return true;
  return false;
}

/** Whether the executor is to give an outcome of that name: of an order that it has, or of an end. */
export function owes({ executors }: MachineState, id: ExecutorId, key: OrderKey): boolean {
  const executor = executors.get(id);
  return executor !== undefined && (executor.queue.has(key) || executor.endings.has(key));
}
