import { invariant } from "../../shared/errors.ts";
import { change, fits, noAmounts, type Amounts } from "../../shared/worker/machine/amounts.ts";
import type { JobId } from "../../shared/ids.ts";
import { rankOf } from "./choices.ts";
import { isWithinQuota } from "./policy/fairness.ts";
import { LENT_MAX } from "./placement.ts";
import { slotsOf } from "./policy/speed.ts";
import { candidatesOf } from "./shapes.ts";
import type { JobRecord, Pool, SchedulerState, Shape, WorkerRecord } from "./types.ts";

/**
 * Check every relation between the collections, both ways round. Linear in the state: tests and the
 * simulator call it, production does not.
 */
export function checkInvariants(state: SchedulerState): void {
  checkTasks(state);
  checkFamily(state);
  checkClasses(state);
  for (const worker of state.workers.values()) {
    checkWorker(state, worker);
    for (const bundle of worker.bundles ?? []) checkWorker(state, bundle);
  }
  checkPlacementGroups(state);
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
  checkLines(state);
}

function checkFamily({ tasks, family: { children, parents } }: SchedulerState): void {
  let count = 0;
  for (const [parent, own] of children) {
    invariant(tasks.has(parent), `${parent}: has ended and is a parent`);
    invariant(own.size > 0, `${parent}: a parent of nobody`);
    count += own.size;
    for (const child of own) {
      invariant(tasks.has(child), `${child}: has ended and is a child`);
      invariant(parents.get(child) === parent, `${child}: whose child?`);
    }
  }
  invariant(count === parents.size, "a child that nobody has");
}

function checkTasks(state: SchedulerState): void {
  for (const task of state.tasks.values()) {
    const { id, group } = task;
    invariant(group.queue.has(task) === (task.state === "ready"), `${id}: queued iff ready`);
    const placed = task.state === "running" || task.state === "alive";
    invariant((task.worker !== undefined) === placed, `${id}: placed iff running or alive`);
    invariant(
      state.resting.until.has(task) === (task.state === "resting"),
      `${id}: is to be woken iff it rests`,
    );
    invariant(state.leased.has(task) === (task.state === "running"), `${id}: leased iff running`);
    invariant(
      (task.missing !== undefined) === (task.state === "waiting"),
      `${id}: lacks iff waits`,
    );
    invariant(task.missing?.size !== 0, `${id}: waits for nothing`);
    invariant(task.losses <= group.retriesMax, `${id}: more attempts than allowed`);
    invariant(task.restarts <= group.restartsMax, `${id}: more restarts than allowed`);
    invariant(!task.isHandedOver || task.state === "alive", `${id}: hands over what is not there`);
    invariant(state.jobs.get(group.job)?.tasks.has(task), `${id}: its job disowns it`);
    for (const object of task.missing ?? []) {
      invariant(state.dependents.get(object)?.has(task), `${id}: ${object} will not wake it`);
    }
    if (!task.worker) continue;
    invariant(isThere(state, task.worker), `${id}: its worker has left`);
    invariant(task.worker.assigned.has(task), `${id}: its worker disowns it`);
  }
  for (const [id, { copy, attempt }] of state.copies) {
    const task = state.tasks.get(id);
    invariant(task, `${id}: what has ended has a copy`);
    if (!copy) continue;
    invariant(task !== copy && task.state === "running", `${id}: runs in a copy alone`);
    invariant(copy.attempt === attempt && attempt > task.attempt, `${id}: its copy's number`);
    invariant(copy.worker!.id !== task.worker!.id, `${id}: twice on one worker`);
    invariant(task.group.speculation?.copies.has(copy), `${id}: its copy is not counted`);
    invariant(copy.worker!.assigned.has(copy) && state.leased.has(copy), `${id}: its copy is lost`);
  }
  for (const [object, dependents] of state.dependents) {
    invariant(dependents.size > 0, `${object}: nobody waits for it`);
    for (const task of dependents) {
      invariant(state.tasks.get(task.id) === task, `${object}: ${task.id} is settled`);
    }
  }
}

function checkClasses(state: SchedulerState): void {
  const classes = new Map<Shape, number>();
  const count = (shape: Shape) => classes.set(shape, (classes.get(shape) ?? 0) + 1);
  for (const { bundles, together } of state.placementGroups.values()) {
    for (const { shape } of bundles) count(shape);
    if (together) count(together);
  }
  for (const group of state.classes.values()) {
    const { id, shape, priority, queue } = group;
    count(shape);
    const isTwice = group.speculation !== undefined && group.speculation.running.size > 0;
    invariant(!isTwice || state.speculating.has(group), `${id}: nobody looks after its stragglers`);
    for (const copy of group.speculation?.copies ?? []) {
      invariant(state.copies.get(copy.id)?.copy === copy, `${id}: counts a copy that is none`);
    }
    const level = group.line.levels.find((each) => each.priority === priority);
    const isServed = level?.classes.has(group) ?? false;
    invariant(isServed === queue.size > 0, `${id}: served iff it has ready tasks`);
    invariant(group.line === state.jobs.get(group.job)?.lines.get(shape), `${id}: its line`);
    const near = [...(group.nearBy ?? [])].flatMap(([worker, tasks]) => {
      return [...tasks].filter((task) => queue.has(task) && task.near?.[0]?.worker === worker);
    });
    const preferring = [...queue].filter((task) => task.near && group.depth === 0);
    invariant(near.length === preferring.length, `${id}: not all that prefer a worker are known`);
  }
  for (const shape of state.readyShapes) {
    invariant(shape.ready.length > 0, `${shape.key}: nothing is ready`);
    invariant(state.shapes.get(shape.key) === shape, `${shape.key} is gone, and ready`);
  }
  invariant(classes.size === state.shapes.size, "a shape without a class");
  for (const shape of state.shapes.values()) {
    invariant(classes.get(shape) === shape.classes, `${shape.key}: its classes are miscounted`);
    checkShape(state, shape);
  }
}

function checkShape(state: SchedulerState, shape: Shape): void {
  const { key, ready, pools } = shape;
  invariant(state.readyShapes.has(shape) === ready.length > 0, `${key}: served iff ready`);
  ready.forEach((line, i) => {
    const above = ready[(i - 1) >> 1];
    invariant(i === 0 || above!.servedUs <= line.servedUs, `${key}: line ${i} is out of order`);
    invariant(line.at === i && line.shape === shape, `${key}: line ${i} is elsewhere`);
    const isSeen = line.servedUs <= line.job.servedUs;
    invariant(isSeen, `${key}: line ${i} is filed above what its job has`);
  });
  const isAwaited = shape.isActor && ready.length > 0;
  invariant(state.readyActors.has(shape) === isAwaited, `${key}: awaited iff a ready actor`);
  const feasible = pools.map((pool, rank) => checkPool(state, shape, { pool, rank }));
  const total = feasible.reduce((sum, each) => sum + each, 0);
  invariant(total === shape.feasible, `${key}: feasible is wrong`);
}

function checkPool(
  state: SchedulerState,
  shape: Shape,
  { pool, rank }: { readonly pool: Pool; readonly rank: number },
): number {
  const { open, deep, standby, throughput } = pool;
  const key = `${shape.key}, choice ${rank}`;
  for (const worker of [...open, ...deep, ...standby]) {
    invariant(isThere(state, worker), `${key}: ${worker.id} has left`);
    invariant(!worker.isDraining, `${key}: ${worker.id} drains and may be given work`);
  }
  for (const worker of deep) {
    invariant(worker.demotedFrom.includes(pool), `${key}: ${worker.id} is deep, not demoted`);
  }
  let feasible = 0;
  let { slots: slotsLeft, speed: speedLeft } = throughput;
  for (const worker of candidatesOf(state, shape)) {
    const expected = rankOf(worker, shape) === rank ? 1 : 0;
    feasible += expected;
    const isFree = Number(open.has(worker)) + Number(standby.has(worker));
    const known = isFree + Number(worker.demotedFrom.includes(pool));
    invariant(known === expected, `${key}: ${worker.id} is free, demoted or infeasible`);
    const slots = expected * slotsOf(worker.capacity, shape.demands);
    slotsLeft -= slots;
    speedLeft -= slots / worker.speed.published;
  }
  invariant(slotsLeft === 0, `${key}: its slots are miscounted`);
  invariant(Math.abs(speedLeft) < 1e-6 * (1 + throughput.speed), `${key}: its speed is wrong`);
  invariant(feasible === pool.feasible, `${key}: feasible is wrong`);
  return feasible;
}

/** It is connected; or its host is, and has it. */
const isThere = ({ workers }: SchedulerState, worker: WorkerRecord): boolean =>
  worker.host
    ? workers.get(worker.id) === worker.host && worker.host.bundles?.has(worker) === true
    : workers.get(worker.id) === worker;

function checkPlacementGroups(state: SchedulerState): void {
  let places = 0;
  for (const group of state.placementGroups.values()) {
    const { id, bundles, strategy, wasPlaced } = group;
    const hosts = bundles.flatMap(({ place }) => (place ? [place.host!] : []));
    places += hosts.length;
    const isPending = hosts.length < bundles.length;
    invariant(state.pendingGroups.has(group) === isPending, `${id}: pending iff it lacks a place`);
    invariant(wasPlaced || hosts.length === 0, `${id}: placed in part`);
    const different = new Set(hosts).size;
    if (strategy === "strictPack") invariant(different <= 1, `${id}: not packed`);
    if (strategy === "strictSpread") invariant(different === hosts.length, `${id}: not spread`);
    invariant(state.jobs.get(group.job)?.placementGroups.has(group), `${id}: its job disowns it`);
    for (const { place, index, shape } of bundles) {
      if (!place) continue;
      invariant(isThere(state, place), `${id}: the host of bundle ${index} has left`);
      const mayBe = place.host!.isDraining || rankOf(place.host!, shape) >= 0;
      invariant(mayBe, `${id}: bundle ${index} may not be on its host`);
    }
  }
  for (const group of state.untriedGroups) {
    invariant(state.pendingGroups.has(group), `${group.id}: is tried and does not wait`);
  }
  const reserved = [...state.workers.values()].reduce(
    (sum, { bundles }) => sum + (bundles?.size ?? 0),
    0,
  );
  invariant(reserved === places, "workers reserve bundles of no group");
}

function checkWorker(state: SchedulerState, worker: WorkerRecord): void {
  const { id, capacity } = worker;
  const used = noAmounts();
  const usedByActors = noAmounts();
  const held = noAmounts();
  let slow = 0;
  let launched = 0;
  let aheadUs = 0;
  let lent = 0;
  let overdrawnMilli = 0;
  for (const task of worker.assigned) {
    invariant(task.worker === worker, `${task.id}: two workers claim it`);
    if (task.state === "running") launched += 1;
    if (task.group.isActor) change(usedByActors, task.group.demands, 1);
    const isSlow = task.state === "running" && task.isSlow;
    if (isSlow) slow += 1;
    if (isSlow || task.group.isActor) change(held, task.group.demands, 1);
    if (worker.prefetched.has(task)) aheadUs += task.expectedUs;
    else change(used, task.group.demands, 1);
    const { cpuMilli } = task.group.demands;
    if (task.cpus === "lent") {
      lent += 1;
      used.cpuMilli -= cpuMilli;
      if (isSlow || task.group.isActor) held.cpuMilli -= cpuMilli;
    } else if (task.cpus === "returned") overdrawnMilli += cpuMilli;
  }
  for (const bundle of worker.bundles ?? []) {
    for (const amounts of [used, usedByActors, held]) change(amounts, bundle.capacity, 1);
  }
  invariant(lent === worker.lent && lent <= LENT_MAX, `${id}: lent is wrong`);
  invariant(launched === worker.launched, `${id}: launched is wrong`);
  invariant(slow === worker.slow, `${id}: slow is wrong`);
  invariant(aheadUs === worker.aheadUs, `${id}: the time ahead is wrong`);
  invariant(plain(used) === plain(worker.used), `${id}: used is wrong`);
  invariant(plain(held) === plain(worker.held), `${id}: held is wrong`);
  invariant(
    worker.prefetched.size === 0 || state.ahead.has(worker),
    `${id}: has work ahead, unseen`,
  );
  for (const task of worker.recalled ?? []) {
    invariant(worker.assigned.has(task), `${id}: is to return ${task.id}, which it has not`);
    invariant(!worker.unanswered?.has(task), `${id}: was asked twice for ${task.id}`);
  }
  for (const task of worker.unanswered ?? []) {
    invariant(worker.assigned.has(task), `${id}: was to return ${task.id}, which it has not`);
  }
  for (const task of worker.prefetched) {
    invariant(worker.assigned.has(task), `${id}: prefetched ${task.id} is not its own`);
    const isPossible = fits(capacity, usedByActors, task.group.demands);
    invariant(isPossible, `${id}: prefetched ${task.id} waits for an actor to end`);
    invariant(!task.group.isActor, `${id}: actor ${task.id} is prefetched`);
  }
  const next = worker.prefetched.first;
  const starts = next && fits(capacity, used, next.group.demands);
  invariant(!starts, `${id}: prefetched ${next?.id} could run`);
  invariant(used.cpuMilli <= capacity.cpuMilli + overdrawnMilli, `${id}: over its cpus`);
  invariant(used.gpuMilli <= capacity.gpuMilli, `${id}: over its gpus`);
  invariant(used.memoryBytes <= capacity.memoryBytes, `${id}: over its memory`);
  for (const [name, amount] of used.custom ?? []) {
    invariant(amount <= (capacity.custom?.[name] ?? 0), `${id}: over its ${name}`);
  }
  for (const pool of worker.demotedFrom) {
    const isLive = [...state.shapes.values()].some(({ pools }) => pools.includes(pool));
    invariant(isLive, `${id}: demoted from a dead shape`);
    const times = worker.demotedFrom.filter((each) => each === pool).length;
    invariant(times === 1, `${id}: demoted from one pool ${times} times`);
    const ends = worker.assigned.size + (worker.bundles?.size ?? 0);
    invariant(ends > 0, `${id}: demoted, and no task will end there`);
  }
}

const plain = ({ custom, ...rest }: Amounts): string =>
  JSON.stringify([rest, [...(custom ?? [])].filter(([, amount]) => amount > 0).toSorted()]);

function oldestFirst(what: string, times: readonly number[]): void {
  invariant(
    times.every((time, i) => i === 0 || times[i - 1]! <= time),
    `${what} are out of order`,
  );
}

/** What waits is in one line of its job, and what jobs have is what their tasks and groups have. */
function checkLines(state: SchedulerState): void {
  for (const [id, job] of state.jobs) {
    invariant(Number.isFinite(job.servedUs) && job.weight > 0, `${id}: what it got is no number`);
    let ready = 0;
    for (const line of job.lines.values()) {
      const isReady = line.shape.ready[line.at] === line;
      const isParked = job.parked.has(line);
      if (isReady) ready += 1;
      invariant(line.levels.length > 0 === (isReady || isParked), `${id}: ready iff in line`);
      invariant(!(isReady && isParked), `${id}: waits for its quota and is served`);
      for (const { priority, classes: those } of line.levels) {
        invariant(those.size > 0, `${id}: nothing is ready at ${priority}`);
        oldestFirst(
          `turns of ${id}`,
          [...those].map(({ turn }) => turn),
        );
      }
      if (isParked) {
        const isFull = !isWithinQuota(state.quota ?? {}, job.used, line.shape.demands);
        invariant(isFull, `${id}: waits for its quota, which has room`);
      }
    }
    invariant(ready === job.linesReady, `${id}: lines that are ready are miscounted`);
    checkUsed(state, job, id);
  }
}

function checkUsed(state: SchedulerState, job: JobRecord, id: JobId): void {
  const used = noAmounts();
  for (const task of job.tasks) {
    for (const each of [task, state.copies.get(task.id)?.copy]) {
      if (!each?.worker || each.group.placementGroup) continue;
      change(used, each.group.demands, 1);
      if (each.cpus === "lent") used.cpuMilli -= each.group.demands.cpuMilli;
    }
  }
  for (const { bundles } of job.placementGroups) {
    for (const { demands } of bundles) change(used, demands, 1);
  }
  invariant(plain(used) === plain(job.used), `${id}: what it has is miscounted`);
}
