import { MeshError } from "../../shared/errors.ts";
import {
  isMadeBy,
  itemNumberOf,
  makerOf,
  resultOf,
  type ActorId,
  type CallableId,
  type JobId,
  type ObjectId,
} from "../../shared/ids.ts";
import type { PeerId, TaskId } from "../../shared/ids.ts";
import { encodeValue } from "../../shared/objects/codec.ts";
import type { Define, PeerMessage, Submit, TaskDone } from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { failedDependency } from "../scheduler/failed-dependency.ts";
import type { DirectoryEvent, DirectoryState } from "../directory/types.ts";
import type { SchedulerEvent, SchedulerState, TaskRecord } from "../scheduler/types.ts";
import type { ActorRegistry } from "./actor-registry.ts";
import { detachedJobOf, type DetachedClasses } from "./detached-classes.ts";
import type { Items } from "./items.ts";
import type { JobCircles } from "./job-circles.ts";
import { keepArgs } from "./kept-args.ts";
import { Lineage } from "./lineage.ts";
import {
  depthBelow,
  jobOf,
  jobOfActor,
  nestedClassOf,
  type NestedCallables,
} from "./nested-tasks.ts";
import { requireMine } from "./object-messages.ts";
import { foreign, freed, lostText, sealedFrom } from "./object-state.ts";
import { nestedClassDefined } from "./registration.ts";
import { nearTo } from "./near.ts";
import type { MadeObjects } from "./made-objects.ts";
import { ownText } from "./own-text.ts";
import { planRemake } from "./remake.ts";
import { SavedStates } from "./saved-states.ts";
import { tooLargeForAll } from "./store-limits.ts";
import type { Payload, PeerRecord } from "./types.ts";

/** Most tasks have no refs: nothing is made to say so. */
const NONE: ObjectId[] = [];

const TOO_EARLY: WireError = {
  code: "QUOTA_EXCEEDED",
  message: "too much refers to objects that nobody has announced yet; submit it again in a moment",
};

const idsIn = ({ objects }: DirectoryState, ids: readonly ObjectId[]): readonly ObjectId[] =>
  ids.length === 0 ? ids : ids.map((id) => objects.get(id)!.id);

/** The part of the control plane that submissions are filed in. */
interface Plane {
  readonly scheduler: SchedulerState;
  readonly directory: DirectoryState;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
  readonly callables: ReadonlyMap<CallableId, Define>;
  readonly actors: ActorRegistry;
  readonly items: Items;
  readonly detached: DetachedClasses;
  readonly nested: NestedCallables;
  readonly circles: JobCircles;
  readonly nowMs: number;
}

/** Feed the two state machines. */
interface Machines {
  direct(event: DirectoryEvent): void;
  schedule(event: SchedulerEvent): void;
  forgetDetached(callables: readonly CallableId[]): void;
  /** Refs may overtake what their maker says of them. */
  readonly early: Pick<MadeObjects, "expect" | "isExpected" | "isForeign" | "announced">;
}

/** Whether an actor of this class may be constructed again, so that its arguments must be kept. */
export const mayLiveAgain = (define: Define | undefined): boolean =>
  define?.actor !== undefined &&
  (define.actor.restartsMax !== 0 || define.actor.savesState === true);

/**
 * What tasks were submitted with: kept until they are settled, and longer for results that may have
 * to be made again.
 */
export class Submissions {
  readonly payloads = new Map<TaskId, Payload>();
  readonly lineage: Lineage;
  readonly states: SavedStates;
  readonly #plane: Plane;
  readonly #machines: Machines;

  constructor(plane: Plane, machines: Machines) {
    this.#plane = plane;
    this.#machines = machines;
    this.lineage = new Lineage((objects) => machines.direct({ type: "task-released", objects }));
    this.states = new SavedStates((type, objects) => machines.direct({ type, objects }));
  }

  /** @throws MeshError `PROTOCOL_VIOLATION` if the peer may not submit that. */
  submit(from: PeerRecord, submit: Submit): void {
    const { args, dependencies = NONE, contained = NONE, parent } = submit;
    requireMine(from, submit.task);
    const { directory, callables, scheduler, nested } = this.#plane;
    const callable = nested.resolve(submit.callable);
    const { early } = this.#machines;
    if (directory.objects.has(resultOf(submit.task)) && !early.isExpected(resultOf(submit.task))) {
      // Sent again: it is under way, or its outcome is known.
      const object = resultOf(submit.task);
      return this.#machines.direct({ type: "located", peer: from.peer, object });
    }
    const task = ownText(submit.task);
    const object = resultOf(task);
    const job = jobOf(from, parent, scheduler);
    const define = job && callables.get(callable);
    const owner = scheduler.classes.get(callable)?.job;
    const isDetached = owner === detachedJobOf(callable) && isMadeBy(submit.callable, from.peer);
    const isDefined = define !== undefined && (owner === job || isDetached);
    const complaint = `${task}: ${callable} is not defined in this job`;
    if (job && !isDefined && from.role === "driver") {
      throw new MeshError("PROTOCOL_VIOLATION", complaint);
    }
    let refused = this.#firstForeign(from.peer, dependencies, contained);
    if (!refused) {
      const by = { inside: object, job };
      const isRoom =
        early.expect(from.peer, dependencies, by) && early.expect(from.peer, contained, by);
      if (!isRoom) refused = TOO_EARLY;
    }
    const unavailable = refused ?? this.#firstUnavailable(dependencies, contained);
    if (parent && job) this.#plane.circles.made(object, job);
    early.announced(object);
    const promised = { object, holder: from.peer, by: undefined, isAwaited: true };
    this.#machines.direct({ type: "object-promised", ...promised });
    if (job && !isDefined) {
      // A worker passes on what the code of its tasks says, and that code waits for an answer. The
      // definition may have come when the task that made it was not its worker's any more.
      const message = `${complaint}; the task that defined it may have ended before that arrived: await what a task submits before it returns`;
      return this.fail(task, { code: "NOT_FOUND", message });
    }
    if (!define) {
      const message = `${task} was not run: the task that submitted it, ${parent}, is not on ${from.name} any more`;
      return this.fail(task, { code: "TASK_CANCELLED", message });
    }
    if (define.kind === "actor-class" && !this.#register(task, submit, define, job)) return;
    this.#plane.items.begin(task, from.peer, define, job);
    if (unavailable) {
      return this.fail(task, failedDependency({ name: define.name, id: task }, unavailable));
    }
    // Texts that are kept anyway, rather than those of the message.
    const needed = idsIn(directory, dependencies);
    const held = contained.length === 0 ? needed : needed.concat(idsIn(directory, contained));
    const payload = { callable: define.callable, args, dependencies: needed, held };
    if (!parent) return this.#start(task, payload);
    this.#start(task, { ...payload, parent, depth: depthBelow(parent, scheduler) });
  }

  /** @returns whether it is to be constructed: its name may be taken. */
  #register(task: TaskId, { named, getIfExists }: Submit, define: Define, job: JobId): boolean {
    const { actors, detached, circles, scheduler } = this.#plane;
    const actor = task as string as ActorId;
    const other = named && actors.named(named);
    if (!other) {
      actors.expect(actor, define, named);
      detached.actorAdded(define.callable, task);
      return true;
    }
    if (getIfExists) {
      actors.alias(actor, other);
      circles.met(job, jobOfActor(other, scheduler) ?? job);
      const inline = encodeValue(undefined).toBytes();
      const value = sealedFrom(
        { inline, sizeBytes: inline.byteLength },
        makerOf(task),
        undefined,
        1,
      );
      const object = resultOf(task);
      this.#machines.direct({ type: "object-sealed", object, value, holder: undefined });
      return false;
    }
    actors.expect(actor, define);
    const { namespace = "default", name } = named;
    const message =
      `the name "${name}" is taken in the namespace "${namespace}" by actor ${other} ` +
      `(${actors.get(other)!.define.name}); use another name or namespace, getIfExists, or end that actor`;
    this.fail(task, { code: "NAME_TAKEN", message });
    return false;
  }

  /** The task will never have a result. */
  fail(task: TaskId, error: WireError): void {
    this.#plane.items.ended(task, error);
    this.actorEnded(task as string as ActorId, error);
    const failed = { object: resultOf(task), error, holder: undefined };
    this.#machines.direct({ type: "object-failed", ...failed });
  }

  /** A checkpoint of an actor: what counts is that of its present life. */
  saveState(worker: PeerId, saved: Extract<PeerMessage, { type: "actor-saved" }>): void {
    const { actor, life, object, isHandOver } = saved;
    const { scheduler, directory, nowMs: atMs } = this.#plane;
    const task = scheduler.tasks.get(actor as string as TaskId);
    if (task?.state !== "alive" || task.worker?.id !== worker || task.attempt !== life) return;
    if (!this.payloads.has(task.id)) return;
    this.states.save(task.id, object, directory);
    if (!isHandOver) return;
    this.#machines.schedule({ type: "actor-handed-over", worker, actor, life, atMs });
  }

  /** What an actor was to be restored from is gone. */
  failUnrestorable(worker: PeerId, { task, attempt }: { task: TaskId; attempt: number }): void {
    const message = `actor ${task} cannot be restored: every copy of its saved state is lost`;
    const error: WireError = { code: "OBJECT_LOST", message };
    const { nowMs: atMs } = this.#plane;
    this.#machines.schedule({ type: "task-failed", worker, task, attempt, error, atMs });
  }

  /** If it is an actor, it lives no more. */
  actorEnded(actor: ActorId, error: WireError): void {
    const task = actor as string as TaskId;
    this.drop(task);
    const record = this.#plane.actors.get(actor);
    if (!record) return;
    this.states.drop(task);
    this.#plane.actors.ended(actor, error);
    this.#machines.forgetDetached(this.#plane.detached.actorEnded(record.define.callable, task));
  }

  /** The task is settled. */
  drop(task: TaskId): void {
    const payload = this.payloads.get(task);
    if (!payload) return;
    this.payloads.delete(task);
    const { held: objects } = payload;
    if (objects.length > 0) this.#machines.direct({ type: "task-released", objects });
  }

  /** Only workers have the result: keep what it takes to make it again. */
  remember(task: TaskId, attempt: number, losses: number): void {
    const payload = this.payloads.get(task);
    const { scheduler, directory } = this.#plane;
    // What is still scheduled is an actor, which cannot be made again.
    if (!payload || scheduler.tasks.has(task)) return;
    if (this.lineage.renew(task, attempt, losses)) return;
    const pinned = payload.held.filter((object) => directory.objects.get(object)?.inline);
    if (pinned.length > 0) this.#machines.direct({ type: "task-held", objects: pinned });
    this.lineage.keep({ task, payload, pinned, attempt, losses });
  }

  /** A task that gives several objects is done: if workers have some, keep what makes them again. */
  itemsEnded(task: TaskId, nextAttempt: number, losses: number): void {
    const stored = this.#plane.items.ended(task);
    if (!stored) return;
    if (stored.size === 0) return this.lineage.ranAgain(task, nextAttempt, losses);
    this.remember(task, nextAttempt, losses);
    this.lineage.keepFor(task, stored);
  }

  /** Whether a task could make the object once more. */
  canBeRemade(object: ObjectId): boolean {
    const { directory, callables } = this.#plane;
    const plan = planRemake(object, { lineage: this.lineage, directory, callables });
    return plan.obstacle === undefined;
  }

  /** Attempts that a task which is done has lost. What is inline is never lost, but for its items. */
  lossesOf({ task, inline }: Pick<TaskDone, "task" | "inline">): number {
    const { items, scheduler } = this.#plane;
    if (inline && items.sources.size === 0) return 0;
    return scheduler.tasks.get(task)?.losses ?? 0;
  }

  /** How many copies its result should have. */
  replicasOf(task: TaskId): number {
    const payload = this.payloads.get(task);
    return (payload && this.#plane.callables.get(payload.callable)?.replicas) ?? 1;
  }

  /** The object's last copy went: run the task again that made it, and what that needs. */
  remake(object: ObjectId, why: string): void {
    const record = this.#plane.directory.objects.get(object);
    if (record?.phase !== "pending" || this.payloads.has(object as string as TaskId)) return;
    const { directory, callables, circles, items, scheduler } = this.#plane;
    if (items.lost(object, why)) return;
    const plan = planRemake(object, { lineage: this.lineage, directory, callables });
    if (record.holds === 0 || plan.obstacle !== undefined) {
      const message = lostText(record, why, plan.obstacle ?? "nobody refers to it");
      const error: WireError = { code: "OBJECT_LOST", message, details: { object } };
      return this.#machines.direct({ type: "object-failed", object, error, holder: undefined });
    }
    for (const wanted of plan.objects) {
      this.lineage.wanted(wanted);
      const { callable } = this.lineage.get(wanted)!.payload;
      const job = scheduler.classes.get(callable)?.job;
      if (job) circles.made(wanted, job);
      this.#machines.direct({ type: "object-revived", object: wanted });
      const task = itemNumberOf(wanted)?.task;
      if (!task || items.lost(wanted, why)) continue;
      items.awaitAgain(task, wanted, callables.get(callable)?.replicas);
    }
    for (const entry of plan.entries) {
      // It may be at it already, for a result that turned up elsewhere and was freed.
      if (!this.payloads.has(entry.task)) this.#start(entry.task, entry.payload, entry);
    }
  }

  /** A worker could not have an argument of the task. */
  takeBack(
    worker: PeerId,
    returned: { readonly task: TaskId; readonly attempt: number; readonly error: WireError },
  ): void {
    const { task, attempt } = returned;
    const { dependencies = NONE } = this.payloads.get(task) ?? {};
    const error = this.#firstUnavailable(dependencies, NONE);
    const atMs = this.#plane.nowMs;
    if (error) {
      const failed = { worker, task, attempt, error, atMs };
      return this.#machines.schedule({ type: "task-failed", ...failed });
    }
    const missing = this.pendingOf(dependencies);
    const event = { worker, task, attempt, missing, why: returned.error.message, atMs };
    return this.#machines.schedule({ type: "task-returned", ...event });
  }

  /** Those of the arguments that do not exist now. */
  pendingOf(dependencies: readonly ObjectId[]): readonly ObjectId[] {
    if (dependencies.length === 0) return NONE;
    const { objects } = this.#plane.directory;
    return dependencies.filter((dependency) => objects.get(dependency)!.phase === "pending");
  }

  #start(task: TaskId, payload: Payload, again?: Pick<TaskRecord, "attempt" | "losses">): void {
    const { dependencies, held, parent } = payload;
    this.payloads.set(task, payload);
    if (held.length > 0) this.#machines.direct({ type: "task-held", objects: held });
    const missing = this.pendingOf(dependencies);
    const atMs = this.#plane.nowMs;
    const near = dependencies.length > 0 && nearTo(this.#plane.directory, dependencies);
    const type = "task-submitted";
    const classId = this.#classOf(payload);
    if (again || parent || near) {
      const more = {
        ...(again ? { again } : {}),
        ...(parent ? { parent } : {}),
        ...(near ? { near } : {}),
      };
      this.#machines.schedule({ type, task, class: classId, missing, atMs, ...more });
    } else this.#machines.schedule({ type, task, class: classId, missing, atMs });
    // What runs at once is sent as it came, and mostly ends before it costs anything.
    const runs = this.#plane.scheduler.tasks.get(task)?.state === "running";
    if (!runs) payload.args = keepArgs(payload.args);
  }

  /** Tasks that tasks submit have a class of their own, made when the first one comes. */
  #classOf({ callable, depth = 0 }: Payload): CallableId {
    const define = this.#plane.callables.get(callable)!;
    if (depth === 0 || define.kind === "actor-class") return callable;
    const id = nestedClassOf(callable, depth);
    const { classes } = this.#plane.scheduler;
    if (!classes.has(id)) {
      const defined = nestedClassDefined(define, classes.get(callable)!.job, depth);
      this.#machines.schedule({ ...defined, atMs: this.#plane.nowMs });
    }
    return id;
  }

  /** Whether an argument is none that the submitter could have a ref to. */
  #firstForeign(
    peer: PeerId,
    dependencies: readonly ObjectId[],
    contained: readonly ObjectId[],
  ): WireError | undefined {
    if (dependencies.length + contained.length === 0) return undefined;
    const { early } = this.#machines;
    for (const object of dependencies.concat(contained)) {
      if (early.isForeign(peer, object)) return foreign(object);
    }
    return undefined;
  }

  /**
   * Why the task can never have its arguments, if so. A ref inside another value may be to a failed
   * object: what to do about that is up to the task.
   */
  #firstUnavailable(
    dependencies: readonly ObjectId[],
    contained: readonly ObjectId[],
  ): WireError | undefined {
    const { objects } = this.#plane.directory;
    for (const object of dependencies) {
      const record = objects.get(object);
      if (!record) return freed(object);
      if (record.phase === "failed") return record.error;
    }
    if (dependencies.length > 0) {
      const tooLarge = tooLargeForAll(this.#plane, dependencies);
      if (tooLarge) return tooLarge;
    }
    const missing = contained.find((object) => !objects.has(object));
    return missing && freed(missing);
  }
}
