import { invariant } from "../../errors.ts";
import { change, noAmounts, type Amounts } from "./amounts.ts";
import { FETCHES_MAX } from "./orders.ts";
import { PIPELINE_MAX } from "./placement.ts";
import type { MachineState } from "./types.ts";

/** Check every relation between the collections, both ways round. For tests: it is linear. */
export function checkInvariants(state: MachineState): void {
  checkOrders(state);
  checkExecutors(state);
  checkActors(state);
  checkAmounts(state);
  invariant(state.fetching.size <= FETCHES_MAX, "too many fetches");
  for (const [object, waiting] of state.wanted) {
    invariant(waiting.size > 0, `nobody waits for ${object}`);
    invariant(
      state.fetching.has(object) !== state.fetchQueue.has(object),
      `${object}: either fetched or queued`,
    );
  }
  invariant(
    state.fetching.size + state.fetchQueue.size === state.wanted.size,
    "something is fetched that nobody wants",
  );
}

function checkOrders(state: MachineState): void {
  for (const order of state.orders.values()) {
    const { key } = order;
    const queued = Number(state.ready.has(key)) + Number(state.returned.has(key));
    invariant(queued === Number(order.state === "ready"), `${key}: in one queue iff ready`);
    invariant(state.parked.has(key) === (order.state === "parked"), `${key}: parked iff parked`);
    if (order.state === "assigned") invariant(order.executors.size > 0, `${key}: given to nobody`);
    for (const object of order.missing) {
      invariant(order.state === "fetching", `${key}: started without ${object}`);
      invariant(state.wanted.get(object)?.has(key), `${key}: nobody fetches ${object} for it`);
    }
    for (const id of order.executors) {
      const executor = state.executors.get(id);
      invariant(executor?.queue.has(key), `${key}: ${id} disowns it`);
    }
    if (order.kind === "call") {
      const actor = state.actors.get(order.actor);
      invariant(actor, `${key}: calls an unknown actor`);
      const waits = actor.waiting.get(order.caller)?.has(key) ?? false;
      invariant(waits === (order.state === "fetching"), `${key}: waits in its caller's lane`);
      invariant(actor.running.has(key) === (order.state === "assigned"), `${key}: runs iff given`);
    } else {
      invariant(state.tasks.get(order.task) === key, `${order.task}: two orders`);
      const isShared = order.executors.size > 1;
      invariant(!order.items || !isShared, `${key}: two executors give its items`);
      const started = order.missing.size === 0;
      invariant(order.state !== "fetching" || !started, `${key}: waits for nothing`);
    }
  }
  invariant(
    state.tasks.size === [...state.orders.values()].filter(({ kind }) => kind !== "call").length,
    "a task without an order",
  );
}

function checkExecutors(state: MachineState): void {
  for (const executor of state.executors.values()) {
    const { id, role, queue } = executor;
    const pool = role === "tasks";
    const idle = pool && executor.ready && queue.size === 0;
    invariant(state.idle.has(id) === idle, `${id}: idle iff it has nothing`);
    invariant((executor.reserved !== undefined) === (pool && queue.size > 0), `${id}: reserves`);
    invariant(executor.ready || !pool || queue.size === 0, `${id}: has tasks before it is ready`);
    invariant(!pool || queue.size <= PIPELINE_MAX, `${id}: too many orders`);
    invariant(executor.stopAtMs === undefined || executor.reserved, `${id}: nothing to stop`);
    invariant(!executor.blocked || executor.reserved, `${id}: blocked without a task`);
    invariant(pool === (executor.actors.size === 0) || role === "light-actors", `${id}: actors`);
    for (const actor of executor.actors) {
      invariant(state.actors.get(actor)?.executor === id, `${actor}: two executors`);
    }
    const first = state.orders.get(queue.first ?? "");
    invariant(!pool || !first || first.state === "assigned", `${id}: what it runs waits to run`);
  }
  for (const { id, role, endings } of state.executors.values()) {
    invariant(endings.size === 0 || role !== "tasks", `${id}: confirms what it cannot`);
  }
  const all = [...state.executors.values()];
  invariant(all.filter(({ role }) => role === "light-actors").length <= 1, "two shared executors");
}

function checkActors(state: MachineState): void {
  for (const actor of state.actors.values()) {
    const { id } = actor;
    const executor = state.executors.get(actor.executor);
    invariant(executor, `${id}: no executor`);
    invariant(executor.actors.has(id), `${id}: its executor disowns it`);
    invariant(executor.role !== "actor" || executor.actors.size === 1, `${id}: has company`);
    invariant(state.creating.has(id) === (actor.creating !== undefined), `${id}: creating`);
    invariant(state.ending.has(id) === (actor.endByMs !== undefined), `${id}: ending`);
    if (actor.endByMs !== undefined) invariant(actor.waiting.size === 0, `${id}: ends, calls wait`);
    invariant(
      !actor.disposing || actor.endByMs !== undefined,
      `${id}: has the last word too early`,
    );
    for (const queue of actor.waiting.values()) {
      const first = state.orders.get(queue.first ?? "");
      invariant(first && first.missing.size > 0, `${id}: a call waits for nothing`);
    }
  }
  invariant(state.ending.size + state.creating.size <= state.actors.size, "actors that are not");
}

function checkAmounts(state: MachineState): void {
  const used = noAmounts();
  const usedByActors = noAmounts();
  for (const { reserved, blocked } of state.executors.values()) {
    if (!reserved) continue;
    change(used, reserved.demands, 1);
    if (blocked) used.cpuMilli -= reserved.demands.cpuMilli;
  }
  for (const { demands } of state.actors.values()) {
    change(used, demands, 1);
    change(usedByActors, demands, 1);
  }
  same("used", state.used, used);
  same("used by actors", state.usedByActors, usedByActors);
}

const plain = ({ custom, ...rest }: Amounts): string =>
  JSON.stringify([
    rest,
    [...(custom ?? [])]
      .filter(([, amount]) => amount !== 0)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ]);

function same(what: string, actual: Amounts, expected: Amounts): void {
  invariant(plain(actual) === plain(expected), `${what}: ${plain(actual)}, not ${plain(expected)}`);
}
