import { LinkedSet } from "../../shared/collections/linked-set.ts";
import type { Demands, Labels } from "../../shared/protocol/schema.ts";
import { demandsNothing } from "../../shared/worker/machine/amounts.ts";
import { choicesOf, rankOf, type Constraints } from "./choices.ts";
import { slotsOf } from "./policy/speed.ts";
import type { Pool, SchedulerState, Shape, WorkerRecord } from "./types.ts";

type Kind = Constraints & {
  readonly demands: Demands;
  readonly isActor: boolean;
  readonly depth?: number;
};

/** The shape of a class: the one that others of its kind have, or a new one. */
export function joinShape(state: SchedulerState, kind: Kind): Shape {
  const key = keyOf(kind);
  let shape = state.shapes.get(key);
  if (!shape) {
    shape = newShape(key, kind);
    state.shapes.set(key, shape);
    for (const worker of candidatesOf(state, shape)) offer(shape, worker);
  }
  shape.classes += 1;
  return shape;
}

function newShape(key: string, kind: Kind): Shape {
  const { demands, isActor, strategy, depth = 0 } = kind;
  const choices = choicesOf(kind);
  const pools = choices.map((choice): Pool => ({
    choice,
    open: new LinkedSet(),
    deep: new LinkedSet(),
    standby: new LinkedSet(),
    throughput: { slots: 0, speed: 0 },
    feasible: 0,
  }));
  const counts = { classes: 0, feasible: 0, joined: 0 };
  const isSpread = strategy === "spread";
  // What demands nothing never fills a worker: packed, all light actors would share one thread.
  const takesTurns = isSpread || demandsNothing(demands);
  const about = { key, demands, choices, isActor, depth, isSpread, takesTurns };
  const share = { share: 0, shareVersion: -1 };
  return { ...about, ready: [], ...share, pools, ...counts };
}

/** A class is gone; with the last one, its shape. */
export function leaveShape(state: SchedulerState, shape: Shape): void {
  shape.classes -= 1;
  if (shape.classes > 0) return;
  state.shapes.delete(shape.key);
  for (const worker of candidatesOf(state, shape)) {
    for (const pool of shape.pools) {
      const at = worker.demotedFrom.indexOf(pool);
      if (at >= 0) worker.demotedFrom.splice(at, 1);
    }
  }
}

/** The workers that it could be about: the bundles of its placement group, or those that are none. */
export function* candidatesOf(
  { workers, placementGroups }: SchedulerState,
  { choices }: Shape,
): IterableIterator<WorkerRecord> {
  const { place } = choices[0]!;
  if (!place) return yield* workers.values();
  for (const bundle of placementGroups.get(place.group)?.bundles ?? []) {
    if (bundle.place) yield bundle.place;
  }
}

/** A worker joined, or a shape is new. */
export function offer(shape: Shape, worker: WorkerRecord): void {
  const pool = shape.pools[rankOf(worker, shape)];
  if (!pool) return;
  shape.feasible += 1;
  shape.joined += 1;
  pool.feasible += 1;
  reckon(pool, shape, { worker, sign: 1 });
  pool.open.add(worker);
}

/** A worker leaves. */
export function withdraw(shape: Shape, worker: WorkerRecord): void {
  const pool = shape.pools[rankOf(worker, shape)];
  if (!pool) return;
  shape.feasible -= 1;
  pool.feasible -= 1;
  reckon(pool, shape, { worker, sign: -1 });
  pool.open.delete(worker);
  pool.deep.delete(worker);
  pool.standby.delete(worker);
}

/** How fast the worker is has become clearer: tell the pools that it is in. */
export function republish(state: SchedulerState, host: WorkerRecord): void {
  const workers = [host, ...(host.bundles ?? [])];
  const pools: [Pool, Shape, WorkerRecord][] = [];
  for (const shape of state.shapes.values()) {
    for (const worker of workers) {
      const pool = shape.pools[rankOf(worker, shape)];
      if (pool) pools.push([pool, shape, worker]);
    }
  }
  for (const [pool, shape, worker] of pools) reckon(pool, shape, { worker, sign: -1 });
  host.speed.published = host.speed.slowness;
  for (const [pool, shape, worker] of pools) reckon(pool, shape, { worker, sign: 1 });
}

function reckon(
  { throughput }: Pool,
  { demands }: Shape,
  { worker, sign }: { readonly worker: WorkerRecord; readonly sign: 1 | -1 },
): void {
  const slots = sign * slotsOf(worker.capacity, demands);
  throughput.slots += slots;
  // What is added and taken again leaves a rest; without slots there is no speed.
  throughput.speed = throughput.slots === 0 ? 0 : throughput.speed + slots / worker.speed.published;
}

function keyOf(kind: Kind): string {
  const { demands, labels, fallback = [], strategy, isActor, depth = 0 } = kind;
  const { cpuMilli, gpuMilli, memoryBytes, custom = {} } = demands;
  const amounts = [cpuMilli, gpuMilli, memoryBytes, byName(custom)];
  const where = [labels, ...fallback].map((each: Labels) => byName(each));
  return JSON.stringify([isActor, depth, amounts, where, strategy ?? "default"]);
}

const byName = <T>(record: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
