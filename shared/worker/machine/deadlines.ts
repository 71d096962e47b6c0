import { dropOverdue, retireActor } from "./actors.ts";
import { countPool, executorDied, overtake, retireSpares, stopPool } from "./executors.ts";
import { failed, timedOut } from "./failures.ts";
import { settle } from "./orders.ts";
import { PIPELINE_STALL_MS } from "./placement.ts";
import type { ActorRecord, ExecutorRecord, MachineEffect, MachineState } from "./types.ts";

/** An executor that is not ready by then will not be. */
export const EXECUTOR_START_MS_MAX = 30_000;

/** An executor that light actors share, and that does not say for so long that one has ended, hangs. */
export const SILENT_MS_MAX = 5_000;

/** Whether time alone may change something: something runs, waits, starts or ends. */
export function needsTicks(state: MachineState): boolean {
  if (state.orders.size > 0 || state.ending.size > 0) return true;
  const { size } = countPool(state);
  const { executorsMin, executorsMax } = state.settings;
  if (state.idle.size < Math.max(size, executorsMin) || size > executorsMax) return true;
  return [...state.executors.values()].some(({ endings }) => endings.size > 0);
}

/** What a tick looks for. It costs what there is of executors and actors under construction. */
export function checkDeadlines(state: MachineState, atMs: number, effects: MachineEffect[]): void {
  for (const executor of state.executors.values()) {
    if (!executor.ready) checkStart(state, executor, atMs, effects);
    else if (executor.role === "tasks") checkFirst(state, executor, atMs, effects);
    else if (executor.endings.size > 0) checkSilence(state, executor, atMs, effects);
  }
  dropOverdue(state, atMs, effects);
  retireSpares(state, atMs, effects);
  // A copy: when a shared executor is stopped, all that it constructs goes.
  for (const id of Array.from(state.creating)) {
    const actor = state.actors.get(id);
    if (actor) checkCreation(state, actor, atMs, effects);
  }
}

function checkStart(
  state: MachineState,
  executor: ExecutorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  if (atMs - executor.spawnedAtMs <= EXECUTOR_START_MS_MAX) return;
  const reason = `it was not ready after ${EXECUTOR_START_MS_MAX} ms`;
  effects.push({ type: "stop-executor", executor: executor.id });
  executorDied(state, executor, { atMs, reason }, effects);
}

function checkFirst(
  state: MachineState,
  executor: ExecutorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  const key = executor.queue.first;
  if (key === undefined) return;
  const ranForMs = atMs - executor.progressAtMs;
  const order = state.orders.get(key);
  if (executor.stopAtMs !== undefined) {
    if (atMs >= executor.stopAtMs) stopPool(state, executor, effects);
    return;
  }
  if (order?.kind === "task" && order.timeoutMs !== undefined && ranForMs > order.timeoutMs) {
    const error = timedOut(order, state.settings.workerName);
    settle(state, order, failed(key, error, ranForMs), effects);
    stopPool(state, executor, effects);
  } else if (ranForMs > PIPELINE_STALL_MS) {
    // What it runs was settled elsewhere meanwhile, or cancelled: nobody waits for it.
    if (order) overtake(state, executor);
    else stopPool(state, executor, effects);
  }
}

/** An endless method cannot be interrupted, and the actors beside it cannot run: they end with it. */
function checkSilence(
  state: MachineState,
  executor: ExecutorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  const oldest = executor.endings.values().next().value;
  if (!oldest) return;
  const { actor, sinceMs } = oldest;
  if (atMs - Math.max(sinceMs, executor.progressAtMs) <= SILENT_MS_MAX) return;
  effects.push({ type: "stop-executor", executor: executor.id });
  const reason =
    `it was stopped because it hung for ${SILENT_MS_MAX} ms after actor ${actor}, which it ran ` +
    `beside others, was to end in the middle of its work; give an actor that computes for long a CPU of its own`;
  executorDied(state, executor, { atMs, reason }, effects);
}

function checkCreation(
  state: MachineState,
  actor: ActorRecord,
  atMs: number,
  effects: MachineEffect[],
): void {
  const executor = state.executors.get(actor.executor);
  const order = actor.creating;
  if (!executor?.ready || order?.timeoutMs === undefined) return;
  const ranForMs = atMs - Math.max(actor.createdAtMs, executor.progressAtMs);
  if (ranForMs <= order.timeoutMs) return;
  const error = timedOut(order, state.settings.workerName);
  settle(state, order, failed(order.key, error, ranForMs), effects);
  retireActor(state, actor, { error, atMs }, effects);
  if (executor.role !== "light-actors") return;
  // A constructor cannot be interrupted: the lanes beside it are stuck as well.
  effects.push({ type: "stop-executor", executor: executor.id });
  const reason = `it was stopped because ${order.name}'s constructor ran over its timeoutMs`;
  executorDied(state, executor, { atMs, reason }, effects);
}
