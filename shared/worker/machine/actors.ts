import { LinkedSet } from "../../collections/linked-set.ts";
import { invariant } from "../../errors.ts";
import type { ActorId, PeerId } from "../../ids.ts";
import type { WireError } from "../../protocol/schema.ts";
import { change } from "./amounts.ts";
import { actorEnded, actorExited, actorUnknown, failed } from "./failures.ts";
import { addOrder, give, makeReady, settle } from "./orders.ts";
import type { ActorRecord, CallOrder, ExecutorRecord, Outcome, TaskOrder } from "./types.ts";
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
    life: order.attempt,
    executor: executor.id,
    isUnordered: order.isUnordered,
    demands: order.demands,
    creating: order,
    createdAtMs: atMs,
    waiting: new Map(),
    running: new Set(),
    endByMs: undefined,
    hasExited: false,
    disposing: undefined,
  });
  executor.actors.add(id);
  state.creating.add(id);
  give(order, executor, effects);
}

export function addCall(state: MachineState, call: CallOrder, effects: MachineEffect[]): void {
  addOrder(state, call);
  const actor = state.actors.get(call.actor);
  const { workerName } = state.settings;
  if (!actor || actor.creating || actor.endByMs !== undefined) {
    const error = actor?.endByMs === undefined ? actorUnknown : actorEnded;
    const outcome = failed(call.key, error(call.actor, workerName));
    return settle(state, call, { ...outcome, over: "not-run" }, effects);
  }
  let queue = actor.waiting.get(call.caller);
  if (!queue) actor.waiting.set(call.caller, (queue = new LinkedSet()));
  queue.add(call.key);
  startCalls(state, actor, call.caller, effects);
}

/** Give the actor one caller's calls: in order, those before the first that misses an object. */
export function startCalls(
  state: MachineState,
  actor: ActorRecord,
  caller: PeerId,
  effects: MachineEffect[],
): void {
  const queue = actor.waiting.get(caller);
  const executor = state.executors.get(actor.executor);
  if (!queue || !executor) return;
  for (const key of queue) {
    const call = state.orders.get(key);
    invariant(call, `unknown call ${key}`);
    if (call.missing.size > 0) {
      if (actor.isUnordered) continue;
      return;
    }
    queue.delete(key);
    actor.running.add(key);
    give(call, executor, effects);
  }
  if (queue.size === 0) actor.waiting.delete(caller);
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
  refuseWaiting(state, actor, effects);
  disposeIfDone(state, actor, atMs, effects);
}

/** Calls that were not started are for the next life of the actor, if there is one. */
export function refuseWaiting(
  state: MachineState,
  actor: ActorRecord,
  effects: MachineEffect[],
): void {
  const error = actorEnded(actor.id, state.settings.workerName);
  for (const queue of actor.waiting.values()) {
    failAll(state, queue, { error, over: "not-run" }, effects);
  }
}

/** An actor that is to end and has nothing under way has the last word. */
export function disposeIfDone(
  state: MachineState,
  actor: ActorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  const isDone = actor.endByMs !== undefined && actor.running.size === 0;
  if (isDone && !actor.disposing) dispose(state, actor, atMs, effects);
}

/** Those whose time to end is over: the first to be told so is the first in line. */
export function dropOverdue(state: MachineState, atMs: number, effects: MachineEffect[]): void {
  for (const id of state.ending) {
    const actor = state.actors.get(id);
    invariant(actor?.endByMs !== undefined, `${id} does not end`);
    if (atMs < actor.endByMs) return;
    dropEnded(state, actor, atMs, effects);
  }
}

function dispose(
  state: MachineState,
  actor: ActorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  const executor = state.executors.get(actor.executor);
  invariant(executor, `${actor.id} has no executor`);
  const key = `dispose-${actor.id}`;
  actor.disposing = key;
  executor.endings.set(key, { actor: actor.id, sinceMs: atMs });
  effects.push({
    type: "end-actor",
    executor: executor.id,
    actor: actor.id,
    key,
    isGraceful: true,
  });
}

/** Its code has had the last word, or had no more time for it. */
export function dropEnded(
  state: MachineState,
  actor: ActorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  const { id, life, hasExited } = actor;
  const error = (hasExited ? actorExited : actorEnded)(id, state.settings.workerName);
  retireActor(state, actor, { error, atMs }, effects);
  effects.push({ type: "drop-actor", actor: id, life, error, tell: true, isFinal: true });
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
  const executor = state.executors.get(actor.executor);
  const isDisposed = actor.disposing !== undefined && !executor?.endings.has(actor.disposing);
  const wasAtWork = actor.running.size > 0 || actor.creating !== undefined;
  state.actors.delete(actor.id);
  state.creating.delete(actor.id);
  state.ending.delete(actor.id);
  change(state.used, actor.demands, -1);
  change(state.usedByActors, actor.demands, -1);
  failAll(state, actor.running, { error, over: "may-have-run" }, effects);
  refuseWaiting(state, actor, effects);
  for (const key of state.parked) {
    state.parked.delete(key);
    makeReady(state, state.orders.get(key) as TaskOrder, true);
  }
  executor?.actors.delete(actor.id);
  if (executor?.role === "actor") {
    state.executors.delete(executor.id);
    effects.push({ type: "stop-executor", executor: executor.id });
  } else if (executor && !isDisposed) {
    const key = `end-${actor.id}`;
    if (wasAtWork) executor.endings.set(key, { actor: actor.id, sinceMs: atMs });
    effects.push({
      type: "end-actor",
      executor: executor.id,
      actor: actor.id,
      key,
      isGraceful: false,
    });
  }
}

function failAll(
  state: MachineState,
  keys: Iterable<string>,
  { error, over }: { readonly error: WireError } & Required<Pick<Outcome, "over">>,
  effects: MachineEffect[],
): void {
  for (const key of keys) {
    const call = state.orders.get(key);
    invariant(call, `unknown call ${key}`);
    settle(state, call, { ...failed(key, error), over }, effects);
  }
}
