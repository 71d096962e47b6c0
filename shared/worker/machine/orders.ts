import { LinkedSet } from "../../collections/linked-set.ts";
import { invariant } from "../../errors.ts";
import type { ObjectId } from "../../ids.ts";
import type { WireError } from "../../protocol/schema.ts";
import type { ExecutorRecord, MachineEffect, MachineState } from "./types.ts";
import type { OrderKey, OrderRecord, Outcome, TaskOrder } from "./types.ts";

/** The life of an order: it waits for objects, then for room, then an executor has it. */

/** Objects fetched at a time: what is asked for first should arrive first. */
export const FETCHES_MAX = 16;

export function addOrder(state: MachineState, order: OrderRecord): void {
  state.orders.set(order.key, order);
  for (const object of order.missing) {
    let waiting = state.wanted.get(object);
    if (!waiting) {
      waiting = new LinkedSet();
      state.wanted.set(object, waiting);
      state.fetchQueue.add(object);
    }
    waiting.add(order.key);
  }
}

/** Have a task wait for room. `again`: it was started before, so it goes first. */
export function makeReady(state: MachineState, order: TaskOrder, again: boolean): void {
  order.state = "ready";
  (again ? state.returned : state.ready).add(order.key);
}

export function give(order: OrderRecord, executor: ExecutorRecord, effects: MachineEffect[]): void {
  order.state = "assigned";
  order.executors.add(executor.id);
  executor.queue.add(order.key);
  effects.push({ type: "give-order", executor: executor.id, key: order.key });
}

/** Take the order out of the queues that tasks wait in. */
export function leaveQueues(state: MachineState, order: OrderRecord): void {
  state.ready.delete(order.key);
  state.returned.delete(order.key);
  state.parked.delete(order.key);
}

/** Forget a task that has not started: the coordinator may give it to anyone again. */
export function giveBack(
  state: MachineState,
  order: TaskOrder,
  error: WireError,
  effects: MachineEffect[],
): void {
  leaveQueues(state, order);
  for (const object of order.missing) stopWaiting(state, order.key, object, effects);
  state.orders.delete(order.key);
  state.tasks.delete(order.task);
  effects.push({ type: "return-task", order, error });
}

/** Report the one outcome of an order and forget it. Executors may still have it queued. */
export function settle(
  state: MachineState,
  order: OrderRecord,
  outcome: Outcome,
  effects: MachineEffect[],
): void {
  leaveQueues(state, order);
  for (const object of order.missing) stopWaiting(state, order.key, object, effects);
  state.orders.delete(order.key);
  if (order.kind === "call") {
    const actor = state.actors.get(order.actor);
    actor?.running.delete(order.key);
    const queue = actor?.waiting.get(order.caller);
    if (queue?.delete(order.key) && queue.size === 0) actor?.waiting.delete(order.caller);
    effects.push({ type: "report-call", order, outcome });
    return;
  }
  state.tasks.delete(order.task);
  effects.push({ type: "report-task", order, outcome });
}

function stopWaiting(
  state: MachineState,
  key: OrderKey,
  object: ObjectId,
  effects: MachineEffect[],
): void {
  const waiting = state.wanted.get(object);
  if (!waiting?.delete(key) || waiting.size > 0) return;
  state.wanted.delete(object);
  state.fetchQueue.delete(object);
  if (state.fetching.delete(object)) effects.push({ type: "stop-fetch", object });
}

/** The object is here, or will not come: who waited for it, oldest first? */
export function takeWaiting(state: MachineState, object: ObjectId): OrderRecord[] {
  const waiting = state.wanted.get(object);
  state.wanted.delete(object);
  state.fetchQueue.delete(object);
  state.fetching.delete(object);
  return [...(waiting ?? [])].map((key) => {
    const order = state.orders.get(key);
    invariant(order, `unknown order ${key} waits for ${object}`);
    (order.missing as Set<ObjectId>).delete(object);
    return order;
  });
}

export function startFetches(state: MachineState, effects: MachineEffect[]): void {
  while (state.fetching.size < FETCHES_MAX) {
    const object = state.fetchQueue.first;
    if (object === undefined) return;
    state.fetchQueue.delete(object);
    state.fetching.add(object);
    effects.push({ type: "fetch-object", object });
  }
}
