import { invariant } from "../../errors.ts";
import type { ActorId, TaskId } from "../../ids.ts";
import {
  addCall,
  disposeIfDone,
  dropEnded,
  endActor,
  refuseWaiting,
  retireActor,
  startCalls,
} from "./actors.ts";
import { cancel, cancelCall } from "./cancelling.ts";
import { demandsKey, fits, noAmounts } from "./amounts.ts";
import { block, executorDied, keepWarm, proceed, unblock } from "./executors.ts";
import { actorReplaced, cancelled, failed, recalled, tooDemanding } from "./failures.ts";
import { addOrder, giveBack, makeReady, settle, startFetches, takeWaiting } from "./orders.ts";
import { startReady } from "./placement.ts";
import { checkDeadlines } from "./deadlines.ts";
import type { CallOrder, MachineEffect, MachineEvent, MachineState, TaskOrder } from "./types.ts";

type EventOf<Type> = Extract<MachineEvent, { type: Type }>;
type Handler<Type> = (state: MachineState, event: EventOf<Type>, effects: MachineEffect[]) => void;

/** What most orders miss. Nothing is ever added to what an order misses. */
const NOTHING: ReadonlySet<never> = new Set<never>();

/** How much the latest run of a callable counts in its running average. */
const AVERAGE_WEIGHT = 0.2;

/** One handler for each event. A new event type does not compile until it has one. */
const handlers: { readonly [Type in MachineEvent["type"]]: Handler<Type> } = {
  started() {},

  "run-ordered"(state, event, effects) {
    const known = state.orders.get(state.tasks.get(event.task) ?? "") as TaskOrder | undefined;
    if (known && known.attempt >= event.attempt) {
      effects.push({ type: "ignore-order", key: event.key });
      return;
    }
    const { workerName, capacity } = state.settings;
    const replaced = `attempt ${event.attempt + 1} replaces it`;
    const { atMs } = event;
    if (known) {
      cancel(state, known, { error: cancelled(known, workerName, replaced), atMs }, effects);
    }
    const former = state.actors.get(event.task as string as ActorId);
    if (former) {
      const error = actorReplaced(former.id, workerName);
      retireActor(state, former, { error, atMs }, effects);
      const { id: actor, life } = former;
      effects.push({ type: "drop-actor", actor, life, error, tell: false, isFinal: false });
    }
    const order = newOrder(event);
    addOrder(state, order);
    state.tasks.set(order.task, order.key);
    const refusal = fits(capacity, noAmounts(), order.demands)
      ? event.refusal
      : tooDemanding(order, workerName);
    if (refusal) settle(state, order, failed(order.key, refusal), effects);
    else if (order.missing.size === 0) makeReady(state, order, false);
  },

  "run-cancelled"(state, { task, attempt, isGraceful, atMs }, effects) {
    const order = state.orders.get(state.tasks.get(task) ?? "");
    if (!order || order.kind === "call" || order.attempt !== attempt) return;
    const error = cancelled(order, state.settings.workerName, "as asked");
    cancel(state, order, { error, atMs, isGraceful }, effects);
  },

  "signal-taken"(state, { executor, key }) {
    const order = state.orders.get(key);
    const isFirst = state.executors.get(executor)?.queue.first === key;
    if (isFirst && order?.kind === "task") order.hasSignal = true;
  },

  "call-cancelled"(state, { key }, effects) {
    cancelCall(state, key, effects);
  },

  "runs-recalled"(state, { tasks }, effects) {
    for (const [task, attempt] of tasks) {
      const order = state.orders.get(state.tasks.get(task) ?? "");
      if (!order || order.kind === "call" || order.attempt !== attempt) continue;
      // What an executor has may have started: its answer is on the way, or will be.
      if (order.state === "assigned") continue;
      // Behind one that takes long. If it begins this very moment nobody hears of what comes of it.
      for (const executor of order.executors) {
        effects.push({ type: "abort-order", executor, key: order.key });
      }
      giveBack(state, order, recalled(order, state.settings.workerName), effects);
    }
  },

  "call-received"(state, { key, actor, caller, missing }, effects) {
    const call: CallOrder = {
      key,
      kind: "call",
      state: "fetching",
      missing: new Set(missing),
      executors: new Set(),
      actor,
      caller,
    };
    addCall(state, call, effects);
  },

  "actor-stopped"(state, { actor: id, atMs }, effects) {
    const order = state.orders.get(state.tasks.get(id as string as TaskId) ?? "");
    if (order && order.kind !== "call") {
      const error = cancelled(order, state.settings.workerName, "it was ended");
      cancel(state, order, { error, atMs }, effects);
    }
    const actor = state.actors.get(id);
    if (actor) endActor(state, actor, atMs, effects);
  },

  "actor-exited"(state, { actor: id, executor, atMs }, effects) {
    const actor = state.actors.get(id);
    if (actor?.executor !== executor || actor.creating) return;
    actor.hasExited ||= actor.endByMs === undefined;
    endActor(state, actor, atMs, effects);
  },

  "actor-leaves"(state, { actor: id }, effects) {
    const actor = state.actors.get(id);
    if (actor) refuseWaiting(state, actor, effects);
  },

  "object-arrived"(state, { object }, effects) {
    for (const order of takeWaiting(state, object)) {
      if (order.missing.size > 0) continue;
      if (order.kind !== "call") {
        makeReady(state, order, false);
        continue;
      }
      const actor = state.actors.get(order.actor);
      if (actor) startCalls(state, actor, order.caller, effects);
    }
  },

  "object-failed"(state, { object, error }, effects) {
    for (const order of takeWaiting(state, object)) {
      settle(state, order, failed(order.key, error), effects);
      if (order.kind !== "call") continue;
      const actor = state.actors.get(order.actor);
      if (actor) startCalls(state, actor, order.caller, effects);
    }
  },

  "object-missed"(state, { object, error }, effects) {
    for (const key of state.wanted.get(object) ?? []) {
      const order = state.orders.get(key);
      if (order && order.kind !== "call") giveBack(state, order, error, effects);
    }
  },

  "executor-ready"(state, { executor: id, atMs }) {
    const executor = state.executors.get(id);
    if (!executor || executor.ready) return;
    executor.ready = true;
    executor.progressAtMs = atMs;
    state.startFailures = 0;
    state.spawnAfterMs = 0;
    if (executor.role === "tasks") state.idle.add(id);
  },

  "executor-blocked"(state, { executor: id }) {
    const executor = state.executors.get(id);
    if (executor?.role === "tasks") block(state, executor);
  },

  "executor-resumed"(state, { executor: id }) {
    const executor = state.executors.get(id);
    if (executor) unblock(state, executor);
  },

  "executor-ended"(state, { executor: id, reason, atMs }, effects) {
    const executor = state.executors.get(id);
    if (executor) executorDied(state, executor, { atMs, reason }, effects);
  },

  "order-finished"(state, event, effects) {
    const executor = state.executors.get(event.executor);
    const ending = executor?.endings.get(event.outcome.key);
    if (ending) {
      executor!.endings.delete(event.outcome.key);
      const actor = state.actors.get(ending.actor);
      if (actor?.disposing === event.outcome.key) dropEnded(state, actor, event.atMs, effects);
    }
    if (!executor?.queue.delete(event.outcome.key)) return;
    const order = state.orders.get(event.outcome.key);
    if (order?.kind === "task") learn(state, order, event.outcome.ranForMs);
    if (order?.kind === "create-actor") finishCreation(state, order, event, effects);
    else if (order) settle(state, order, event.outcome, effects);
    if (order?.kind === "call") {
      const actor = state.actors.get(order.actor);
      if (actor) disposeIfDone(state, actor, event.atMs, effects);
    }
    if (executor.role === "tasks") proceed(state, executor, event.atMs, effects);
    else executor.progressAtMs = event.atMs;
  },

  "callables-forgotten"(state, { callables }) {
    for (const callable of callables) state.averageMs.delete(callable);
  },

  tick(state, { atMs }, effects) {
    checkDeadlines(state, atMs, effects);
  },
};

/**
 * Advance the worker by one event and say what must be done about it. Deterministic and without
 * I/O, clock or promise; the state is changed in place because nobody else holds it.
 */
export function step(state: MachineState, event: MachineEvent): MachineEffect[] {
  const effects: MachineEffect[] = [];
  (handlers[event.type] as Handler<MachineEvent["type"]>)(state, event, effects);
  startFetches(state, effects);
  startReady(state, event.atMs, effects);
  keepWarm(state, event.atMs, effects);
  return effects;
}

const newOrder = (event: EventOf<"run-ordered">): TaskOrder => ({
  key: event.key,
  kind: event.kind,
  state: "fetching",
  missing: event.refusal || event.missing.length === 0 ? NOTHING : new Set(event.missing),
  executors: new Set(),
  task: event.task,
  attempt: event.attempt,
  callable: event.callable,
  name: event.name,
  demands: event.demands,
  demandsKey: demandsKey(event.demands),
  timeoutMs: event.timeoutMs,
  items: event.items,
  isUnordered: event.isUnordered ?? false,
  // A generator can always be told.
  hasSignal: event.items === "stream",
});

function finishCreation(
  state: MachineState,
  order: TaskOrder,
  { outcome, atMs }: EventOf<"order-finished">,
  effects: MachineEffect[],
): void {
  const actor = state.actors.get(order.task as string as ActorId);
  invariant(actor?.creating === order, `${order.task} is not being created`);
  if (outcome.error) {
    settle(state, order, outcome, effects);
    actor.creating = undefined;
    retireActor(state, actor, { error: outcome.error, atMs }, effects);
    return;
  }
  actor.creating = undefined;
  state.creating.delete(actor.id);
  const { id, life } = actor;
  effects.push({ type: "host-actor", actor: id, life, callable: order.callable });
  settle(state, order, outcome, effects);
}

function learn(state: MachineState, order: TaskOrder, ranForMs: number): void {
  const average = state.averageMs.get(order.callable) ?? ranForMs;
  const next = average + AVERAGE_WEIGHT * (ranForMs - average);
  state.averageMs.set(order.callable, next);
}
