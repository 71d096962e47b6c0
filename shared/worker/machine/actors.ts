import { LinkedSet } from "../../collections/linked-set.ts";
import { invariant } from "../../errors.ts";
import type { ActorId, PeerId } from "../../ids.ts";
import type { WireError } from "../../protocol/schema.ts";
import { change } from "./amounts.ts";
import { actorEnded, actorUnknown, failed } from "./failures.ts";
import { addOrder, give, makeReady, settle } from "./orders.ts";
import type { ActorRecord, CallOrder, ExecutorRecord, TaskOrder } from "./types.ts";
import type { MachineEffect, MachineState } from "./types.ts";

/** How long an actor that was told to end may go on with the calls it runs. */
export const ACTOR_END_MS_MAX = 10_000;

/** Construct an actor on an executor; what it demands is reserved until it ends. */
export function createActor(
  state: MachineState,
  where: { readonly order: TaskOrder; readonly executor: ExecutorRecord; readonly atMs: number },
  effects: MachineEffect[],
): void {
  const { order, executor, atMs } = where;
  const id = order.task as string as ActorId;
  change(state.used, order.demands, 1);
  change(state.usedByActors, order.demands, 1);
  state.actors.set(id, {
    id,
    executor: executor.id,
    demands: order.demands,
    creating: order,
    createdAtMs: atMs,
    waiting: new Map(),
    running: new Set(),
    endByMs: undefined,
  });
  executor.actors.add(id);
  state.creating.add(id);
  give(order, executor, effects);
}

export function addCall(state: MachineState, call: CallOrder, effects: MachineEffect[]): void {
  addOrder(state, call);
  const actor = state.actors.get(call.actor);
  const { workerName } = state.settings;
  if (!actor || actor.creating) {
    return settle(state, call, failed(call.key, actorUnknown(call.actor, workerName)), effects);
  }
  if (actor.endByMs !== undefined) {
    return settle(state, call, failed(call.key, actorEnded(call.actor, workerName)), effects);
  }
  let queue = actor.waiting.get(call.caller);
  if (!queue) actor.waiting.set(call.caller, (queue = new LinkedSet()));
  queue.add(call.key);
  startCalls(state, actor, call.caller, effects);
}

/** Give the actor one caller's calls, up to the first that still misses an object. */
export function startCalls(
  state: MachineState,
  actor: ActorRecord,
  caller: PeerId,
  effects: MachineEffect[],
): void {
  const queue = actor.waiting.get(caller);
  const executor = state.executors.get(actor.executor);
  if (!queue || !executor) return;
  for (let key = queue.first; key !== undefined; key = queue.first) {
    const call = state.orders.get(key);
    invariant(call, `unknown call ${key}`);
    if (call.missing.size > 0) return;
    queue.delete(key);
    actor.running.add(key);
    give(call, executor, effects);
  }
  actor.waiting.delete(caller);
}

/** Finish the calls it runs, refuse the others, then end. */
export function endActor(
  state: MachineState,
  actor: ActorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  if (actor.endByMs !== undefined) return;
  actor.endByMs = atMs + ACTOR_END_MS_MAX;
  state.ending.add(actor.id);
  const error = actorEnded(actor.id, state.settings.workerName);
  for (const queue of actor.waiting.values()) failAll(state, queue, error, effects);
}

/** Retire the actors that were told to end and are done, or whose time is up. */
export function retireEnded(state: MachineState, atMs: number, effects: MachineEffect[]): void {
  for (const id of state.ending) {
    const actor = state.actors.get(id);
    invariant(actor?.endByMs, `${id} does not end`);
    if (actor.running.size > 0 && atMs < actor.endByMs) continue;
    const error = actorEnded(id, state.settings.workerName);
    retireActor(state, actor, { error, atMs }, effects);
    effects.push({ type: "drop-actor", actor: id, error, tell: true });
  }
}

/**
 * The actor is no more: its calls fail, its room is free. Its own executor stops with it; in a
 * shared one only its lane ends, and if it was at work that must be confirmed: its code may block
 * the thread. The order that constructs it is the caller's to settle.
 */
export function retireActor(
  state: MachineState,
  actor: ActorRecord,
  { error, atMs }: { readonly error: WireError; readonly atMs: number },
  effects: MachineEffect[],
): void {
  const wasAtWork = actor.running.size > 0 || actor.creating !== undefined;
  state.actors.delete(actor.id);
  state.creating.delete(actor.id);
  state.ending.delete(actor.id);
  change(state.used, actor.demands, -1);
  change(state.usedByActors, actor.demands, -1);
  failAll(state, actor.running, error, effects);
  for (const queue of actor.waiting.values()) failAll(state, queue, error, effects);
  for (const key of state.parked) {
    state.parked.delete(key);
    makeReady(state, state.orders.get(key) as TaskOrder, true);
  }
  const executor = state.executors.get(actor.executor);
  executor?.actors.delete(actor.id);
  if (executor?.role === "actor") {
    state.executors.delete(executor.id);
    effects.push({ type: "stop-executor", executor: executor.id });
  } else if (executor) {
    const key = `end-${actor.id}`;
    if (wasAtWork) executor.endings.set(key, { actor: actor.id, sinceMs: atMs });
    effects.push({ type: "end-actor", executor: executor.id, actor: actor.id, key });
  }
}

function failAll(
  state: MachineState,
  keys: Iterable<string>,
  error: WireError,
  effects: MachineEffect[],
): void {
  for (const key of keys) {
    const call = state.orders.get(key);
    invariant(call, `unknown call ${key}`);
    settle(state, call, failed(key, error), effects);
  }
}
