import { invariant } from "../../errors.ts";
import { createActor } from "./actors.ts";
import { fits } from "./amounts.ts";
import { growPool, reserve, spawn } from "./executors.ts";
import { give, leaveQueues } from "./orders.ts";
import type { ExecutorRecord, MachineEffect, MachineState, TaskOrder } from "./types.ts";

/** Tasks that run shorter than this on average are queued in executors instead of one at a time. */
export const SHORT_MS_MAX = 1;
/**
 * Orders in one executor: about so much work, to hide the way there and back, and to send many with
 * one message.
 */
const PIPELINE_MS = 4;
export const PIPELINE_MIN = 16;
export const PIPELINE_MAX = 256;
/** Once the first order of an executor has run so long, those behind it are run elsewhere. */
export const PIPELINE_STALL_MS = 100;
/** An actor with this much CPU has an executor of its own; lighter ones share one. */
export const OWN_EXECUTOR_CPU_MILLI = 1_000;

/**
 * Start what fits, in order: an order that does not fit yet is not overtaken, or a stream of small
 * ones would starve it. The exception is one that only the end of an actor can make room for, which
 * may never come: it is parked until an actor ends.
 */
export function startReady(state: MachineState, atMs: number, effects: MachineEffect[]): void {
  for (;;) {
    const key = state.returned.first ?? state.ready.first;
    if (key === undefined) return;
    const order = state.orders.get(key);
    invariant(order && order.kind !== "call", `${key} cannot wait for room`);
    if (!fits(state.settings.capacity, state.usedByActors, order.demands)) {
      leaveQueues(state, order);
      order.state = "parked";
      state.parked.add(key);
    } else if (!(order.kind === "task" ? startTask : startActor)(state, order, atMs, effects)) {
      return;
    }
  }
}

function startTask(
  state: MachineState,
  order: TaskOrder,
  atMs: number,
  effects: MachineEffect[],
): boolean {
  if (fits(state.settings.capacity, state.used, order.demands)) {
    const idle = state.executors.get(state.idle.first ?? "e-1");
    if (idle) {
      leaveQueues(state, order);
      state.idle.delete(idle.id);
      reserve(state, idle, order);
      idle.progressAtMs = atMs;
      give(order, idle, effects);
      return true;
    }
    growPool(state, state.ready.size + state.returned.size, atMs, effects);
  }
  const busy = isShort(state, order) ? leastBusy(state, order, atMs) : undefined;
  if (!busy) return false;
  leaveQueues(state, order);
  give(order, busy, effects);
  return true;
}

const isShort = (state: MachineState, order: TaskOrder): boolean =>
  !order.items && (state.averageMs.get(order.callable) ?? SHORT_MS_MAX) < SHORT_MS_MAX;

/** The executor with the shortest queue among those whose reservation serves this order too. */
function leastBusy(
  state: MachineState,
  order: TaskOrder,
  atMs: number,
): ExecutorRecord | undefined {
  let best: ExecutorRecord | undefined;
  const averageMs = state.averageMs.get(order.callable) ?? SHORT_MS_MAX;
  const depth = Math.min(PIPELINE_MAX, Math.max(PIPELINE_MIN, PIPELINE_MS / averageMs));
  for (const executor of state.executors.values()) {
    const { reserved, queue } = executor;
    if (reserved?.demandsKey !== order.demandsKey || !isShort(state, reserved)) continue;
    if (queue.size >= (best?.queue.size ?? depth) || executor.blocked) continue;
    if (executor.stopAtMs !== undefined) continue;
    if (atMs - executor.progressAtMs > PIPELINE_STALL_MS) continue;
    if (!order.executors.has(executor.id)) best = executor;
  }
  return best;
}

function startActor(
  state: MachineState,
  order: TaskOrder,
  atMs: number,
  effects: MachineEffect[],
): boolean {
  if (!fits(state.settings.capacity, state.used, order.demands)) return false;
  const executor =
    order.demands.cpuMilli < OWN_EXECUTOR_CPU_MILLI
      ? sharedExecutor(state, atMs, effects)
      : ownExecutor(state, atMs, effects);
  if (!executor) return false;
  leaveQueues(state, order);
  createActor(state, { order, executor, atMs }, effects);
  return true;
}

function sharedExecutor(
  state: MachineState,
  atMs: number,
  effects: MachineEffect[],
): ExecutorRecord | undefined {
  for (const executor of state.executors.values()) {
    if (executor.role === "light-actors") return executor;
  }
  if (atMs < state.spawnAfterMs) return undefined;
  return spawn(state, "light-actors", atMs, effects);
}

/** A warm executor leaves the pool, which spawns another. */
function ownExecutor(
  state: MachineState,
  atMs: number,
  effects: MachineEffect[],
): ExecutorRecord | undefined {
  const idle = state.executors.get(state.idle.first ?? "e-1");
  if (idle) {
    state.idle.delete(idle.id);
    idle.role = "actor";
    idle.progressAtMs = atMs;
    return idle;
  }
  if (atMs < state.spawnAfterMs) return undefined;
  return spawn(state, "actor", atMs, effects);
}
