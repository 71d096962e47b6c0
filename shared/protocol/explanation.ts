import Type, { type Static } from "typebox";
import type { ActorId, GroupId, ObjectId, TaskId } from "../ids.ts";
import { REPLICAS_MAX } from "./limits.ts";
import { count, id, milliseconds, sizeBytes, text } from "./schema.ts";
import { EXPLANATION_CHARS_MAX, LISTED_MAX, STEP_CHARS_MAX, STORY_STEPS_MAX } from "./texts.ts";

const name = text(256);
const workerName = text(64);
const many = count(2 ** 31);
const listed = { maxItems: LISTED_MAX };
const keepers = Type.Array(text(64), { maxItems: 2 * REPLICAS_MAX });

const objectThere = Type.Object({ object: id<ObjectId>(), sizeBytes });
/** Why a worker could not run the task even if it had nothing else to do. */
const obstacles = Type.Object({
  worker: workerName,
  lacks: Type.Array(text(512), listed),
  isOnlyLabels: Type.Boolean(),
});
export type Obstacles = Static<typeof obstacles>;

/** Why something is where it is. `code` says which fields there are; lists are cut, counts are not. */
export const reason = Type.Union([
  /** Its arguments are not made yet. */
  Type.Object({
    code: Type.Literal("waits-for-objects"),
    objects: Type.Array(
      Type.Object({
        object: id<ObjectId>(),
        madeBy: Type.Optional(Type.Object({ task: id<TaskId>(), name, state: text(16) })),
      }),
      listed,
    ),
    total: many,
  }),
  /** Its placement group waits for places; or, asked about a group, that group does. */
  Type.Object({
    code: Type.Literal("placement-group"),
    group: id<GroupId>(),
    name,
    /** The mesh could not hold it even if nothing ran. */
    isHopeless: Type.Boolean(),
    /** It had its places, and lost workers. */
    wasPlaced: Type.Boolean(),
    strategy: text(16),
    /** Bundles without a place, and how many workers could hold each. */
    waiting: Type.Array(
      Type.Object({ bundle: many, wanted: text(EXPLANATION_CHARS_MAX), workers: many }),
      listed,
    ),
    waitingTotal: many,
    workers: many,
  }),
  /** No worker is connected. */
  Type.Object({ code: Type.Literal("no-worker"), wanted: text(EXPLANATION_CHARS_MAX) }),
  /** None could run it even when idle; with `label-mismatch`, some have the resources but not the labels. */
  Type.Object({
    code: Type.Enum(["no-worker-matches", "label-mismatch"]),
    wanted: text(EXPLANATION_CHARS_MAX),
    /** The ones that lack least, the nearest first. */
    nearest: Type.Array(obstacles, listed),
    workers: many,
  }),
  /** Those that could run it are about to leave and take nothing new. */
  Type.Object({
    code: Type.Literal("worker-draining"),
    wanted: text(EXPLANATION_CHARS_MAX),
    draining: Type.Array(workerName, listed),
    total: many,
  }),
  /** All workers that can run it have no room. */
  Type.Object({
    code: Type.Literal("all-busy"),
    workers: many,
    /** Of those, slow ones that would be done later than the others. */
    standingBy: many,
    /** Ready tasks of its kind; and how many of them are before it, if it is among the first thousand. */
    queued: many,
    before: Type.Optional(many),
    /** How long a task of its kind takes, and until one of those workers has room for it, roughly. */
    averageMs: Type.Optional(milliseconds),
    expectedMs: Type.Optional(milliseconds),
  }),
  /** It was given to a worker that will start it when it has done what it has. */
  /** Its job has all that one job may have at once: it goes on when one of the job's tasks ends. */
  Type.Object({ code: Type.Literal("quota"), allowed: text(EXPLANATION_CHARS_MAX) }),
  Type.Object({
    code: Type.Literal("prefetched"),
    worker: workerName,
    before: many,
    expectedMs: milliseconds,
    /** The worker was asked to return it, because another one is idle. */
    isRecalled: Type.Boolean(),
  }),
  /** Its worker does not have these arguments yet. */
  Type.Object({
    code: Type.Literal("fetching-arguments"),
    worker: workerName,
    objects: Type.Array(objectThere, listed),
    total: many,
  }),
  Type.Object({
    code: Type.Literal("running"),
    worker: workerName,
    attempt: many,
    /** Unset: any number. */
    attemptsMax: Type.Optional(many),
    sinceMs: milliseconds,
    heardMs: milliseconds,
    averageMs: Type.Optional(milliseconds),
    /** It is late, so this worker runs a copy of it. */
    copyOn: Type.Optional(workerName),
  }),
  /** A stream that has made as many items more than its reader has taken as it may. */
  Type.Object({
    code: Type.Literal("paused"),
    worker: workerName,
    made: count(2 ** 53 - 1),
    taken: count(2 ** 53 - 1),
  }),
  /** Its code waits for objects that are not made yet, and its CPUs serve others. */
  Type.Object({ code: Type.Literal("waits-for-nested"), worker: workerName }),
  /** It failed, and is tried again after a pause. */
  Type.Object({
    code: Type.Literal("resting"),
    waitMs: milliseconds,
    /** What happened last. */
    last: text(STEP_CHARS_MAX),
  }),
  Type.Object({
    code: Type.Literal("actor-lives"),
    worker: workerName,
    restarts: many,
    /** Unset: any number. */
    restartsMax: Type.Optional(many),
  }),
  /** It has come to its end; with an error, if so. */
  Type.Object({
    code: Type.Literal("ended"),
    how: Type.Enum(["done", "failed", "cancelled"]),
    worker: Type.Optional(workerName),
    attempts: many,
    error: Type.Optional(text(EXPLANATION_CHARS_MAX)),
  }),
  /** Asked about a placement group: all bundles have places. */
  Type.Object({
    code: Type.Literal("placed"),
    group: id<GroupId>(),
    name,
    workers: Type.Array(workerName, listed),
    total: many,
  }),
  /** No task makes it: a peer has promised to. */
  Type.Object({ code: Type.Literal("promised"), by: Type.Optional(text(64)) }),
  /** The value is there: in the coordinator, if it has no copies. */
  Type.Object({
    code: Type.Literal("there"),
    sizeBytes,
    /** Names of the peers that keep a copy until it is freed, how many should, how many others have one. */
    keepers,
    copiesWanted: many,
    copiesCached: many,
  }),
  Type.Object({ code: Type.Literal("freed") }),
  /** A call of an actor has not answered; `text` goes on with the actor itself. */
  Type.Object({ code: Type.Literal("call-unanswered"), actor: id<ActorId>() }),
]);
export type Reason = Static<typeof reason>;

export const explanation = Type.Object({
  /** One sentence for a person, made of `reason`. */
  text: text(EXPLANATION_CHARS_MAX),
  state: Type.Enum(["unknown", "waiting", "running", "done", "failed", "cancelled", "freed"]),
  reason,
  task: Type.Optional(id<TaskId>()),
  /** Names of the peers that keep a copy until the object is freed. */
  keepers: Type.Optional(keepers),
  /** What it did so far, oldest first: the last steps, and how long ago each was. */
  story: Type.Array(Type.Object({ agoMs: milliseconds, what: text(STEP_CHARS_MAX) }), {
    maxItems: STORY_STEPS_MAX,
  }),
});
export type Explanation = Static<typeof explanation>;
export type StoryStep = Explanation["story"][number];
