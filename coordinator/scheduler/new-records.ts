import { ChainedSet } from "../../shared/collections/chained-set.ts";
import { noAmounts } from "../../shared/worker/machine/amounts.ts";
import type { JobId } from "../../shared/ids.ts";
import { unknownSpeed } from "./policy/speed.ts";
import { joinLine } from "./ready-lines.ts";
import { joinShape } from "./shapes.ts";
import {
  SLOT,
  type JobRecord,
  type SchedulerEvent,
  type SchedulerState,
  type SchedulingClass,
  type Speculation,
  type TaskRecord,
  type WorkerRecord,
} from "./types.ts";

type About = Pick<WorkerRecord, "id" | "name" | "capacity" | "labels" | "silenceMsMax">;

/** A worker that has nothing to do yet; or a part of one, for a bundle. */
export const newWorker = (
  { id, name, capacity, labels, silenceMsMax }: About,
  atMs: number,
  part?: Pick<WorkerRecord, "speed" | "host" | "bundle">,
): WorkerRecord => ({
  // One by one: with a spread it took 20 µs, and every look at the record longer.
  id,
  name,
  capacity,
  labels,
  silenceMsMax,
  speed: part?.speed ?? unknownSpeed(),
  assigned: new ChainedSet(SLOT.assigned),
  used: noAmounts(),
  held: noAmounts(),
  launched: 0,
  slow: 0,
  prefetched: new ChainedSet(SLOT.prefetched),
  aheadUs: 0,
  recalled: undefined,
  recalledUntilMs: 0,
  unanswered: undefined,
  lent: 0,
  isDeep: false,
  isDraining: false,
  demotedFrom: [],
  bundles: undefined,
  host: part?.host,
  bundle: part?.bundle,
  lastSeenMs: atMs,
  tasksDone: 0,
  tasksFailed: 0,
});

/** A task that is nowhere yet. */
export function newTask(
  group: SchedulingClass,
  { task: id, near, parent, again, atMs }: Extract<SchedulerEvent, { type: "task-submitted" }>,
): TaskRecord {
  return {
    id,
    group,
    submittedMs: atMs,
    state: "waiting",
    attempt: again?.attempt ?? 0,
    losses: again?.losses ?? 0,
    restarts: 0,
    shortLives: 0,
    isHandedOver: false,
    worker: undefined,
    leasedMs: 0,
    launchedMs: 0,
    expectedUs: 0,
    isSlow: false,
    isAhead: false,
    near,
    missing: undefined,
    parent,
    cpus: "kept",
    returns: 0,
    chargedUs: 0,
    story: undefined,
    places: newPlaces(),
  };
}

/** Three for each slot, written out: it is made for every task. */
// oxfmt-ignore
const newPlaces = (): (object | undefined)[] => [
  undefined, undefined, undefined,
  undefined, undefined, undefined,
  undefined, undefined, undefined,
  undefined, undefined, undefined,
];

const newSpeculation = (): Speculation => ({
  durations: { mostMs: 0, samples: 0 },
  running: new Set(),
  copies: new Set(),
});

/** A class without tasks. */
export function newClass(
  state: SchedulerState,
  given: Extract<SchedulerEvent, { type: "class-defined" }>,
): SchedulingClass {
  const { id, job, name, isActor, demands, retriesMax, restartsMax = 0, priority } = given;
  const { strategy } = given;
  const shape = joinShape(state, given);
  const isInGroup = typeof strategy === "object" && "group" in strategy;
  return {
    id,
    callable: given.callable ?? id,
    depth: given.depth ?? 0,
    waits: false,
    newest: undefined,
    job,
    name,
    isActor,
    demands,
    retriesMax,
    restartsMax,
    priority,
    placementGroup: isInGroup ? strategy.group : undefined,
    shape,
    line: joinLine(jobOf(state, given), shape),
    queue: new ChainedSet(SLOT.queue),
    nearBy: undefined,
    passedOver: 0,
    servedMs: 0,
    turn: 0,
    averageMs: undefined,
    isAverageCold: false,
    speculation: given.speculate && !isActor ? newSpeculation() : undefined,
    stuck: undefined,
  };
}

/** What the job owns; a new one owns nothing. */
export function jobOf(state: SchedulerState, { job: id }: { readonly job: JobId }): JobRecord {
  let job = state.jobs.get(id);
  if (!job) {
    job = {
      weight: 1,
      servedUs: state.servedUs,
      used: noAmounts(),
      lines: new Map(),
      linesReady: 0,
      parked: new Set(),
      tasks: new ChainedSet(SLOT.job),
      classes: new Set(),
      placementGroups: new Set(),
    };
    state.jobs.set(id, job);
  }
  return job;
}
