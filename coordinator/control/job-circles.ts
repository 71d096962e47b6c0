import { isMadeBy, makerOf, type JobId, type ObjectId, type PeerId } from "../../shared/ids.ts";
import type { JobKey } from "../../shared/protocol/schema.ts";
import { ownText } from "./own-text.ts";

/** Jobs that ended and are remembered, of one circle: what they made may live on in others. */
const ENDED_MAX = 10_000;

interface Job {
  readonly id: JobId;
  /** One that speaks for it, or who does so in turn; unset: it speaks for itself and all others. */
  speaker: Job | undefined;
  jobKey: JobKey | undefined;
  /** Of the circle, if it speaks for it: who takes part, which jobs live, which have ended. */
  readonly members: Set<PeerId>;
  readonly living: Set<JobId>;
  readonly ended: Set<JobId>;
}

/**
 * Who may read what. An object belongs to a job, and those who take part in the job may read it: its
 * driver, and the workers that were given tasks or actors of it. Jobs are apart, until one of them
 * gets at an actor of the other by its name: from then on refs travel between them in calls and
 * answers, which the coordinator does not see. So they are one circle then, and whoever takes part in
 * one of its jobs may read what belongs to any of them.
 *
 * The id of an object tells its job if a driver made it; of what workers make, it is kept here until
 * the object is freed.
 */
export class JobCircles {
  readonly #jobs = new Map<JobId, Job>();
  /** One of each circle with living jobs. */
  readonly #speakers = new Set<Job>();
  readonly #ofObjects = new Map<ObjectId, Job>();
  readonly #secretOf: (job: JobId) => Uint8Array<ArrayBuffer>;

  /** @param secretOf the secret of a job: always the same, and nobody can guess it. */
  constructor(secretOf: (job: JobId) => Uint8Array<ArrayBuffer>) {
    this.#secretOf = secretOf;
  }

  /** Jobs that are remembered, and objects of workers. For tests: they go with those. */
  get size(): number {
    return this.#jobs.size + this.#ofObjects.size;
  }

  started(id: JobId): void {
    if (this.#jobs.has(id)) return;
    const job: Job = {
      id,
      speaker: undefined,
      jobKey: undefined,
      members: new Set(),
      living: new Set([id]),
      ended: new Set(),
    };
    this.#jobs.set(id, job);
    this.#speakers.add(job);
  }

  /** Its objects stay readable as long as a job lives that it had met. */
  jobEnded(id: JobId): void {
    const job = this.#jobs.get(id);
    if (!job) return;
    const speaker = speakerOf(job);
    const { living, ended } = speaker;
    if (!living.delete(id)) return;
    ended.add(id);
    if (living.size === 0) this.#speakers.delete(speaker);
    for (const first of ended) {
      if (living.size > 0 && ended.size <= ENDED_MAX) return;
      ended.delete(first);
      this.#jobs.delete(first);
    }
  }

  /** A peer takes part in a job. */
  joined(peer: PeerId, id: JobId): void {
    const job = this.#jobs.get(id);
    if (job) speakerOf(job).members.add(peer);
  }

  isMember(peer: PeerId, id: JobId): boolean {
    const job = this.#jobs.get(id);
    return job !== undefined && speakerOf(job).members.has(peer);
  }

  peerLeft(peer: PeerId): void {
    for (const { members } of this.#speakers) members.delete(peer);
  }

  /** Code of one has got at an actor of the other. */
  met(one: JobId, other: JobId): void {
    const [a, b] = [this.#jobs.get(one), this.#jobs.get(other)];
    if (!a || !b) return;
    let [big, small] = [speakerOf(a), speakerOf(b)];
    if (big === small) return;
    if (sizeOf(big) < sizeOf(small)) [big, small] = [small, big];
    small.speaker = big;
    this.#speakers.delete(small);
    for (const kind of ["members", "living", "ended"] as const) {
      for (const each of small[kind]) (big[kind] as Set<string>).add(each);
      small[kind].clear();
    }
  }

  /** An object of a worker's making, which its id does not tell the job of. */
  made(object: ObjectId, id: JobId): void {
    const job = this.#jobs.get(id);
    if (job && !isMadeBy(object, id as string as PeerId)) this.#ofObjects.set(ownText(object), job);
  }

  freed(object: ObjectId): void {
    this.#ofObjects.delete(object);
  }

  /** Whether the object belongs to a job that is remembered. */
  isOfJob(object: ObjectId): boolean {
    return this.#jobOf(object) !== undefined;
  }

  mayRead(peer: PeerId, object: ObjectId): boolean {
    if (isMadeBy(object, peer)) return true;
    const job = this.#jobOf(object);
    return job !== undefined && speakerOf(job).members.has(peer);
  }

  /** Whether tasks of that job may have it as an argument. */
  isOpenTo(job: JobId, object: ObjectId): boolean {
    const owner = this.#jobOf(object);
    return owner !== undefined && speakerOf(owner).living.has(job);
  }

  /** For invariants: objects whose job is kept here. */
  objects(): Iterable<ObjectId> {
    return this.#ofObjects.keys();
  }

  jobKeyOf(object: ObjectId): JobKey | undefined {
    return keyOf(this.#jobOf(object), this.#secretOf);
  }

  jobKey(id: JobId): JobKey | undefined {
    return keyOf(this.#jobs.get(id), this.#secretOf);
  }

  #jobOf(object: ObjectId): Job | undefined {
    return this.#ofObjects.get(object) ?? this.#jobs.get(makerOf(object) as string as JobId);
  }
}

/** Looked up once per job: what follows finds it at once. */
function speakerOf(job: Job): Job {
  if (!job.speaker) return job;
  let { speaker } = job;
  while (speaker.speaker) ({ speaker } = speaker);
  job.speaker = speaker;
  return speaker;
}

const sizeOf = ({ members, living, ended }: Job): number => members.size + living.size + ended.size;

function keyOf(
  job: Job | undefined,
  secretOf: (job: JobId) => Uint8Array<ArrayBuffer>,
): JobKey | undefined {
  if (!job) return undefined;
  return (job.jobKey ??= { job: job.id, key: secretOf(job.id) });
}
