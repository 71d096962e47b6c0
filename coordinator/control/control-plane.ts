import { MeshError } from "../../shared/errors.ts";
import {
  itemOf,
  resultOf,
  type ActorId,
  type CallableId,
  type JobId,
  type ObjectId,
  type PeerId,
  type TaskId,
} from "../../shared/ids.ts";
import type { Define, PeerMessage, TaskDone, TaskItem } from "../../shared/protocol/messages.ts";
import { step as stepDirectory } from "../directory/step.ts";
import {
  emptyDirectoryState,
  type DirectoryEffect,
  type DirectoryEvent,
} from "../directory/types.ts";
import { isWith } from "../scheduler/copies.ts";
import { step as stepScheduler } from "../scheduler/step.ts";
import {
  emptySchedulerState,
  type SchedulerEffect,
  type SchedulerEvent,
  type SchedulerState,
} from "../scheduler/types.ts";
import { ActorRegistry } from "./actor-registry.ts";
import { meetByName } from "./actor-queries.ts";
import { Acquaintances } from "./acquaintances.ts";
import { cancelTask } from "./cancel-task.ts";
import { detachedJobOf, DetachedClasses } from "./detached-classes.ts";
import { Drains, type DrainAnswer } from "./drains.ts";
import { EarlyInterest } from "./early-interest.ts";
import { forgetAnswer } from "./forget-answer.ts";
import { Items } from "./items.ts";
import { JobCircles } from "./job-circles.ts";
import { launch } from "./launch.ts";
import { jobOf, NestedCallables } from "./nested-tasks.ts";
import { directoryEventOf, requireMine } from "./object-messages.ts";
import { MadeObjects } from "./made-objects.ts";
import { sealedFrom } from "./object-state.ts";
import { answerQuery } from "./queries.ts";
import { classDefined, forgetCallables, peerJoined, peerRecordOf } from "./registration.ts";
import { objectAvailable } from "./near.ts";
import { groupEventOf, groupOutcome, groupPromised, requireOwnGroup } from "./placement-groups.ts";
import { Replicator } from "./replicator.ts";
import { SettledTasks } from "./settled-tasks.ts";
import { isAboutCopy, Sharing } from "./sharing.ts";
import { mayLiveAgain, Submissions } from "./submissions.ts";
import {
  requireOfJob,
  schedulerEventOf,
  warnedOf,
  warningMessage,
  type Untimed,
} from "./task-messages.ts";
import type { ControlPorts, PeerIntroduction, PeerRecord } from "./types.ts";

/** What is to be done, by whichever of the two machines or here. */
type Effect =
  | SchedulerEffect
  | DirectoryEffect
  | { readonly type: "forget-callables"; readonly callables: readonly CallableId[] };

/**
 * The scheduler and the directory joined: messages of peers in, messages to peers out. Does no I/O
 * and reads no clock, so that the simulator runs exactly what the coordinator runs.
 *
 * A message may cause effects that cause events in turn (a failed task fails what depends on it).
 * They wait in one queue, so neither state machine is re-entered, however long the chain.
 */
export class ControlPlane {
  readonly scheduler: SchedulerState;
  readonly directory = emptyDirectoryState();
  readonly peers = new Map<PeerId, PeerRecord>();
  readonly callables = new Map<CallableId, Define>();
  readonly nested = new NestedCallables();
  readonly settled = new SettledTasks();
  readonly actors: ActorRegistry;
  readonly submissions: Submissions;
  readonly items: Items;
  readonly detached = new DetachedClasses();
  readonly circles: JobCircles;
  readonly replicator: Replicator;
  readonly sharing: Sharing;
  readonly drains: Drains;
  readonly #ports: ControlPorts;
  readonly #queue: Effect[] = [];
  readonly #acquaintances: Acquaintances;
  readonly #made: MadeObjects;
  readonly #early = new EarlyInterest((peer) => this.peers.has(peer));
  #isSettling = false;
  #nowMs = 0;

  constructor(ports: ControlPorts) {
    this.#ports = ports;
    this.scheduler = emptySchedulerState(ports.jobQuota);
    this.circles = new JobCircles((job) => ports.jobSecret(job));
    this.#acquaintances = new Acquaintances(ports);
    this.sharing = new Sharing(this, ports, (event) => this.#direct(event));
    this.#made = new MadeObjects(this, {
      direct: (event) => this.#direct(event),
      unwanted: (to, object) => ports.send(to, { type: "free-objects", objects: [object] }, 0),
      cancel: (task, why) => this.#schedule({ type: "task-cancelled", task, why }),
    });
    this.actors = new ActorRegistry((to, message) => ports.send(to, message, 0));
    const direct = (event: DirectoryEvent) => this.#direct(event);
    const schedule = (event: Untimed<SchedulerEvent>) => this.#schedule(event);
    this.items = new Items(this, ports, { direct, schedule });
    this.submissions = new Submissions(this, {
      direct,
      schedule: (event) => this.#step(event),
      forgetDetached: (callables) => this.#forgetDetached(callables),
      early: this.#made,
    });
    this.drains = new Drains(this, ports, { schedule, drop: (effect) => this.#queue.push(effect) });
    this.replicator = new Replicator(this, {
      keepCopy: (to, record) =>
        ports.send(to, { type: "keep-copy", state: this.sharing.stateOf(record) }, 0),
      handedOver: (to) => ports.send(to, { type: "handed-over" }, 0),
      overstayed: (worker) =>
        this.#queue.push({ type: "drop-worker", worker, why: "it wanted to leave and did not" }),
    });
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  peerJoined({ peer, hello }: PeerIntroduction, atMs: number): void {
    this.#nowMs = atMs;
    const record = peerRecordOf(peer, hello, atMs);
    this.peers.set(peer, record);
    const event = peerJoined(record, hello, this.circles);
    if (!event) return;
    this.#schedule(event);
    this.replicator.peerJoined();
    this.#settleEffects();
  }

  peerLeft(peer: PeerId, why: string, atMs: number): void {
    this.#nowMs = atMs;
    this.#forgetPeer(peer, why);
    this.#settleEffects();
  }

  tick(atMs: number): void {
    this.#nowMs = atMs;
    this.#schedule({ type: "tick" });
    this.replicator.tick();
    this.drains.tick();
    this.#made.tick();
    for (const { object, peers } of this.#early.expired(atMs)) {
      const unknown = { type: "answer", object, record: undefined } as const;
      for (const peer of peers) this.#queue.push({ ...unknown, peer });
    }
    this.#settleEffects();
  }

  /** Have a worker, by its id or name, take nothing new and leave; see {@link Drains.ask}. */
  drain(worker: string, deadlineMs: number, atMs: number): DrainAnswer {
    this.#nowMs = atMs;
    const answer = this.drains.ask(worker, deadlineMs);
    this.#settleEffects();
    return answer;
  }

  /**
   * Handle one checked message of a peer that has joined.
   * @throws MeshError what is wrong with it, to be told to the peer.
   */
  receive(peer: PeerId, message: PeerMessage, atMs: number): void {
    this.#nowMs = atMs;
    const record = this.peers.get(peer);
    if (!record) return;
    try {
      this.#handle(record, message);
    } finally {
      this.#settleEffects();
    }
  }

  #handle(from: PeerRecord, message: PeerMessage): void {
    const { peer } = from;
    switch (message.type) {
      case "hello":
        throw new MeshError("PROTOCOL_VIOLATION", `${peer} has said hello already`);
      case "heartbeat":
        from.links = message.links ?? from.links;
        from.storedBytes = message.storedBytes;
        from.spilledBytes = message.spilledBytes ?? 0;
        return this.#schedule(schedulerEventOf(from, message, this.scheduler));
      case "define":
        return this.#define(from, message);
      case "submit":
        return this.submissions.submit(from, message);
      case "task-done":
        return this.#report(peer, message);
      case "task-item":
        return this.#takeItem(peer, message);
      case "items-taken":
        return this.items.taken(peer, message);
      case "task-returned":
        return this.submissions.takeBack(peer, message);
      case "cancel-task": {
        const answer = cancelTask(from, message, this.scheduler, (e) => this.#schedule(e));
        return answer && this.#ports.send(peer, answer, 0);
      }
      case "task-blocked":
      case "task-resumed":
      case "task-failed":
      case "actor-ended":
        return this.#schedule(schedulerEventOf(from, message, this.scheduler));
      case "end-actor":
        if (!this.actors.isPublic(message.actor)) {
          requireOfJob(from, message.actor as string as TaskId, message.parent, this.scheduler);
        }
        return this.#schedule(schedulerEventOf(from, message, this.scheduler));
      case "locate-actor":
        return this.actors.watch(message.actor, peer);
      case "introduce-me":
        return this.#acquaintances.introduce(peer, message.peer, this.peers.get(message.peer));
      case "create-placement-group":
        this.#direct(groupPromised(from, message));
        this.#made.announced(message.group as string as ObjectId);
        return this.#schedule(groupEventOf(from, message));
      case "remove-placement-group":
        return this.#schedule(groupEventOf(from, message));
      case "query":
        meetByName(this, { ...from, jobs: this.#made.jobsSaid(from, message) }, message);
        return this.#ports.send(peer, answerQuery(this, message), 0);
      case "goodbye":
        return this.#forgetPeer(peer, `it said goodbye (${message.reason})`);
      case "put-object":
        return this.#made.put(from, message);
      case "actor-saved":
        return this.submissions.saveState(peer, message);
      case "leaving":
        this.drains.peerLeaves(peer);
        this.#schedule(schedulerEventOf(from, message, this.scheduler));
        return this.replicator.peerLeaving(peer);
      case "promise-object":
        return this.#made.promise(from, message);
      case "hold":
        return this.#made.hold(from, message);
      default:
        if (isAboutCopy(message)) return this.sharing.heard(from, message);
        return this.#direct(directoryEventOf(from, message));
    }
  }

  #define(from: PeerRecord, define: Define): void {
    requireMine(from, define.callable);
    const job = jobOf(from, define.parent, this.scheduler);
    if (!job || this.callables.has(define.callable)) return;
    requireOwnGroup(define, job, this.scheduler);
    if (define.parent && !this.nested.add(job, define, this)) return;
    this.callables.set(define.callable, define);
    if (!define.actor?.isDetached) return this.#schedule(classDefined(define, job));
    this.detached.add(define.callable, from.peer);
    const own = detachedJobOf(define.callable);
    this.circles.started(own);
    this.circles.met(job, own);
    this.#schedule(classDefined(define, own));
  }

  #takeItem(peer: PeerId, message: TaskItem): void {
    const object = itemOf(message.task, message.index);
    const job = this.scheduler.tasks.get(message.task)?.group.job;
    this.items.made(peer, this.#made.withOwnRefs(peer, message, object, job));
    this.#made.announced(object);
  }

  /** A result whose attempt may be out of date: only what the scheduler accepts counts. */
  #report(peer: PeerId, message: TaskDone): void {
    const { task, attempt, ranForMs } = message;
    const object = resultOf(message.task);
    const before = this.#queue.length;
    const job = message.contained?.length ? this.scheduler.tasks.get(task)?.group.job : undefined;
    const replicas = message.inline ? 1 : this.submissions.replicasOf(message.task);
    const losses = this.submissions.lossesOf(message);
    const atMs = this.#nowMs;
    this.#step({ type: "task-done", worker: peer, task, attempt, ranForMs, atMs });
    // The scheduler says first whether the answer counts, then what it makes room for.
    const accepted = this.#queue[before];
    if (accepted?.type === "accept-result") {
      if (!message.inline) {
        this.submissions.remember(message.task, accepted.attempts, losses + 1);
      }
      this.submissions.itemsEnded(message.task, accepted.attempts, losses + 1);
      const checked = this.#made.withOwnRefs(peer, message, object, job);
      const value = sealedFrom(checked, peer, peer, replicas);
      this.#direct({ type: "object-sealed", object, value, holder: undefined });
      return;
    }
    // Nobody waits for this answer: neither for the value it left behind nor for the actor. But the
    // peer may be at a later attempt, or what it has may be the very copy that counts.
    if (isWith(this.scheduler, peer, message.task)) return;
    forgetAnswer(this, this.#ports, peer, message);
  }

  #forgetPeer(peer: PeerId, why: string): void {
    const record = this.peers.get(peer);
    if (!this.peers.delete(peer) || !record) return;
    if (record.role === "driver") this.#endJob(peer as string as JobId, "its driver left");
    this.#forgetDetached(this.detached.ownerLeft(peer));
    const copies = this.items.copiesOn(peer);
    this.#schedule({ type: "worker-left", worker: peer, why });
    this.#direct({ type: "peer-left", peer, why });
    this.items.peerLeft(peer, copies);
    const others = [this.actors, this.#acquaintances, this.#early, this.replicator, this.sharing];
    for (const each of [...others, this.circles, this.#made]) each.peerLeft(peer);
    this.drains.peerLeaves(peer);
  }

  /** What belongs to it ends with it. */
  #endJob(job: JobId, why: string): void {
    const classes = [...(this.scheduler.jobs.get(job)?.classes ?? [])];
    const callables = [...new Set(classes.map(({ callable }) => callable))];
    this.nested.jobEnded(job);
    for (const callable of callables) this.callables.delete(callable);
    this.#schedule({ type: "job-ended", job, why });
    this.#queue.push({ type: "forget-callables", callables });
    this.circles.jobEnded(job);
  }

  #schedule(event: Untimed<SchedulerEvent>): void {
    this.#step(Object.assign(event, { atMs: this.#nowMs }));
  }

  #step(event: SchedulerEvent): void {
    stepScheduler(this.scheduler, event, this.#queue as SchedulerEffect[]);
  }

  #direct(event: DirectoryEvent): void {
    if (this.#early.keeps(event, this.directory, this.#nowMs)) return;
    stepDirectory(this.directory, event, this.#queue as DirectoryEffect[]);
    if (this.#early.isEmpty || !("object" in event)) return;
    const interest = this.#early.take(event.object);
    if (!interest) return;
    for (const peer of interest.holding) {
      if (!this.circles.mayRead(peer, event.object)) continue;
      this.#direct({ type: "held", peer, objects: [event.object] });
    }
    for (const peer of interest.locating) {
      this.#direct({ type: "located", peer, object: event.object });
    }
  }

  #settleEffects(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    try {
      for (let i = 0; i < this.#queue.length; i++) this.#perform(this.#queue[i]!);
    } finally {
      this.#queue.length = 0;
      this.#isSettling = false;
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "run":
        return launch(this, this.#ports, effect);
      case "recall-runs":
      case "cancel-run": {
        const { worker, ...order } = effect;
        return this.#ports.send(worker, order, 0);
      }
      case "accept-result":
        return this.#accept(effect);
      case "fail-task":
        this.submissions.lineage.tried(effect.task, effect.attempts);
        this.settled.note(effect, undefined, this.#nowMs);
        return this.submissions.fail(effect.task, effect.error);
      case "stop-actor":
        return this.#ports.send(effect.worker, { type: "stop-actor", actor: effect.actor }, 0);
      case "actor-restarting":
        return this.actors.restarting(effect.actor);
      case "actor-died":
        this.settled.note(effect, this.peers.get(effect.worker)?.name, this.#nowMs);
        return this.submissions.actorEnded(effect.actor, effect.error);
      case "placement-group-ready":
      case "placement-group-ended":
        return this.#direct(groupOutcome(effect));
      case "drop-worker": {
        const message = `${effect.worker} was dropped because ${effect.why}; it may connect again`;
        this.#forgetPeer(effect.worker, effect.why);
        return this.#ports.drop(effect.worker, { code: "WORKER_LOST", message });
      }
      case "warn":
        return this.#ports.send(warnedOf(effect), warningMessage(effect), 0);
      case "copies-changed":
        return this.replicator.changed(effect.object);
      case "lost":
        this.sharing.forget(effect.object);
        return this.submissions.remake(effect.object, effect.why);
      case "free":
        // It may be only a copy too many.
        if (!this.directory.objects.has(effect.object)) {
          this.items.freed(effect.object);
          this.submissions.lineage.freed(effect.object);
        }
        return this.sharing.freed(effect);
      case "answer":
        return this.sharing.answer(effect);
      case "forget-callables":
        return forgetCallables(this.peers, effect.callables, this.#ports);
      case "unheld":
        return this.items.unheld(effect.object);
      case "available":
        if (!this.scheduler.dependents.has(effect.object)) return;
        return this.#schedule(objectAvailable(effect.object, this.directory));
      case "unavailable": {
        const { object, error } = effect;
        return this.#schedule({ type: "object-failed", object, error });
      }
      default:
        effect satisfies never; // A new effect does not compile until it is performed.
    }
  }

  /** Classes of detached actors that nobody needs any more. */
  #forgetDetached(callables: readonly CallableId[]): void {
    if (callables.length === 0) return;
    this.nested.forget(callables);
    for (const callable of callables) {
      this.#endJob(detachedJobOf(callable), "the last detached actor of its class has ended");
    }
  }

  #accept(accepted: Extract<SchedulerEffect, { type: "accept-result" }>): void {
    const { task, worker } = accepted;
    const record = this.scheduler.tasks.get(task);
    if (record?.state !== "alive") {
      this.settled.note(accepted, this.peers.get(worker)?.name, this.#nowMs);
      return this.submissions.drop(task);
    }
    if (!mayLiveAgain(this.callables.get(record.group.id))) this.submissions.drop(task);
    return this.actors.located(task as string as ActorId, worker, record.attempt);
  }
}
