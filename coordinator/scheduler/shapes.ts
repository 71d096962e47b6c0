import { LinkedSet } from "../../shared/collections/linked-set.ts";
import type { Demands, Labels } from "../../shared/protocol/schema.ts";
import { isFeasible } from "./placement.ts";
import type { SchedulerState, Shape, WorkerRecord } from "./types.ts";

/** The shape of a class: the one that others of its kind have, or a new one. */
export function joinShape(
  state: SchedulerState,
  kind: { readonly demands: Demands; readonly labels: Labels; readonly isActor: boolean },
): Shape {
  const key = keyOf(kind);
  let shape = state.shapes.get(key);
  if (!shape) {
    const { demands, labels, isActor } = kind;
    const workers = { open: new LinkedSet<WorkerRecord>(), deep: new LinkedSet<WorkerRecord>() };
    const counts = { classes: 0, feasible: 0, joined: 0 };
    shape = { key, demands, labels, isActor, ready: new Map(), ...workers, ...counts };
    state.shapes.set(key, shape);
    for (const worker of state.workers.values()) offer(shape, worker);
  }
  shape.classes += 1;
  return shape;
}

/** A class is gone; with the last one, its shape. */
export function leaveShape(state: SchedulerState, shape: Shape): void {
  shape.classes -= 1;
  if (shape.classes > 0) return;
  state.shapes.delete(shape.key);
  for (const worker of state.workers.values()) worker.demotedFrom.delete(shape);
}

/** A worker joined, or a shape is new. */
export function offer(shape: Shape, worker: WorkerRecord): void {
  if (!isFeasible(worker, shape.demands, shape.labels)) return;
  shape.feasible += 1;
  shape.joined += 1;
  shape.open.add(worker);
}

/** A worker leaves. */
export function withdraw(shape: Shape, worker: WorkerRecord): void {
  if (!isFeasible(worker, shape.demands, shape.labels)) return;
  shape.feasible -= 1;
  shape.open.delete(worker);
  shape.deep.delete(worker);
}

function keyOf({ demands, labels, isActor }: Parameters<typeof joinShape>[1]): string {
  const { cpuMilli, gpuMilli, memoryBytes, custom = {} } = demands;
  const amounts = [cpuMilli, gpuMilli, memoryBytes, byName(custom)];
  return JSON.stringify([isActor, amounts, byName(labels)]);
}

const byName = <T>(record: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
