import Type, { type Static } from "typebox";
import type { ActorId, CallableId, JobId, ObjectId, PeerId, TaskId } from "../ids.ts";
import {
  FALLBACKS_MAX,
  INLINE_BYTES_MAX,
  JOBS_PER_EXECUTOR_MAX,
  RECALLED_MAX,
  REPLICAS_MAX,
  SOURCE_CHARS_MAX,
  UNLIMITED,
  WEIGHT_MAX,
  WEIGHT_MIN,
} from "./limits.ts";
import { placementGroupMessages, strategy } from "./placement-messages.ts";
import { actorOptions, callOptions, retryOn } from "./actor-options.ts";
import { cancelRun, cancelTask } from "./cancel-messages.ts";
import { digest, fromCopies } from "./copy-messages.ts";
import { explanation } from "./explanation.ts";
import { itemMessages, itemNumber, itemOptions, itemOrder } from "./item-messages.ts";
import { EXPLANATION_CHARS_MAX } from "./texts.ts";
import {
  bytes,
  count,
  demands,
  id,
  ids,
  labels,
  labelSelectors,
  jobKey,
  messageCheck,
  milliseconds,
  sizeBytes,
  text,
  wireError,
} from "./schema.ts";

/**
 * The control plane: every message between a peer and the coordinator, one schema each. What peers
 * say to each other is in link-messages.ts.
 *
 * Rules:
 *   M1. A field may be added if it is optional; receivers ignore fields they do not know. Anything
 *       else is a new protocol version. A retired message or error code is never used again.
 *   M2. A receiver checks everything. A bad message gets a typed error, and a peer that goes on is
 *       dropped; nobody else notices.
 *   M3. Every string, list and number has a bound (limits.ts).
 *   M4. Bulk bytes never travel here: a message names an object, a frame carries it (frame.ts).
 *   M5. Messages of one event-loop turn leave as one batch (batch.ts) and are handled in order.
 */

/** The last moment that a `Date` can tell. */
const EPOCH_MS_MAX = 8.64e15;
const attempt = count(2 ** 31);
const requestId = count(2 ** 53 - 1);
const inlineValue = bytes(INLINE_BYTES_MAX);
/** Kept copies of a stored object, in different failure domains as far as there are. */
const replicas = Type.Integer({ minimum: 1, maximum: REPLICAS_MAX });
const runtime = Type.Enum(["node", "browser"]);
const role = Type.Enum(["worker", "driver"]);
/** How bytes reach another peer. `local` never leaves the process. */
export const path = Type.Enum(["local", "websocket", "webrtc", "relay"]);
export type Path = Static<typeof path>;
export type Runtime = Static<typeof runtime>;
export type Role = Static<typeof role>;

/** Where an object's bytes are, or what became of it. */
const objectState = Type.Object({
  object: id<ObjectId>(),
  /** The value itself, if it is small. */
  inline: Type.Optional(inlineValue),
  sizeBytes: Type.Optional(sizeBytes),
  /** Peers with a whole copy. None of the three: it exists, and has to be asked for. */
  locations: Type.Optional(ids<PeerId>()),
  /** Peers that are receiving one and pass on what they have. */
  partialLocations: Type.Optional(ids<PeerId>()),
  /** Of each piece, by which what comes from peers that are not trusted is checked. */
  digest: Type.Optional(digest),
  /** Grows when it is made again: pieces of two versions do not fit together. */
  version: Type.Optional(attempt),
  /** Of its job: opens the stores that have it. */
  jobKey: Type.Optional(jobKey),
  error: Type.Optional(wireError),
});
export type ObjectState = Static<typeof objectState>;

const linkCounters = Type.Object({
  peer: id<PeerId>(),
  path,
  /** Why this path and not a better one, in words, if there is a reason to give. */
  reason: Type.Optional(text(256)),
  /** Payload bytes of objects, not of control messages. */
  sentBytes: sizeBytes,
  receivedBytes: sizeBytes,
  /** As measured last on this path. */
  roundTripMs: Type.Optional(milliseconds),
  /** Connections that what is sent is striped over now, if not one; and why not more. */
  lanes: Type.Optional(count(64)),
  lanesReason: Type.Optional(text(256)),
});
export type LinkCounters = Static<typeof linkCounters>;

/**
 * A function or class with its options. A driver sends it once, before the first task that uses it;
 * the coordinator forwards it once to each worker that needs it.
 */
const define = Type.Object({
  type: Type.Literal("define"),
  callable: id<CallableId>(),
  kind: Type.Enum(["function", "actor-class"]),
  name: text(256),
  source: text(SOURCE_CHARS_MAX),
  demands,
  /** What a worker's labels must be. */
  labels: Type.Optional(labelSelectors),
  /** In this order, what they may be instead while no worker that is preferred has room. */
  fallback: Type.Optional(Type.Array(labelSelectors, { maxItems: FALLBACKS_MAX })),
  strategy: Type.Optional(strategy),
  /** Failures survived: of the mesh, and what the user's code throws if `retryOn` says so. */
  retriesMax: Type.Integer({ minimum: UNLIMITED, maximum: 1_000 }),
  retryOn: Type.Optional(retryOn),
  /** Running time after which an attempt is stopped. */
  timeoutMs: Type.Optional(milliseconds),
  /** Higher first, among the tasks of its job. */
  priority: Type.Integer({ minimum: -1_000, maximum: 1_000 }),
  /** A task that is late may be run once more while it runs: the first answer counts. */
  speculate: Type.Optional(Type.Boolean()),
  /** Of each of its results. */
  replicas: Type.Optional(replicas),
  ...itemOptions,
  /** Actor classes only. */
  actor: Type.Optional(actorOptions),
  /** The task or actor whose code defines it, if not a driver: it belongs to the same job. */
  parent: Type.Optional(id<TaskId>()),
  /** From the coordinator to workers: what its tasks and actors store may be read with it. */
  jobKey: Type.Optional(jobKey),
});
export type Define = Static<typeof define>;

/** An actor's name, unique among those that live in a namespace. */
const actorName = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128, pattern: "^[^\\n]*$" }),
  namespace: Type.Optional(Type.String({ minLength: 1, maxLength: 128, pattern: "^[^\\n]*$" })),
});
export type ActorName = Static<typeof actorName>;

/** Call a function, or construct an actor: the callable's kind says which. */
const submit = Type.Object({
  type: Type.Literal("submit"),
  task: id<TaskId>(),
  callable: id<CallableId>(),
  /** The encoded array of arguments (objects/codec.ts). */
  args: inlineValue,
  /** Refs that are arguments themselves: the task starts when they exist, and sees their values. */
  dependencies: Type.Optional(ids<ObjectId>()),
  /** Refs inside other values: handed over as refs. */
  contained: Type.Optional(ids<ObjectId>()),
  /** Of an actor. */
  named: Type.Optional(actorName),
  /** If the name is taken, let this be another name of that actor. */
  getIfExists: Type.Optional(Type.Boolean()),
  /** The task or actor whose code submits it, if not a driver. */
  parent: Type.Optional(id<TaskId>()),
});
export type Submit = Static<typeof submit>;

/**
 * From workers: the job whose code says it. Small actors of several jobs may share an executor, which
 * cannot tell them apart: then all of those, and what it makes belongs to the first.
 */
const jobs = Type.Optional(Type.Array(id<JobId>(), { maxItems: JOBS_PER_EXECUTOR_MAX }));

const fromAnyPeer = {
  hello: Type.Object({
    type: Type.Literal("hello"),
    protocolVersions: Type.Array(count(65_535), { minItems: 1, maxItems: 16 }),
    token: text(256),
    role,
    runtime,
    name: text(64),
    /** Where peers that can open WebSockets reach this one directly. */
    directUrl: Type.Optional(text(512)),
    /** Whether this peer can use WebRTC. */
    webrtc: Type.Boolean(),
    /** Drivers only: how much of the mesh its job gets, compared with others of weight 1. */
    weight: Type.Optional(Type.Number({ minimum: WEIGHT_MIN, maximum: WEIGHT_MAX })),
    /** Workers only: what it offers. */
    capacity: Type.Optional(demands),
    labels: Type.Optional(labels),
    /** The largest object that its store takes. */
    storeBytesMax: Type.Optional(sizeBytes),
  }),
  /** Tells that the peer lives, and what it does: a task it does not name, it will not finish. */
  heartbeat: Type.Object({
    type: Type.Literal("heartbeat"),
    tasks: Type.Array(Type.Tuple([id<TaskId>(), attempt]), { maxItems: 16_384 }),
    links: Type.Optional(Type.Array(linkCounters, { maxItems: 4_096 })),
    storedBytes: sizeBytes,
    /** Of those, what is on disk alone. */
    spilledBytes: Type.Optional(sizeBytes),
  }),
  /** A sealed value: inline, or in the sender's store. */
  "put-object": Type.Object({
    type: Type.Literal("put-object"),
    object: id<ObjectId>(),
    sizeBytes,
    inline: Type.Optional(inlineValue),
    error: Type.Optional(wireError),
    contained: Type.Optional(ids<ObjectId>()),
    /** The peer that holds the first ref, if not the sender: the caller of an actor. */
    holder: Type.Optional(id<PeerId>()),
    replicas: Type.Optional(replicas),
    jobs,
  }),
  /** An object of the sender that will exist later: the result of an actor call under way. */
  "promise-object": Type.Object({
    type: Type.Literal("promise-object"),
    object: id<ObjectId>(),
    jobs,
  }),
  ...fromCopies,
  /** The sender holds refs to these (again), or no longer. */
  hold: Type.Object({ type: Type.Literal("hold"), objects: ids<ObjectId>() }),
  release: Type.Object({ type: Type.Literal("release"), objects: ids<ObjectId>() }),
  /** Answered by one `object-located`, as soon as the object exists or cannot exist any more. */
  "locate-object": Type.Object({ type: Type.Literal("locate-object"), object: id<ObjectId>() }),
  /** Answered by `actor-located` now if it lives, else when it does; and again when it ends. */
  "locate-actor": Type.Object({ type: Type.Literal("locate-actor"), actor: id<ActorId>() }),
  /** End an actor: finish what it runs, then stop it. */
  "end-actor": Type.Object({
    type: Type.Literal("end-actor"),
    actor: id<ActorId>(),
    /** Construct it again, if it may be restarted once more. */
    restart: Type.Optional(Type.Boolean()),
    /** The task or actor whose code wants it, if not a driver. */
    parent: Type.Optional(id<TaskId>()),
  }),
  /** Answered by `introduction`, which carries the ticket for that peer. */
  "introduce-me": Type.Object({ type: Type.Literal("introduce-me"), peer: id<PeerId>() }),
  /** Answered by `answer` with the same number. */
  query: Type.Object({
    type: Type.Literal("query"),
    request: requestId,
    what: Type.Enum(["peers", "explain", "mesh", "actor", "actors"]),
    object: Type.Optional(id<ObjectId>()),
    named: Type.Optional(actorName),
    jobs,
  }),
  goodbye: Type.Object({ type: Type.Literal("goodbye"), reason: text(256) }),
};

/** From drivers, and from workers for the tasks and actors that they run. */
const fromSubmitters = {
  define,
  submit,
  "items-taken": itemMessages["items-taken"],
  "cancel-task": cancelTask,
};

const fromWorkers = {
  "task-done": Type.Object({
    type: Type.Literal("task-done"),
    task: id<TaskId>(),
    attempt,
    sizeBytes,
    inline: Type.Optional(inlineValue),
    contained: Type.Optional(ids<ObjectId>()),
    ranForMs: milliseconds,
  }),
  "task-item": itemMessages["task-item"],
  "task-failed": Type.Object({
    type: Type.Literal("task-failed"),
    task: id<TaskId>(),
    attempt,
    error: wireError,
    ranForMs: milliseconds,
    /** Its own code threw what its `retryOn` is meant for. */
    isRetryable: Type.Optional(Type.Boolean()),
  }),
  /** An argument could not be had, or the attempt was recalled, so the task was not started: it may be given to anyone again. */
  "task-returned": Type.Object({
    type: Type.Literal("task-returned"),
    task: id<TaskId>(),
    attempt,
    error: wireError,
  }),
  /** The task waits for objects that are not made yet: its CPUs may serve others meanwhile. */
  "task-blocked": Type.Object({ type: Type.Literal("task-blocked"), task: id<TaskId>(), attempt }),
  "task-resumed": Type.Object({ type: Type.Literal("task-resumed"), task: id<TaskId>(), attempt }),
  /** It takes no more work, and says goodbye when what it keeps was handed over. */
  leaving: Type.Object({ type: Type.Literal("leaving"), reason: text(256) }),
  "actor-ended": Type.Object({
    type: Type.Literal("actor-ended"),
    actor: id<ActorId>(),
    error: wireError,
    /** Which life of it: the attempt that constructed it. */
    life: Type.Optional(attempt),
    /** It ended as it wanted to, so it is not to be restarted. */
    isFinal: Type.Optional(Type.Boolean()),
  }),
  /** The state that an actor is to be restored from; an object that the sender has just put. */
  "actor-saved": Type.Object({
    type: Type.Literal("actor-saved"),
    actor: id<ActorId>(),
    life: attempt,
    object: id<ObjectId>(),
    /** It takes no more calls: its worker is about to leave. */
    isHandOver: Type.Optional(Type.Boolean()),
  }),
};

export const driverMessages = messageCheck({
  ...fromAnyPeer,
  ...fromSubmitters,
  ...placementGroupMessages,
});
export const workerMessages = messageCheck({
  ...fromAnyPeer,
  ...fromSubmitters,
  ...fromWorkers,
});

/** What code inside a task or an actor may say by way of its worker's agent. */
export const nestedMessages = {
  ...fromSubmitters,
  "put-object": fromAnyPeer["put-object"],
  "promise-object": fromAnyPeer["promise-object"],
  "locate-object": fromAnyPeer["locate-object"],
  "end-actor": fromAnyPeer["end-actor"],
  query: fromAnyPeer.query,
};

type AnyOf<Schemas> = {
  [Name in keyof Schemas]: Schemas[Name] extends Type.TSchema ? Static<Schemas[Name]> : never;
}[keyof Schemas];

export type PeerMessage =
  | AnyOf<typeof fromAnyPeer>
  | AnyOf<typeof fromSubmitters>
  | AnyOf<typeof placementGroupMessages>
  | AnyOf<typeof fromWorkers>;
export type Hello = Static<(typeof fromAnyPeer)["hello"]>;
export type TaskDone = Static<(typeof fromWorkers)["task-done"]>;
export type { TaskItem } from "./item-messages.ts";
export type TaskFailed = Static<(typeof fromWorkers)["task-failed"]>;

const iceServer = Type.Object({
  urls: Type.Array(text(512), { maxItems: 8 }),
  username: Type.Optional(text(256)),
  credential: Type.Optional(text(256)),
});

/** Run one attempt of a task, or construct an actor. */
const run = Type.Object({
  type: Type.Literal("run"),
  task: id<TaskId>(),
  attempt,
  callable: id<CallableId>(),
  args: inlineValue,
  dependencies: Type.Optional(Type.Array(objectState, { maxItems: 16_384 })),
  /** The last of the dependencies is no argument, but what the actor is to be restored from. */
  restores: Type.Optional(Type.Boolean()),
  items: Type.Optional(itemOrder),
});
export type Run = Static<typeof run>;

const peerSummary = Type.Object({
  peer: id<PeerId>(),
  name: text(64),
  role,
  runtime,
  tasksRunning: count(2 ** 31),
  tasksDone: count(2 ** 53 - 1),
  tasksFailed: count(2 ** 53 - 1),
  actors: count(2 ** 31),
  /** Of objects in its store, on disk too; and how much of that is on disk alone. */
  storedBytes: sizeBytes,
  spilledBytes: Type.Optional(sizeBytes),
  capacity: Type.Optional(demands),
  labels: Type.Optional(labels),
  links: Type.Array(linkCounters, { maxItems: 4_096 }),
  connectedForMs: milliseconds,
  /** A worker that takes nothing new and leaves when it has done what it has. */
  draining: Type.Optional(Type.Literal(true)),
  /** That its quota of the relay slows it or stops it, in words. */
  relayQuota: Type.Optional(text(256)),
  /** What receivers of objects had to complain of. */
  faults: Type.Optional(Type.Object({ count: count(2 ** 31), last: text(1_024) })),
});
export type PeerSummary = Static<typeof peerSummary>;

const actorSummary = Type.Object({
  actor: id<ActorId>(),
  className: text(256),
  name: Type.Optional(text(128)),
  namespace: Type.Optional(text(128)),
  isDetached: Type.Boolean(),
  state: Type.Enum(["starting", "alive", "restarting"]),
  /** The name of its worker. */
  worker: Type.Optional(text(64)),
  restarts: count(2 ** 31),
});
export type ActorSummary = Static<typeof actorSummary>;

const meshSummary = Type.Object({
  workers: count(2 ** 31),
  drivers: count(2 ** 31),
  tasksWaiting: count(2 ** 53 - 1),
  tasksReady: count(2 ** 53 - 1),
  tasksRunning: count(2 ** 53 - 1),
  tasksDone: count(2 ** 53 - 1),
  tasksFailed: count(2 ** 53 - 1),
  tasksRetried: count(2 ** 53 - 1),
  actors: count(2 ** 31),
  objects: count(2 ** 53 - 1),
  objectBytes: sizeBytes,
  /** Of those, what peers have on disk alone. */
  spilledBytes: Type.Optional(sizeBytes),
  relayedBytes: sizeBytes,
});
export type MeshSummary = Static<typeof meshSummary>;

const fromCoordinator = {
  welcome: Type.Object({
    type: Type.Literal("welcome"),
    protocolVersion: count(65_535),
    peer: id<PeerId>(),
    job: id<JobId>(),
    heartbeatEveryMs: milliseconds,
    /** Shared by this peer and the coordinator alone; tickets for this peer are signed with it. */
    ticketKey: bytes(32),
    /** Of this peer's own job: what a driver puts may be read with it. */
    jobKey: Type.Optional(bytes(32)),
    /** Lets this peer, and nobody else, use its id on the PeerJS signalling server. */
    signalKey: text(128),
    iceServers: Type.Array(iceServer, { maxItems: 16 }),
    /** The coordinator's time, which tickets are dated in: this peer's own clock may be wrong. */
    epochMs: Type.Optional(count(EPOCH_MS_MAX)),
  }),
  define,
  run,
  /** Their driver has left: no task will name these again. */
  "forget-callables": Type.Object({
    type: Type.Literal("forget-callables"),
    callables: ids<CallableId>(),
  }),
  "cancel-run": cancelRun,
  /** Return those of these attempts that have not started: others could start them sooner. */
  "recall-runs": Type.Object({
    type: Type.Literal("recall-runs"),
    tasks: Type.Array(Type.Tuple([id<TaskId>(), attempt]), { maxItems: RECALLED_MAX }),
  }),
  /** Leave when what runs has ended, or then at the latest. Said again, the earlier one counts. */
  drain: Type.Object({ type: Type.Literal("drain"), deadlineMs: milliseconds }),
  /** Nobody refers to these any more: forget every copy. */
  "free-objects": Type.Object({ type: Type.Literal("free-objects"), objects: ids<ObjectId>() }),
  /** Somebody else has a copy of this object whom nobody has to believe: tell its hash. */
  "digest-wanted": Type.Object({ type: Type.Literal("digest-wanted"), object: id<ObjectId>() }),
  /** Keep a copy of this object until it is freed; fetch it first, if need be. */
  "keep-copy": Type.Object({ type: Type.Literal("keep-copy"), state: objectState }),
  /** The answer to `leaving`: nothing is kept by the receiver alone that others could keep. */
  "handed-over": Type.Object({ type: Type.Literal("handed-over") }),
  "object-located": Type.Object({
    type: Type.Literal("object-located"),
    state: objectState,
    /** The worker that made it, if a task did. */
    worker: Type.Optional(id<PeerId>()),
  }),
  "actor-located": Type.Object({
    type: Type.Literal("actor-located"),
    actor: id<ActorId>(),
    worker: Type.Optional(id<PeerId>()),
    /** Which life of it: grows whenever it is constructed again. */
    life: Type.Optional(attempt),
    calls: Type.Optional(callOptions),
    /** It is but another name of this one. */
    sameAs: Type.Optional(id<ActorId>()),
    /** There if the actor has ended. */
    error: Type.Optional(wireError),
  }),
  /** The next item of a stream of the receiver's, who holds it from now on. */
  "item-made": Type.Object({
    type: Type.Literal("item-made"),
    ...itemNumber,
    state: objectState,
    worker: id<PeerId>(),
  }),
  "items-wanted": itemMessages["items-wanted"],
  "stop-actor": Type.Object({ type: Type.Literal("stop-actor"), actor: id<ActorId>() }),
  introduction: Type.Object({
    type: Type.Literal("introduction"),
    peer: id<PeerId>(),
    /** Proves to that peer that the coordinator knows the bearer (tickets.ts). */
    ticket: Type.Optional(bytes(64)),
    runtime: Type.Optional(runtime),
    directUrl: Type.Optional(text(512)),
    webrtc: Type.Optional(Type.Boolean()),
    /** There if that peer is gone. */
    error: Type.Optional(wireError),
  }),
  answer: Type.Object({
    type: Type.Literal("answer"),
    request: requestId,
    peers: Type.Optional(Type.Array(peerSummary, { maxItems: 10_000 })),
    explanation: Type.Optional(explanation),
    actors: Type.Optional(Type.Array(actorSummary, { maxItems: 10_000 })),
    /** An actor that was asked for by name, and the methods that its handle has. */
    actor: Type.Optional(
      Type.Object({ actor: id<ActorId>(), methods: Type.Array(text(256), { maxItems: 1_024 }) }),
    ),
    /** What was asked for is not there. */
    error: Type.Optional(wireError),
    /** Of `cancel-task`: false if the task had ended already. */
    isCancelled: Type.Optional(Type.Boolean()),
    mesh: Type.Optional(meshSummary),
  }),
  /** A peer this one may be linked to has left: its links, actors and copies are gone. */
  "peer-left": Type.Object({ type: Type.Literal("peer-left"), peer: id<PeerId>() }),
  /** Something of the receiver's job will not go on by itself; `text` says why. */
  warning: Type.Object({
    type: Type.Literal("warning"),
    task: Type.Optional(id<TaskId>()),
    text: text(EXPLANATION_CHARS_MAX),
  }),
  /** Every heartbeat is answered, so that a peer notices a coordinator that is gone without a word. */
  "heartbeat-seen": Type.Object({ type: Type.Literal("heartbeat-seen") }),
  /** The message before was refused. */
  refused: Type.Object({ type: Type.Literal("refused"), error: wireError }),
  /** The last message of a session. */
  bye: Type.Object({ type: Type.Literal("bye"), error: wireError }),
};
export const coordinatorMessages = messageCheck(fromCoordinator);
export type CoordinatorMessage = AnyOf<typeof fromCoordinator>;
export type Welcome = Static<(typeof fromCoordinator)["welcome"]>;
export type Introduction = Static<(typeof fromCoordinator)["introduction"]>;

export { relayHeaders, type RelayHeader } from "./relay-messages.ts";
