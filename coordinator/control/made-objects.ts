import { MeshError } from "../../shared/errors.ts";
import {
  makerOf,
  sourceOf,
  type JobId,
  type ObjectId,
  type PeerId,
  type TaskId,
} from "../../shared/ids.ts";
import type { PeerMessage } from "../../shared/protocol/messages.ts";
import type { DirectoryEvent, DirectoryState } from "../directory/types.ts";
import type { SchedulerState } from "../scheduler/types.ts";
import { EarlyArguments } from "./early-arguments.ts";
import { EarlyResults } from "./early-results.ts";
import type { JobCircles } from "./job-circles.ts";
import { directoryEventOf, madeEventOf } from "./object-messages.ts";
import { ownText } from "./own-text.ts";
import type { Payload, PeerRecord } from "./types.ts";

type MessageOf<Type> = Extract<PeerMessage, { type: Type }>;

interface Plane {
  readonly directory: DirectoryState;
  readonly scheduler: SchedulerState;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
  readonly circles: JobCircles;
  readonly submissions: { readonly payloads: ReadonlyMap<TaskId, Payload> };
  readonly nowMs: number;
}

export interface MadeObjectsPorts {
  direct(event: DirectoryEvent): void;
  /** Nobody refers to what this worker keeps. */
  unwanted(worker: PeerId, object: ObjectId): void;
  cancel(task: TaskId, why: string): void;
}

/** What peers say of objects that they make, promise or hold: who may, and whose job it is of. */
export class MadeObjects {
  readonly #plane: Plane;
  readonly #ports: MadeObjectsPorts;
  readonly #early = new EarlyResults();
  readonly #earlyArguments: EarlyArguments;

  constructor(plane: Plane, ports: MadeObjectsPorts) {
    this.#plane = plane;
    this.#ports = ports;
    this.#earlyArguments = new EarlyArguments((peer) => plane.peers.has(peer));
  }

  /** @throws MeshError `PROTOCOL_VIOLATION` if the peer may not make it. */
  put(from: PeerRecord, message: MessageOf<"put-object">): void {
    const { object } = message;
    const { peers, submissions, directory, nowMs } = this.#plane;
    const [job] = this.jobsSaid(from, message);
    if (submissions.payloads.has(sourceOf(object))) {
      const text = `${from.peer} may not make ${object}: it is the result of a task under way`;
      throw new MeshError("PROTOCOL_VIOLATION", text);
    }
    const { peer: worker } = from;
    const owner = makerOf(object);
    const checked = this.withOwnRefs(worker, message, object, job);
    const event = madeEventOf(from, checked, (peer) => peers.has(peer));
    if (owner === worker || !peers.has(owner)) return this.#made(object, job, event);
    // That others refer to it is no promise of its caller.
    const record = this.isExpected(object) ? undefined : directory.objects.get(object);
    if (record?.phase === "pending" && record.promisedBy !== owner) {
      const text = `${worker} may not make ${object}: its caller has not promised it`;
      throw new MeshError("PROTOCOL_VIOLATION", text);
    }
    if (record) return this.#made(object, job, event);
    const isParked = this.#early.park(object, { worker, event, job }, nowMs);
    if (!isParked) this.#ports.unwanted(worker, object);
  }

  promise(from: PeerRecord, message: MessageOf<"promise-object">): void {
    const { object } = message;
    this.#made(object, this.jobsSaid(from, message)[0], directoryEventOf(from, message));
    const confirmed = this.#early.confirm(object);
    if (confirmed) this.#made(object, confirmed.job, confirmed.event);
  }

  /**
   * Before `from` refers to these: their makers may not have announced them yet.
   * @returns false if it is not to refer to those that are expected, because too much does.
   */
  expect(
    from: PeerId,
    objects: readonly ObjectId[],
    by: { readonly inside: ObjectId; readonly job: JobId | undefined },
  ): boolean {
    if (objects.length === 0) return true;
    const { directory, nowMs } = this.#plane;
    for (const event of this.#earlyArguments.expect(from, objects, directory, nowMs)) {
      this.#ports.direct(event);
    }
    return this.#earlyArguments.refers({ ...by, inside: ownText(by.inside), peer: from }, objects);
  }

  /** Whether others refer to it, and its maker has not announced it yet. */
  isExpected(object: ObjectId): boolean {
    return this.#earlyArguments.has(object);
  }

  /** Refs to what it may not read, a peer cannot have come by in a proper way. */
  hold({ peer }: PeerRecord, { objects }: MessageOf<"hold">): void {
    this.#ports.direct({ type: "held", peer, objects: this.#holdable(peer, objects) });
  }

  /**
   * A value or a task's result holds what is inside it, as far as who made it may read that: else
   * anybody could keep the objects of others by guessing their ids.
   */
  withOwnRefs<Message extends { readonly contained?: ObjectId[] }>(
    peer: PeerId,
    message: Message,
    inside: ObjectId,
    job: JobId | undefined,
  ): Message {
    if (!message.contained || message.contained.length === 0) return message;
    const contained = [...this.#holdable(peer, message.contained)];
    if (this.expect(peer, contained, { inside, job })) return { ...message, contained };
    return { ...message, contained: contained.filter((object) => !this.isExpected(object)) };
  }

  #holdable(peer: PeerId, objects: readonly ObjectId[]): readonly ObjectId[] {
    const mayHold = (object: ObjectId) => !this.isForeign(peer, object);
    return objects.every(mayHold) ? objects : objects.filter(mayHold);
  }

  /** Whether the peer may not read it, as far as that is known. */
  isForeign(peer: PeerId, object: ObjectId): boolean {
    const { directory, circles } = this.#plane;
    if (circles.mayRead(peer, object)) return false;
    // What its id tells is known before its maker has announced it.
    if (circles.isOfJob(object)) return true;
    // Its maker may have left before it said whose it was: why it failed is no secret.
    const record = directory.objects.get(object);
    return record !== undefined && !record.error && !this.isExpected(object);
  }

  /** In whose name a peer speaks: a worker in that of jobs that it takes part in. */
  jobsSaid({ role, peer }: PeerRecord, { jobs = [] }: { readonly jobs?: JobId[] }): JobId[] {
    if (role === "driver") return [peer as string as JobId];
    return jobs.filter((job) => this.#plane.circles.isMember(peer, job));
  }

  tick(): void {
    const { directory, nowMs } = this.#plane;
    for (const { object, worker } of this.#early.unconfirmed(nowMs)) {
      this.#ports.unwanted(worker, object);
    }
    for (const event of this.#earlyArguments.expired(directory, nowMs)) this.#ports.direct(event);
  }

  peerLeft(peer: PeerId): void {
    for (const { object, worker } of this.#early.peerLeft(peer)) {
      this.#ports.unwanted(worker, object);
    }
  }

  /** An object is made or promised: of which job, only who makes it may say. */
  #made(object: ObjectId, job: JobId | undefined, event: DirectoryEvent): void {
    const { directory, circles } = this.#plane;
    const phase = directory.objects.get(object)?.phase;
    const isNew = phase === undefined || phase === "pending";
    if (job && isNew) circles.made(object, job);
    this.announced(object);
    this.#ports.direct(event);
    if (isNew && !directory.objects.has(object)) circles.freed(object);
  }

  /** Its maker has spoken of it, and its job is known: others may have referred to it before. */
  announced(object: ObjectId): void {
    const referrers = this.#earlyArguments.heard(object);
    if (!referrers) return;
    const { circles, directory, submissions } = this.#plane;
    for (const { inside, peer, job } of referrers) {
      if (circles.mayRead(peer, object) || (job && circles.isOpenTo(job, object))) continue;
      if (submissions.payloads.has(inside as string as TaskId)) {
        const why = `its argument ${object} belongs to another job`;
        this.#ports.cancel(inside as string as TaskId, why);
      } else this.#ports.direct({ type: "ref-dropped", object, inside });
    }
    for (const [peer, held] of directory.heldBy) {
      if (!held.has(object) || circles.mayRead(peer, object)) continue;
      this.#ports.direct({ type: "released", peer, objects: [object] });
    }
  }
}
