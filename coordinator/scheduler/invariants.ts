import { invariant } from "../../shared/errors.ts";
import { change, fits, noAmounts, type Amounts } from "../../shared/worker/machine/amounts.ts";
import { isFeasible } from "./placement.ts";
import type { SchedulerState, WorkerRecord } from "./types.ts";

/**
 * Check every relation between the collections, both ways round. Linear in the state: tests and the
 * simulator call it, production does not.
 */
export function checkInvariants(state: SchedulerState): void {
  checkTasks(state);
  checkClasses(state);
  for (const worker of state.workers.values()) checkWorker(state, worker);
  let silentWorkers = 0;
  for (const [limitMs, silent] of state.silent) {
    silentWorkers += silent.size;
    oldestFirst(
      `workers silent for ${limitMs}`,
      [...silent].map(({ lastSeenMs }) => lastSeenMs),
    );
  }
  invariant(silentWorkers === state.workers.size, "every worker is watched for silence");
  oldestFirst(
    "leases",
    [...state.leased].map(({ leasedMs }) => leasedMs),
  );
  const sorted = [...state.priorities].sort((a, b) => b - a);
  invariant(sorted.join() === state.priorities.join(), "priorities are highest first");
}

function checkTasks(state: SchedulerState): void {
  for (const task of state.tasks.values()) {
    const { id, group } = task;
    invariant(group.queue.has(id) === (task.state === "ready"), `${id}: queued iff ready`);
    const placed = task.state === "running" || task.state === "alive";
    invariant((task.worker !== undefined) === placed, `${id}: placed iff running or alive`);
    invariant(state.leased.has(task) === (task.state === "running"), `${id}: leased iff running`);
    invariant(
      (task.missing !== undefined) === (task.state === "waiting"),
      `${id}: lacks iff waits`,
    );
    invariant(task.missing?.size !== 0, `${id}: waits for nothing`);
    invariant(task.attempt <= group.retriesMax, `${id}: more attempts than allowed`);
    invariant(state.jobs.get(group.job)?.tasks.has(task), `${id}: its job disowns it`);
    for (const object of task.missing ?? []) {
      invariant(state.dependents.get(object)?.has(task), `${id}: ${object} will not wake it`);
    }
    if (!task.worker) continue;
    invariant(state.workers.get(task.worker.id) === task.worker, `${id}: its worker has left`);
    invariant(task.worker.assigned.has(task), `${id}: its worker disowns it`);
  }
  for (const [object, dependents] of state.dependents) {
    invariant(dependents.size > 0, `${object}: nobody waits for it`);
    for (const task of dependents) {
      invariant(state.tasks.get(task.id) === task, `${object}: ${task.id} is settled`);
    }
  }
}

function checkClasses(state: SchedulerState): void {
  let ready = 0;
  for (const [priority, classes] of state.readyClasses) {
    invariant(classes.size > 0, `priority ${priority} is empty`);
    invariant(state.priorities.includes(priority), `priority ${priority} is forgotten`);
    ready += classes.size;
  }
  let queued = 0;
  for (const group of state.classes.values()) {
    if (group.queue.size > 0) queued += 1;
    const awaited = group.isActor && group.queue.size > 0;
    invariant(state.readyActors.has(group) === awaited, `${group.id}: awaited iff a ready actor`);
    for (const worker of [...group.open, ...group.deep]) {
      invariant(state.workers.get(worker.id) === worker, `${group.id}: ${worker.id} has left`);
    }
    for (const worker of group.deep) {
      invariant(worker.demotedFrom.has(group), `${group.id}: ${worker.id} is deep, not demoted`);
    }
    let feasible = 0;
    for (const worker of state.workers.values()) {
      const { demands, labels } = group;
      if (isFeasible(worker, demands, labels)) feasible += 1;
      const known = Number(group.open.has(worker)) + Number(worker.demotedFrom.has(group));
      const expected = isFeasible(worker, demands, labels) ? 1 : 0;
      invariant(known === expected, `${group.id}: ${worker.id} is open, demoted or infeasible`);
    }
    invariant(feasible === group.feasible, `${group.id}: feasible is wrong`);
  }
  invariant(ready === queued, "a class is served iff it has ready tasks");
}

function checkWorker(state: SchedulerState, worker: WorkerRecord): void {
  const { id, capacity } = worker;
  const used = noAmounts();
  const usedByActors = noAmounts();
  let launched = 0;
  let aheadUs = 0;
  for (const task of worker.assigned) {
    invariant(task.worker === worker, `${task.id}: two workers claim it`);
    if (task.state === "running") launched += 1;
    if (task.group.isActor) change(usedByActors, task.group.demands, 1);
    if (worker.prefetched.has(task)) aheadUs += task.expectedUs;
    else change(used, task.group.demands, 1);
  }
  invariant(launched === worker.launched, `${id}: launched is wrong`);
  invariant(worker.slow >= 0 && worker.slow <= launched, `${id}: slow is wrong`);
  invariant(aheadUs === worker.aheadUs, `${id}: the time ahead is wrong`);
  invariant(plain(used) === plain(worker.used), `${id}: used is wrong`);
  invariant(plain(usedByActors) === plain(worker.usedByActors), `${id}: used by actors is wrong`);
  for (const task of worker.prefetched) {
    invariant(worker.assigned.has(task), `${id}: prefetched ${task.id} is not its own`);
    const isPossible = fits(capacity, usedByActors, task.group.demands);
    invariant(isPossible, `${id}: prefetched ${task.id} waits for an actor to end`);
    invariant(!task.group.isActor, `${id}: actor ${task.id} is prefetched`);
  }
  const next = worker.prefetched.first;
  const starts = next && fits(capacity, used, next.group.demands);
  invariant(!starts, `${id}: prefetched ${next?.id} could run`);
  invariant(used.cpuMilli <= capacity.cpuMilli, `${id}: over its cpus`);
  invariant(used.gpuMilli <= capacity.gpuMilli, `${id}: over its gpus`);
  invariant(used.memoryBytes <= capacity.memoryBytes, `${id}: over its memory`);
  for (const [name, amount] of used.custom) {
    invariant(amount <= (capacity.custom?.[name] ?? 0), `${id}: over its ${name}`);
  }
  for (const group of worker.demotedFrom) {
    invariant(state.classes.get(group.id) === group, `${id}: demoted from a dead class`);
    invariant(worker.assigned.size > 0, `${id}: demoted, and no task will end there`);
  }
}

const plain = ({ custom, ...rest }: Amounts): string =>
  JSON.stringify([rest, [...custom].filter(([, amount]) => amount > 0).toSorted()]);

function oldestFirst(what: string, times: readonly number[]): void {
  invariant(
    times.every((time, i) => i === 0 || times[i - 1]! <= time),
    `${what} are out of order`,
  );
}
