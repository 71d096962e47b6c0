import { change, fits, noAmounts, type Amounts } from "../../shared/worker/machine/amounts.ts";
import type { Demands, Labels, WireError } from "../../shared/protocol/schema.ts";
import type { ActorId } from "../../shared/ids.ts";
import { rankOf } from "./choices.ts";
import { buryActor } from "./actors.ts";
import { endTask } from "./endings.ts";
import { jobOf, newWorker } from "./new-records.ts";
import { demote, freed, hasRoom } from "./placement.ts";
import { planBundles, type Fleet } from "./policy/bundles.ts";
import { describeQuota } from "./charging.ts";
import { exceedsQuota } from "./policy/fairness.ts";
import { unpark } from "./ready-lines.ts";
import { joinShape, leaveShape, offer, withdraw } from "./shapes.ts";
import type {
  BundleRecord,
  PlacementGroupRecord,
  SchedulerEffect,
  SchedulerEvent,
  SchedulerState,
  SchedulingClass,
  Shape,
  TaskRecord,
  WorkerRecord,
} from "./types.ts";

/**
 * Placement groups: bundles of resources that are reserved on workers together, or not at all.
 *
 * A bundle that has its place is a worker of its own: it has the bundle's resources, only tasks of
 * its group may run there, and everything else (room, prefetch, losses) is as for any worker. What it
 * reserves counts as held on the worker that it is part of, like an actor's resources. Hence it is
 * placed like an actor: where there is room now and nothing was taken ahead.
 */

/** Groups that are tried at one event, and workers looked at for one bundle. */
const TRIED_MAX = 4;
const LOOKED_AT_MAX = 4_096;

type Created = Extract<SchedulerEvent, { type: "placement-group-created" }>;

export function createGroup(state: SchedulerState, event: Created): void {
  const { group: id, job, name, strategy, atMs } = event;
  if (state.placementGroups.has(id)) return; // Sent again.
  const bundles = event.bundles.map(({ demands, labels }, index): BundleRecord => {
    const shape = joinShape(state, { demands, labels, isActor: true });
    return { index, demands, shape, place: undefined };
  });
  // Bundles that want different labels may still share workers, but not by one look.
  const isTogether = isPacked(strategy) && wantSameLabels(event.bundles);
  const together = { demands: sumOf(event.bundles), labels: event.bundles[0]!.labels };
  const group: PlacementGroupRecord = {
    id,
    job,
    name,
    strategy,
    bundles,
    together: isTogether ? joinShape(state, { ...together, isActor: true }) : undefined,
    classes: new Set(),
    wasPlaced: false,
    isHopeless: false,
    sinceMs: atMs,
    isWarned: false,
  };
  state.placementGroups.set(id, group);
  const owner = jobOf(state, group);
  owner.placementGroups.add(group);
  for (const { demands } of bundles) change(owner.used, demands, 1);
  awaitRoom(state, group);
}

/** Why the job may not have the group: with its other groups it would hold more than its quota. */
export function groupExcess(state: SchedulerState, event: Created): WireError | undefined {
  const { quota } = state;
  if (!quota) return undefined;
  const all = [...(state.jobs.get(event.job)?.placementGroups ?? [])].filter(
    ({ id }) => id !== event.group,
  );
  const reserved = sumOf([...all.flatMap(({ bundles }) => bundles), ...event.bundles]);
  if (!exceedsQuota(quota, reserved)) return undefined;
  const message = `placement group ${event.name} (${event.group}) and the others of its job would reserve more than a job may have at once in this mesh (${describeQuota(quota)}); ask for less, or remove one`;
  return { code: "QUOTA_EXCEEDED", message };
}

const isPacked = (strategy: string): boolean => strategy === "pack" || strategy === "strictPack";

function sumOf(bundles: readonly { readonly demands: Demands }[]): Demands {
  const total = noAmounts();
  for (const { demands } of bundles) change(total, demands, 1);
  return { ...total, custom: Object.fromEntries(total.custom ?? []) };
}

/** Whether a worker that one of them may be on will do for all of them. */
export function wantSameLabels(bundles: readonly { readonly labels?: Labels }[]): boolean {
  const wishes = bundles.map(({ labels = {} }) =>
    JSON.stringify(Object.entries(labels).toSorted()),
  );
  return new Set(wishes).size <= 1;
}

/** Some of its bundles have no place. */
function awaitRoom(state: SchedulerState, group: PlacementGroupRecord): void {
  state.pendingGroups.add(group);
  state.isRoomMade = true;
  judge(state, group);
}

/** The fleet has changed: could the mesh hold the group if it were idle? */
function judge(state: SchedulerState, group: PlacementGroupRecord): void {
  group.isHopeless = !planFor(group, idleFleet(state, group));
}

/** A worker joined or left. */
export function judgePending(state: SchedulerState): void {
  for (const group of state.pendingGroups) judge(state, group);
}

/**
 * Give places to groups that wait. When room was made each of them is tried once, the oldest first,
 * a few at a time: those that are left have their turn at the next events, before others have another.
 */
export function placeGroups(state: SchedulerState, atMs: number, effects: SchedulerEffect[]): void {
  const { untriedGroups } = state;
  if (state.isRoomMade) for (const group of state.pendingGroups) untriedGroups.add(group);
  state.isRoomMade = false;
  let tried = 0;
  for (const group of untriedGroups) {
    if (tried === TRIED_MAX) return;
    untriedGroups.delete(group);
    if (group.isHopeless) continue;
    tried += 1;
    const hosts = planFor(group, presentFleet(group));
    if (hosts) {
      state.pendingGroups.delete(group);
      for (const [bundle, host] of hosts) reserve(group, bundle, { host, atMs });
      group.isWarned = false;
      if (!group.wasPlaced) effects.push({ type: "placement-group-ready", group: group.id });
      group.wasPlaced = true;
    }
  }
}

function planFor(
  { strategy, bundles }: PlacementGroupRecord,
  fleet: Fleet<WorkerRecord, BundleRecord>,
): Map<BundleRecord, WorkerRecord> | undefined {
  const homeless = bundles.filter(({ place }) => !place);
  const inUse = bundles.flatMap(({ place }) => (place ? [place.host!] : []));
  return planBundles(strategy, homeless, fleet, inUse);
}

/** The workers with what is free now. */
function presentFleet(group: PlacementGroupRecord): Fleet<WorkerRecord, BundleRecord> {
  const planned = new Planned(({ used }) => used);
  const search = (shape: Shape, except: ReadonlySet<WorkerRecord>): WorkerRecord | undefined => {
    let lookedAt = 0;
    for (const pool of shape.pools) {
      for (const worker of pool.open) {
        if (!hasRoom(worker, shape)) demote(pool, worker);
        else if (!except.has(worker) && planned.fits(worker, shape)) return worker;
        lookedAt += 1;
        if (lookedAt > LOOKED_AT_MAX) return undefined;
      }
    }
    return undefined;
  };
  return {
    fits: (worker, { shape }) =>
      rankOf(worker, shape) >= 0 && worker.prefetched.size === 0 && planned.fits(worker, shape),
    find: ({ shape }, except) => search(shape, except),
    findForAll: () => group.together && search(group.together, new Set()),
    plan: (worker, { demands }) => planned.add(worker, demands),
  };
}

/** The workers as if nothing ran on them. */
function idleFleet(
  state: SchedulerState,
  group: PlacementGroupRecord,
): Fleet<WorkerRecord, BundleRecord> {
  const planned = new Planned(noAmounts);
  const search = (shape: Shape, except: ReadonlySet<WorkerRecord>): WorkerRecord | undefined => {
    if (shape.feasible === 0) return undefined;
    for (const worker of state.workers.values()) {
      if (except.has(worker) || rankOf(worker, shape) < 0) continue;
      if (planned.fits(worker, shape)) return worker;
    }
    return undefined;
  };
  return {
    fits: (worker, { shape }) => rankOf(worker, shape) >= 0 && planned.fits(worker, shape),
    find: ({ shape }, except) => search(shape, except),
    findForAll: () => group.together && search(group.together, new Set()),
    plan: (worker, { demands }) => planned.add(worker, demands),
  };
}

/** What workers would have in use if the plan so far were carried out. */
class Planned {
  readonly #amounts = new Map<WorkerRecord, Amounts>();
  readonly #before: (worker: WorkerRecord) => Amounts;

  constructor(before: (worker: WorkerRecord) => Amounts) {
    this.#before = before;
  }

  fits(worker: WorkerRecord, { demands }: { readonly demands: Demands }): boolean {
    return fits(worker.capacity, this.#amounts.get(worker) ?? this.#before(worker), demands);
  }

  add(worker: WorkerRecord, demands: Demands): void {
    let amounts = this.#amounts.get(worker);
    if (!amounts) {
      const before = this.#before(worker);
      amounts = { ...before, custom: new Map(before.custom) };
      this.#amounts.set(worker, amounts);
    }
    change(amounts, demands, 1);
  }
}

function reserve(
  group: PlacementGroupRecord,
  bundle: BundleRecord,
  { host, atMs }: { readonly host: WorkerRecord; readonly atMs: number },
): void {
  const { id, name, labels, silenceMsMax } = host;
  const about = { id, name, labels, silenceMsMax, capacity: bundle.demands };
  const part = { speed: host.speed, host, bundle: { group: group.id, index: bundle.index } };
  const place = newWorker(about, atMs, part);
  bundle.place = place;
  (host.bundles ??= new Set()).add(place);
  change(host.used, bundle.demands, 1);
  change(host.held, bundle.demands, 1);
  for (const shape of shapesOf(group)) offer(shape, place);
}

/** Give back what a bundle reserves. Its tasks have been taken off it. */
function release(state: SchedulerState, group: PlacementGroupRecord, bundle: BundleRecord): void {
  const place = bundle.place!;
  const host = place.host!;
  for (const shape of shapesOf(group)) withdraw(shape, place);
  bundle.place = undefined;
  host.bundles!.delete(place);
  change(host.used, bundle.demands, -1);
  change(host.held, bundle.demands, -1);
  freed(state, host);
}

const shapesOf = ({ classes }: PlacementGroupRecord): Set<Shape> =>
  new Set([...classes].map(({ shape }) => shape));

/**
 * A worker leaves, and with it the bundles on it; the group waits for other places for them.
 * @returns what was on them.
 */
export function loseBundles(state: SchedulerState, host: WorkerRecord, atMs: number): TaskRecord[] {
  const tasks: TaskRecord[] = [];
  for (const place of host.bundles ?? []) {
    const group = state.placementGroups.get(place.bundle!.group)!;
    for (const shape of shapesOf(group)) withdraw(shape, place);
    tasks.push(...place.assigned);
    group.bundles[place.bundle!.index]!.place = undefined;
    if (!state.pendingGroups.has(group)) group.sinceMs = atMs;
    state.pendingGroups.add(group);
    state.isRoomMade = true;
  }
  return tasks;
}

/** The tasks that run in the group, and those that wait for a place in it. */
function tasksIn({ bundles, classes }: PlacementGroupRecord): TaskRecord[] {
  const placed = bundles.flatMap(({ place }) => [...(place?.assigned ?? [])]);
  const ready = [...classes].flatMap(({ queue }) => [...queue]);
  return [...placed, ...ready];
}

/** The group ends. Nothing is left in it. */
function dissolve(state: SchedulerState, group: PlacementGroupRecord): void {
  for (const bundle of group.bundles) {
    if (bundle.place) release(state, group, bundle);
    leaveShape(state, bundle.shape);
  }
  if (group.together) leaveShape(state, group.together);
  state.pendingGroups.delete(group);
  state.untriedGroups.delete(group);
  state.placementGroups.delete(group.id);
  const job = state.jobs.get(group.job);
  if (!job?.placementGroups.delete(group)) return;
  for (const { demands } of group.bundles) change(job.used, demands, -1);
  if (job.parked.size > 0) unpark(state, job);
}

/** What is in the group fails; then there is no such group. */
export function endGroup(
  state: SchedulerState,
  group: PlacementGroupRecord,
  why: string,
  effects: SchedulerEffect[],
): void {
  const message = `placement group ${group.name} (${group.id}) was removed: ${why}`;
  for (const task of tasksIn(group)) {
    const what = `${task.group.name} (${task.id}) was in a placement group that is gone`;
    const error = { code: "PLACEMENT_GROUP_REMOVED", message: `${what}: ${message}` } as const;
    if (task.state === "alive") {
      const actor = task.id as string as ActorId;
      effects.push({ type: "stop-actor", worker: task.worker!.id, actor });
      buryActor(state, task, { how: "cancelled", error }, effects);
    } else endTask(state, task, error, effects);
  }
  dissolve(state, group);
  const error = { code: "PLACEMENT_GROUP_REMOVED", message } as const;
  effects.push({ type: "placement-group-ended", group: group.id, error });
}

export const placementGroupOf = ({ placementGroups }: SchedulerState, group: SchedulingClass) =>
  group.placementGroup && placementGroups.get(group.placementGroup);

/** Its tasks were to run in a placement group that does not exist any more. */
export const isOrphaned = ({ placementGroups }: SchedulerState, group: SchedulingClass): boolean =>
  group.placementGroup !== undefined && !placementGroups.has(group.placementGroup);

export const groupRemoved = ({ name, placementGroup }: SchedulingClass): WireError => ({
  code: "PLACEMENT_GROUP_REMOVED",
  message: `${name} was to run in placement group ${placementGroup}, which was removed`,
});
