import type { Chapter } from "./chapter.ts";
import { ChainedSet, type Chained } from "../../shared/collections/chained-set.ts";
import { LinkedSet } from "../../shared/collections/linked-set.ts";
import type {
  ActorId,
  CallableId,
  GroupId,
  JobId,
  ObjectId,
  PeerId,
  TaskId,
} from "../../shared/ids.ts";
import type { Demands, Labels, WireError } from "../../shared/protocol/schema.ts";
import { noAmounts, type Amounts } from "../../shared/worker/machine/amounts.ts";
import type { Choice, Constraints } from "./choices.ts";
import { emptyFamily, type CancelManner, type Family } from "./family.ts";
import type { Resting } from "./resting.ts";
import type { PackStrategy } from "./policy/bundles.ts";
import type { Nearness } from "./policy/locality.ts";
import type { Account, Quota } from "./policy/fairness.ts";
import type { Line } from "./ready-lines.ts";
import type { CopyRecord } from "./copies.ts";
import type { Durations } from "./policy/speculation.ts";
import type { Speed, Throughput } from "./policy/speed.ts";

/**
 * Where one task stands. Every other field of its record follows from this.
 *
 *   waiting ──> ready ──> running ──> (settled: the record is gone)
 *                 ^          │  └───> alive   an actor that was constructed; until it ends
 *                 └──────────┘         │        the worker was lost and retries remain
 *                 └────────────────────┘        it was lost and restarts remain, or it moves
 *
 * What failed by its own doing is `resting` for a while before it is ready again.
 */
export type TaskState = "waiting" | "ready" | "running" | "alive" | "resting";

/**
 * The kinds of sets that a task can be in: at most one of each at a time, and of those with one
 * number as well, because a task is either ready (`queue`, `near`) or on a worker.
 */
export const SLOT = { queue: 0, assigned: 0, near: 1, leased: 1, prefetched: 2, job: 3 } as const;

export interface TaskRecord extends Chained {
  readonly id: TaskId;
  readonly group: SchedulingClass;
  readonly submittedMs: number;
  state: TaskState;
  /** Counts launches, from 0. A message about an older attempt is stale and is ignored. */
  attempt: number;
  /** How many attempts were lost with their worker: what `retriesMax` counts. */
  losses: number;
  /** Of an actor: how many of its restarts are used. */
  restarts: number;
  /** Of an actor: how many of its last lives were short. */
  shortLives: number;
  /** Of an actor: its worker is about to leave and has passed its state on. */
  isHandedOver: boolean;
  /** Set exactly while `state` is `running` or `alive`. */
  worker: WorkerRecord | undefined;
  /** When a worker last said that it has this attempt, or when it was told to. */
  leasedMs: number;
  /** When a worker was told of this attempt; if it was given ahead, when it should have started. */
  launchedMs: number;
  /** How long this attempt should take, in whole microseconds so that sums are exact. */
  expectedUs: number;
  /** It may take so long that nothing should wait for its end. */
  isSlow: boolean;
  /** It was given to a busy worker. */
  isAhead: boolean;
  /** Workers that have large arguments of it, the one with most bytes first. */
  near: readonly Nearness[] | undefined;
  /** Arguments that do not exist yet. Non-empty exactly while `state` is `waiting`. */
  missing: Set<ObjectId> | undefined;
  /** The task or actor whose code submitted it, if not a driver. */
  readonly parent: TaskId | undefined;
  /** Its CPUs: `lent` to others while its code waits for objects, `returned` once it went on. */
  cpus: "kept" | "lent" | "returned";
  /** How often a worker gave it back, because it could not have an argument. */
  returns: number;
  /** What its job has been charged for this attempt. */
  chargedUs: number;
  /** What it did besides being run at once; most tasks have no story. */
  story: Chapter[] | undefined;
}

/** What a driver defined: one function or class with its options. Its tasks wait in one queue. */
export interface SchedulingClass {
  readonly id: CallableId;
  /** A callable has several classes if tasks submit its tasks too. */
  readonly callable: CallableId;
  /** 0 for what drivers submit, 1 for what those tasks submit, and so on, up to DEPTH_MAX. */
  readonly depth: number;
  readonly job: JobId;
  readonly name: string;
  readonly isActor: boolean;
  readonly demands: Demands;
  readonly retriesMax: number;
  /** Of actors: how often one that was lost is constructed again. */
  readonly restartsMax: number;
  readonly priority: number;
  /** Its tasks run inside this, and end with it. */
  readonly placementGroup: GroupId | undefined;
  readonly shape: Shape;
  /** Where its job's ready tasks of this shape wait. */
  readonly line: Line;
  /** Exactly the tasks of this class in state `ready`, oldest first. */
  readonly queue: ChainedSet<TaskRecord>;
  /** One of its tasks has waited for others: no telling how long the next one takes. */
  waits: boolean;
  /** If tasks submit its tasks: the one that came last. */
  newest: TaskRecord | undefined;
  /** Those of `queue` by the worker that they prefer. Most classes have none. */
  nearBy: Map<PeerId, ChainedSet<TaskRecord>> | undefined;
  /** How often others went before its oldest task, because they preferred the worker. */
  passedOver: number;
  /** When one of its tasks was last given to a worker. */
  servedMs: number;
  /** Grows each time it is served; the class with the lowest goes next. */
  turn: number;
  /** Moving average of how long its tasks run on a worker of average speed, once one has ended. */
  averageMs: number | undefined;
  /** It is from the first task on its worker, which had to load what it needs. */
  isAverageCold: boolean;
  /** Of tasks that may be run twice when they are late; see copies.ts. */
  readonly speculation: Speculation | undefined;
  /** Set while its tasks wait although no worker could ever run them. */
  stuck: { readonly sinceMs: number; readonly joined: number; warned: boolean } | undefined;
}

export interface Speculation {
  readonly durations: Durations;
  /** What workers have, waiting there or running, and may be copied: what was given out first goes first. */
  readonly running: Set<TaskRecord>;
  /** The copies that run. */
  readonly copies: Set<TaskRecord>;
}

/**
 * Classes with the same demands and constraints share a shape: what is decided about the first task
 * of one holds for all tasks of all of them, however many classes and tasks there are.
 */
export interface Shape {
  readonly key: string;
  readonly demands: Demands;
  readonly choices: readonly Choice[];
  readonly isActor: boolean;
  /** As of its classes. */
  readonly depth: number;
  /** Its classes ask to be spread, wherever their arguments are. */
  readonly isSpread: boolean;
  /** Each task goes to the next worker, rather than to one that is in use already. */
  readonly takesTurns: boolean;
  /** How many classes have it. */
  classes: number;
  /** The lines with ready tasks, as a heap: see ready-lines.ts. */
  readonly ready: Line[];
  /** Of the mesh, what one of its tasks takes; and which mesh that was. */
  share: number;
  shareVersion: number;
  /** The workers that can run it, for each of `choices` those of which it is the first they answer. */
  readonly pools: readonly Pool[];
  /** How many workers could run it if they were idle. */
  feasible: number;
  /** How many ever joined that could: a warning before the last of them is out of date. */
  joined: number;
}

/** Workers that are equally good for a shape. */
export interface Pool {
  readonly choice: Choice;
  /** As far as known, these have the resources free now. */
  readonly open: LinkedSet<WorkerRecord>;
  /** These are busy, and may take a task ahead of time. */
  readonly deep: LinkedSet<WorkerRecord>;
  /** These are free, but so slow that the others will have done the work before they could. */
  readonly standby: LinkedSet<WorkerRecord>;
  /** Of all of them together. */
  readonly throughput: Throughput;
  feasible: number;
}

export interface WorkerRecord {
  readonly id: PeerId;
  readonly name: string;
  readonly capacity: Demands;
  readonly labels: Labels;
  /** Shared with the bundles on it. */
  readonly speed: Speed;
  /** A worker silent for longer than this is dropped. */
  readonly silenceMsMax: number;
  /** Tasks and actors it was given, prefetched ones included. */
  readonly assigned: ChainedSet<TaskRecord>;
  /** Sum of the demands of `assigned` without `prefetched`; never above `capacity`. */
  readonly used: Amounts;
  /** Sum of the demands of its actors and of its slow tasks: no end of a short one frees that. */
  readonly held: Amounts;
  /** How many of `assigned` are in state `running`: actors that live do not count. */
  launched: number;
  /** How many of those may take long, so that nothing should wait for their end. */
  slow: number;
  /** Those of `assigned` that wait on the worker for resources, in the order it starts them. */
  readonly prefetched: ChainedSet<TaskRecord>;
  /** Sum of `expectedUs` of `prefetched`. */
  aheadUs: number;
  /** Those of its tasks that it was asked to return, and how long that request may be answered. */
  recalled: Set<TaskRecord> | undefined;
  recalledUntilMs: number;
  /** Those that earlier requests named without an answer, in the order they were asked for. */
  unanswered: Set<TaskRecord> | undefined;
  /** Tasks that wait for others and lend their CPUs, and whether there were too many. */
  lent: number;
  isDeep: boolean;
  /** It is to leave: nothing goes there any more; see drain.ts. */
  isDraining: boolean;
  /** Those in whose `open` this worker is missing because it had no room. Each once. */
  readonly demotedFrom: Pool[];
  /** Parts of it that are reserved for placement groups: workers of their own, with its id. */
  bundles: Set<WorkerRecord> | undefined;
  /** Set if it is such a part itself: of which worker, and for which group. */
  readonly host: WorkerRecord | undefined;
  readonly bundle: { readonly group: GroupId; readonly index: number } | undefined;
  lastSeenMs: number;
  tasksDone: number;
  tasksFailed: number;
}

export interface BundleRecord {
  readonly index: number;
  readonly demands: Demands;
  /** Finds it a place, as it would an actor. */
  readonly shape: Shape;
  /** Where it is: a worker of its own. */
  place: WorkerRecord | undefined;
}

export interface PlacementGroupRecord {
  readonly id: GroupId;
  readonly job: JobId;
  readonly name: string;
  readonly strategy: PackStrategy;
  readonly bundles: readonly BundleRecord[];
  /** Finds one worker for all bundles, if they are to be packed. */
  readonly together: Shape | undefined;
  /** Whose tasks run in it. */
  readonly classes: Set<SchedulingClass>;
  /** Its bundles had their places once; since then some may have been lost. */
  wasPlaced: boolean;
  /** The mesh could not hold it even if nothing ran. */
  isHopeless: boolean;
  /** Since when it waits for places. */
  sinceMs: number;
  isWarned: boolean;
}

/** What one driver owns in the scheduler. */
export interface JobRecord extends Account {
  /** What its tasks and placement groups have now. */
  readonly used: Amounts;
  readonly lines: Map<Shape, Line>;
  /** How many of them can be served. */
  linesReady: number;
  /** Those that wait because the job has all that it may have. */
  readonly parked: Set<Line>;
  readonly tasks: ChainedSet<TaskRecord>;
  readonly classes: Set<SchedulingClass>;
  readonly placementGroups: Set<PlacementGroupRecord>;
}

/** All the scheduler knows. Every collection keeps insertion order, so a replay is exact. */
export interface SchedulerState {
  readonly tasks: Map<TaskId, TaskRecord>;
  readonly classes: Map<CallableId, SchedulingClass>;
  readonly jobs: Map<JobId, JobRecord>;
  readonly workers: Map<PeerId, WorkerRecord>;
  readonly placementGroups: Map<GroupId, PlacementGroupRecord>;
  /** Exactly those with a bundle that has no place, oldest first. */
  readonly pendingGroups: LinkedSet<PlacementGroupRecord>;
  /** Those of them that have not had their turn since something became free, in turn. */
  readonly untriedGroups: Set<PlacementGroupRecord>;
  /** Whether something became free, so that all of them are to be tried. */
  isRoomMade: boolean;
  /** By what they demand; see {@link Shape}. */
  readonly shapes: Map<string, Shape>;
  /** The shapes with ready tasks that their jobs may have. */
  readonly readyShapes: Set<Shape>;
  /** Those of them whose tasks are actors. */
  readonly readyActors: Set<Shape>;
  /** Tasks that run twice, or did. */
  readonly copies: Map<TaskId, CopyRecord>;
  /** All classes with tasks that run and may be copied, and some that had such. */
  readonly speculating: LinkedSet<SchedulingClass>;
  /** All workers with tasks that wait there, and some that had such; see recall.ts. */
  readonly ahead: LinkedSet<WorkerRecord>;
  /** Whether a worker may have become idle, so that it is looked for work of others. */
  isIdle: boolean;
  /** The time of the present event. */
  nowMs: number;
  /** The most that a job had got when it was served: where jobs begin that had no work. */
  servedUs: number;
  /** What each job may have at once. */
  readonly quota: Quota | undefined;
  /** What all workers have together, and how often that changed. */
  readonly total: Amounts;
  fleetVersion: number;
  /** How often a class was served, ever. */
  turns: number;
  /** Tasks that wait for an object. */
  readonly dependents: Map<ObjectId, Set<TaskRecord>>;
  readonly family: Family;
  /** Exactly the tasks in state `resting`. */
  readonly resting: Resting;
  /** Exactly the tasks in state `running`, oldest lease first. */
  readonly leased: ChainedSet<TaskRecord>;
  /** Workers by how long they may be silent; within one limit, longest silent first. */
  readonly silent: Map<number, LinkedSet<WorkerRecord>>;
  readonly counters: { done: number; failed: number; retried: number; copied: number };
}

/** What happened. Time is a field, so the log of events replays to the same state. */
export type SchedulerEvent = { readonly atMs: number } & (
  | {
      readonly type: "worker-joined";
      readonly worker: PeerId;
      readonly name: string;
      readonly capacity: Demands;
      readonly labels: Labels;
      readonly silenceMsMax: number;
    }
  | {
      readonly type: "worker-left";
      readonly worker: PeerId;
      readonly why: string;
      /** It said so before, and handed over what it could. */
      readonly isOrderly?: boolean;
    }
  | { readonly type: "worker-draining"; readonly worker: PeerId }
  | {
      readonly type: "heartbeat";
      readonly worker: PeerId;
      readonly tasks: readonly (readonly [TaskId, number])[];
    }
  | ({
      readonly type: "class-defined";
      readonly id: CallableId;
      /** Default: the same. */
      readonly callable?: CallableId;
      readonly depth?: number;
      readonly job: JobId;
      readonly name: string;
      readonly isActor: boolean;
      readonly demands: Demands;
      readonly retriesMax: number;
      readonly restartsMax?: number;
      readonly priority: number;
      /** Whether what is late may be run twice. */
      readonly speculate?: boolean;
    } & Constraints)
  /** Before its first class: how much of the mesh the job gets, compared with others of weight 1. */
  | { readonly type: "job-weighted"; readonly job: JobId; readonly weight: number }
  | {
      readonly type: "task-submitted";
      readonly task: TaskId;
      readonly class: CallableId;
      /** Arguments that do not exist yet. */
      readonly missing: readonly ObjectId[];
      readonly parent?: TaskId;
      /** Who has large arguments that exist. */
      readonly near?: readonly Nearness[] | undefined;
      /** Its next attempt, if its result is made again. */
      readonly again?: Pick<TaskRecord, "attempt" | "losses"> | undefined;
    }
  | {
      readonly type: "task-returned";
      readonly worker: PeerId;
      readonly task: TaskId;
      readonly attempt: number;
      readonly why: string;
      readonly missing: readonly ObjectId[];
    }
  | {
      readonly type: "object-available";
      readonly object: ObjectId;
      /** Who has it, if it is large. */
      readonly near?: readonly Nearness[] | undefined;
    }
  | { readonly type: "object-failed"; readonly object: ObjectId; readonly error: WireError }
  | {
      readonly type: "task-done";
      readonly worker: PeerId;
      readonly task: TaskId;
      readonly attempt: number;
      readonly ranForMs: number;
    }
  | {
      readonly type: "task-failed";
      readonly worker: PeerId;
      readonly task: TaskId;
      readonly attempt: number;
      readonly error: WireError;
      /** Its own code threw, and its `retryOn` says that this may be tried again. */
      readonly isRetryable?: boolean | undefined;
    }
  /** Its code waits for objects that are not made yet; or it goes on. */
  | {
      readonly type: "task-blocked" | "task-resumed";
      readonly worker: PeerId;
      readonly task: TaskId;
      readonly attempt: number;
    }
  | ({
      readonly type: "task-cancelled";
      readonly task: TaskId;
      readonly why: string;
    } & CancelManner)
  | {
      readonly type: "actor-ended";
      readonly worker: PeerId;
      readonly actor: ActorId;
      /** The attempt that constructed it: another life may have begun since. */
      readonly life?: number | undefined;
      readonly error: WireError;
      /** It wanted to end. */
      readonly isFinal?: boolean | undefined;
    }
  | {
      readonly type: "actor-handed-over";
      readonly worker: PeerId;
      readonly actor: ActorId;
      readonly life: number;
    }
  | {
      readonly type: "actor-unwanted";
      readonly actor: ActorId;
      readonly why: string;
      /** Only this life of it. */
      readonly restart?: boolean | undefined;
    }
  | {
      readonly type: "placement-group-created";
      readonly group: GroupId;
      readonly job: JobId;
      readonly name: string;
      readonly strategy: PackStrategy;
      readonly bundles: readonly { readonly demands: Demands; readonly labels: Labels }[];
    }
  | {
      readonly type: "placement-group-removed";
      readonly group: GroupId;
      readonly why: string;
    }
  | { readonly type: "job-ended"; readonly job: JobId; readonly why?: string }
  | { readonly type: "tick" }
);

/** What the outside must now do. Effects are facts to carry out, never questions. */
export type SchedulerEffect =
  | {
      readonly type: "run";
      readonly worker: PeerId;
      readonly task: TaskId;
      readonly attempt: number;
    }
  | {
      readonly type: "cancel-run";
      readonly worker: PeerId;
      readonly task: TaskId;
      readonly attempt: number;
      /** Code that heeds its signal is given time to end by itself. */
      readonly isGraceful?: boolean;
    }
  /** The worker is to return those of them that it has not started. */
  | {
      readonly type: "recall-runs";
      readonly worker: PeerId;
      readonly tasks: [task: TaskId, attempt: number][];
    }
  /** The result that came with the present event counts. For an actor: it lives now. */
  | {
      readonly type: "accept-result";
      readonly task: TaskId;
      readonly worker: PeerId;
      readonly name: string;
      readonly attempts: number;
      readonly submittedMs: number;
      readonly story: readonly Chapter[] | undefined;
    }
  | {
      readonly type: "fail-task";
      readonly task: TaskId;
      readonly error: WireError;
      readonly name: string;
      readonly attempts: number;
      readonly submittedMs: number;
      readonly story: readonly Chapter[] | undefined;
    }
  | { readonly type: "stop-actor"; readonly worker: PeerId; readonly actor: ActorId }
  /** It lives nowhere now, and will again. */
  | { readonly type: "actor-restarting"; readonly actor: ActorId }
  | {
      readonly type: "actor-died";
      readonly actor: ActorId;
      readonly error: WireError;
      /** By itself, by a fault, or because somebody wanted it so. */
      readonly how: "done" | "failed" | "cancelled";
      readonly worker: PeerId;
      readonly name: string;
      readonly attempts: number;
      readonly submittedMs: number;
      readonly story: readonly Chapter[] | undefined;
    }
  /** All bundles have their places, for the first time. */
  | { readonly type: "placement-group-ready"; readonly group: GroupId }
  | { readonly type: "placement-group-ended"; readonly group: GroupId; readonly error: WireError }
  | { readonly type: "drop-worker"; readonly worker: PeerId; readonly why: string }
  | {
      readonly type: "warn";
      readonly job: JobId;
      readonly task: TaskId | GroupId;
      readonly text: string;
    };

/** @param quota what each job may have at once. */
export const emptySchedulerState = (quota?: Quota): SchedulerState => ({
  tasks: new Map(),
  classes: new Map(),
  jobs: new Map(),
  workers: new Map(),
  placementGroups: new Map(),
  pendingGroups: new LinkedSet(),
  untriedGroups: new Set(),
  isRoomMade: false,
  shapes: new Map(),
  readyShapes: new Set(),
  readyActors: new Set(),
  servedUs: 0,
  quota,
  total: noAmounts(),
  fleetVersion: 0,
  copies: new Map(),
  speculating: new LinkedSet(),
  ahead: new LinkedSet(),
  isIdle: false,
  nowMs: 0,
  turns: 0,
  dependents: new Map(),
  family: emptyFamily(),
  resting: { until: new Map(), byTime: new Map() },
  leased: new ChainedSet(SLOT.leased),
  silent: new Map(),
  counters: { done: 0, failed: 0, retried: 0, copied: 0 },
});
