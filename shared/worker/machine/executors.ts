import { LinkedSet } from "../../collections/linked-set.ts";
import { invariant } from "../../errors.ts";
import { retireActor } from "./actors.ts";
import { change } from "./amounts.ts";
import { actorCrashed, cannotStart, crashed, failed } from "./failures.ts";
import { leaveQueues, makeReady, settle } from "./orders.ts";
import type { ExecutorRecord, MachineEffect, MachineState, OrderRecord } from "./types.ts";
import type { TaskOrder } from "./types.ts";

/** After so many executors in a row that did not get ready, waiting tasks are given back. */
export const START_FAILURES_MAX = 3;
const RESPAWN_MS_MIN = 250;
const RESPAWN_MS_MAX = 30_000;

/** Executors beyond `executorsMax` while others wait for objects. */
const BLOCKED_EXECUTORS_MAX = 64;

/**
 * Idle executors beyond `executorsMax` that are kept for a while: where tasks wait for tasks that
 * they submitted, the number of those that wait goes up and down with each.
 */
const SPARES_MAX = 8;
export const SPARE_MS_MAX = 10_000;

export function spawn(
  state: MachineState,
  role: ExecutorRecord["role"],
  atMs: number,
  effects: MachineEffect[],
): ExecutorRecord {
  const executor: ExecutorRecord = {
    id: `e${state.executorsSpawned++}`,
    role,
    ready: false,
    spawnedAtMs: atMs,
    queue: new LinkedSet(),
    progressAtMs: atMs,
    reserved: undefined,
    blocked: false,
    stopAtMs: undefined,
    overtaken: false,
    actors: new Set(),
    endings: new Map(),
  };
  state.executors.set(executor.id, executor);
  effects.push({ type: "spawn-executor", executor: executor.id });
  return executor;
}

/** Have `waiting` more pool executors on their way, within the limits. */
export function growPool(
  state: MachineState,
  waiting: number,
  atMs: number,
  effects: MachineEffect[],
): void {
  if (atMs < state.spawnAfterMs) return;
  let { size, blocked, starting } = countPool(state);
  const { executorsMax } = state.settings;
  const startingMax = state.startFailures > 0 ? 1 : waiting;
  const sizeMax = executorsMax + Math.min(blocked, BLOCKED_EXECUTORS_MAX);
  for (; size < sizeMax && starting < startingMax; size++, starting++) {
    spawn(state, "tasks", atMs, effects);
  }
}

/** Replace executors that died, down to the number kept warm. */
export function keepWarm(state: MachineState, atMs: number, effects: MachineEffect[]): void {
  // Idle ones suffice to know, and are counted already.
  if (state.idle.size >= state.settings.executorsMin) return;
  const { size, starting } = countPool(state);
  const lacking = state.settings.executorsMin - size;
  if (lacking > 0) growPool(state, starting + lacking, atMs, effects);
}

export function countPool(state: MachineState) {
  let size = 0;
  let blocked = 0;
  let starting = 0;
  for (const executor of state.executors.values()) {
    if (executor.role !== "tasks") continue;
    size += 1;
    if (executor.blocked) blocked += 1;
    if (!executor.ready) starting += 1;
  }
  return { size, blocked, starting };
}

export function reserve(state: MachineState, executor: ExecutorRecord, order: TaskOrder): void {
  invariant(!executor.reserved, `${executor.id} reserves twice`);
  executor.reserved = order;
  change(state.used, order.demands, 1);
}

function release(state: MachineState, executor: ExecutorRecord): void {
  unblock(state, executor);
  if (executor.reserved) change(state.used, executor.reserved.demands, -1);
  executor.reserved = undefined;
}

/** A pool executor's code waits for an object: lend its CPUs, let others run what is behind it. */
export function block(state: MachineState, executor: ExecutorRecord): void {
  if (executor.blocked || !executor.reserved) return;
  executor.blocked = true;
  state.used.cpuMilli -= executor.reserved.demands.cpuMilli;
  overtake(state, executor);
}

export function unblock(state: MachineState, executor: ExecutorRecord): void {
  if (!executor.blocked) return;
  executor.blocked = false;
  state.used.cpuMilli += executor.reserved?.demands.cpuMilli ?? 0;
}

/** Let other executors run what waits behind the first order of this one. */
export function overtake(state: MachineState, executor: ExecutorRecord): void {
  for (const key of executor.queue) {
    if (key === executor.queue.first) continue;
    const order = state.orders.get(key);
    if (order?.kind !== "task" || order.state !== "assigned" || order.executors.size > 1) continue;
    executor.overtaken = true;
    makeReady(state, order, true);
  }
}

/** A pool executor finished its first order and goes on with the next. */
export function proceed(
  state: MachineState,
  executor: ExecutorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  unblock(state, executor);
  executor.progressAtMs = atMs;
  executor.stopAtMs = undefined;
  if (executor.overtaken) {
    executor.overtaken = false;
    for (const key of executor.queue) reclaim(state, state.orders.get(key));
  }
  if (executor.queue.size > 0) return;
  release(state, executor);
  const { size, blocked } = countPool(state);
  state.idle.add(executor.id);
  if (size - blocked > state.settings.executorsMax + SPARES_MAX) retire(state, executor, effects);
}

/** Stop an idle executor. */
function retire(state: MachineState, executor: ExecutorRecord, effects: MachineEffect[]): void {
  state.executors.delete(executor.id);
  state.idle.delete(executor.id);
  effects.push({ type: "stop-executor", executor: executor.id });
}

/** Stop those beyond `executorsMax` that have been idle for long. */
export function retireSpares(state: MachineState, atMs: number, effects: MachineEffect[]): void {
  const { size, blocked } = countPool(state);
  let spares = size - blocked - state.settings.executorsMax;
  // Oldest first; a copy, because they leave it.
  for (const id of Array.from(state.idle)) {
    const executor = state.executors.get(id)!;
    if (spares <= 0 || atMs - executor.progressAtMs <= SPARE_MS_MAX) return;
    spares -= 1;
    retire(state, executor, effects);
  }
}

function reclaim(state: MachineState, order: OrderRecord | undefined): void {
  if (!order || order.state === "assigned") return;
  leaveQueues(state, order);
  order.state = "assigned";
}

/** Stop a pool executor; what it has goes elsewhere. Settle its first order before, if need be. */
export function stopPool(
  state: MachineState,
  executor: ExecutorRecord,
  effects: MachineEffect[],
): void {
  forgetPool(state, executor);
  effects.push({ type: "stop-executor", executor: executor.id });
}

function forgetPool(state: MachineState, executor: ExecutorRecord): void {
  state.executors.delete(executor.id);
  state.idle.delete(executor.id);
  release(state, executor);
  for (const key of executor.queue) {
    const order = state.orders.get(key);
    if (!order || order.kind === "call") continue;
    order.executors.delete(executor.id);
    if (order.state === "assigned" && order.executors.size === 0) makeReady(state, order, true);
  }
}

/** An executor ended by itself, or did not get ready in time. */
export function executorDied(
  state: MachineState,
  executor: ExecutorRecord,
  death: { readonly atMs: number; readonly reason: string },
  effects: MachineEffect[],
): void {
  const { workerName } = state.settings;
  if (executor.ready) {
    const head = state.orders.get(executor.queue.first ?? "");
    if (executor.role === "tasks" && head?.kind === "task" && head.executors.size === 1) {
      const error = crashed(head, workerName, death.reason);
      settle(state, head, failed(head.key, error, death.atMs - executor.progressAtMs), effects);
    }
  } else {
    state.startFailures += 1;
    const delayMs = Math.min(RESPAWN_MS_MAX, RESPAWN_MS_MIN * 2 ** state.startFailures);
    state.spawnAfterMs = death.atMs + delayMs;
  }
  if (executor.role === "tasks") forgetPool(state, executor);
  else buryActors(state, executor, death, effects);
  if (state.startFailures >= START_FAILURES_MAX) giveBack(state, death.reason, effects);
}

function buryActors(
  state: MachineState,
  executor: ExecutorRecord,
  { atMs, reason }: { readonly atMs: number; readonly reason: string },
  effects: MachineEffect[],
): void {
  state.executors.delete(executor.id);
  const { workerName } = state.settings;
  for (const id of executor.actors) {
    const actor = state.actors.get(id);
    invariant(actor, `${executor.id} has an unknown actor ${id}`);
    const { creating, life } = actor;
    const isFinal = actor.endByMs !== undefined;
    const error = actorCrashed(id, workerName, reason);
    retireActor(state, actor, { error, atMs }, effects);
    if (!creating) {
      effects.push({ type: "drop-actor", actor: id, life, error, tell: true, isFinal });
    } else if (executor.ready) {
      const outcome = failed(creating.key, crashed(creating, workerName, reason));
      settle(state, creating, outcome, effects);
    } else {
      creating.executors.delete(executor.id);
      makeReady(state, creating, true);
    }
  }
}

/** Nothing starts here: let the coordinator try other workers. */
function giveBack(state: MachineState, reason: string, effects: MachineEffect[]): void {
  const { size, starting } = countPool(state);
  if (size > starting) return;
  for (const key of [...state.returned, ...state.ready]) {
    const order = state.orders.get(key) as TaskOrder;
    const error = cannotStart(order, state.settings.workerName, reason);
    settle(state, order, failed(key, error), effects);
  }
}
