import { invariant } from "../../shared/errors.ts";
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
    for (const worker of [...group.open, ...group.deep]) {
      invariant(state.workers.get(worker.id) === worker, `${group.id}: ${worker.id} has left`);
    }
    for (const worker of group.deep) {
      invariant(!group.open.has(worker), `${group.id}: ${worker.id} is open and deep`);
    }
    for (const worker of state.workers.values()) {
      const known = group.open.has(worker) || worker.demotedFrom.has(group);
      invariant(!known || group.feasible > 0, `${group.id}: feasible is wrong`);
    }
  }
  invariant(ready === queued, "a class is served iff it has ready tasks");
}

function checkWorker(state: SchedulerState, worker: WorkerRecord): void {
  const used = { cpuMilli: 0, gpuMilli: 0, memoryBytes: 0 };
  let launched = 0;
  for (const task of worker.assigned) {
    invariant(task.worker === worker, `${task.id}: two workers claim it`);
    if (task.state === "running") launched += 1;
    if (worker.prefetched.has(task)) continue;
    used.cpuMilli += task.group.demands.cpuMilli;
    used.gpuMilli += task.group.demands.gpuMilli;
    used.memoryBytes += task.group.demands.memoryBytes;
  }
  invariant(launched === worker.launched, `${worker.id}: launched is wrong`);
  invariant(used.cpuMilli === worker.used.cpuMilli, `${worker.id}: used cpus are wrong`);
  invariant(used.gpuMilli === worker.used.gpuMilli, `${worker.id}: used gpus are wrong`);
  invariant(used.memoryBytes === worker.used.memoryBytes, `${worker.id}: used memory is wrong`);
  for (const task of worker.prefetched) {
    invariant(worker.assigned.has(task), `${worker.id}: prefetched ${task.id} is not its own`);
  }
  invariant(used.cpuMilli <= worker.capacity.cpuMilli, `${worker.id}: over its cpus`);
  invariant(used.gpuMilli <= worker.capacity.gpuMilli, `${worker.id}: over its gpus`);
  invariant(used.memoryBytes <= worker.capacity.memoryBytes, `${worker.id}: over its memory`);
  for (const group of worker.demotedFrom) {
    invariant(state.classes.get(group.id) === group, `${worker.id}: demoted from a dead class`);
  }
}

function oldestFirst(what: string, times: readonly number[]): void {
  invariant(
    times.every((time, i) => i === 0 || times[i - 1]! <= time),
    `${what} are out of order`,
  );
}
