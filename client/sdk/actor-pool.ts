import { MeshError } from "../../shared/errors.ts";
import type { Mesh } from "../../shared/driver/mesh.ts";
import type { GetOptions, ObjectRef } from "../../shared/driver/object-ref.ts";

/** Calls one of the pool's actors with one value. */
export type PoolCall<Actor, Value, Result> = (actor: Actor, value: Value) => ObjectRef<Result>;

interface Job<Actor> {
  /** The how-manieth it is. */
  readonly number: number;
  hasEnded: boolean;
  readonly start: (actor: Actor) => ObjectRef;
  readonly started: Promise<ObjectRef>;
  readonly begin: (ref: ObjectRef) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Shares work among actors: each has one call at a time, and the next when that has ended.
 *
 * ```js
 * const pool = new ActorPool(mesh, [Model.create(), Model.create()]);
 * for await (const answer of pool.map((model, x) => model.predict(x), [1, 2, 3])) console.log(answer);
 * ```
 */
export class ActorPool<Actor extends object> {
  readonly #mesh: Mesh;
  readonly #idle: Actor[];
  /** Those whose results nobody has asked for, oldest first. */
  #jobs = new Set<Job<Actor>>();
  #submitted = 0;
  readonly #waiting: Job<Actor>[] = [];
  /** Those of them that have ended, in that order. */
  readonly #ended = new Set<Job<Actor>>();
  #onEnded: (() => void)[] = [];

  constructor(mesh: Mesh, actors: Iterable<Actor>) {
    this.#mesh = mesh;
    this.#idle = [...actors];
  }

  /** The results in the order of the values. */
  async *map<Value, Result>(
    call: PoolCall<Actor, Value, Result>,
    values: Iterable<Value>,
  ): AsyncGenerator<Awaited<Result>, void, undefined> {
    for (const value of values) this.submit(call, value);
    while (this.hasNext()) yield await this.getNext<Awaited<Result>>();
  }

  /** The results as they come. */
  async *mapUnordered<Value, Result>(
    call: PoolCall<Actor, Value, Result>,
    values: Iterable<Value>,
  ): AsyncGenerator<Awaited<Result>, void, undefined> {
    for (const value of values) this.submit(call, value);
    while (this.hasNext()) yield await this.getNextUnordered<Awaited<Result>>();
  }

  /** Call an actor as soon as one is idle. Its result is given by `getNext`, among the others. */
  submit<Value, Result>(call: PoolCall<Actor, Value, Result>, value: Value): void {
    let begin!: (ref: ObjectRef) => void;
    let fail!: (error: unknown) => void;
    const started = new Promise<ObjectRef>((resolve, reject) => {
      begin = resolve;
      fail = reject;
    });
    started.catch(() => undefined);
    const job: Job<Actor> = {
      number: this.#submitted++,
      hasEnded: false,
      start: (actor) => call(actor, value),
      started,
      begin,
      fail,
    };
    this.#jobs.add(job);
    this.#waiting.push(job);
    this.#startWaiting();
  }

  /** Whether a result that nobody has asked for is there or will be. */
  hasNext(): boolean {
    return this.#jobs.size > 0;
  }

  /**
   * The oldest result that was not given yet.
   * @throws MeshError what its call failed with, `TIMEOUT`, or `NOT_FOUND` if nothing was submitted.
   */
  async getNext<Result = unknown>(options: GetOptions = {}): Promise<Result> {
    const [job] = this.#jobs;
    if (!job) throw nothingSubmitted();
    return this.#take(job, deadlineIn(options)) as Promise<Result>;
  }

  /** A result that was not given yet: of those that are there, the one that came first. */
  async getNextUnordered<Result = unknown>(options: GetOptions = {}): Promise<Result> {
    const deadline = deadlineIn(options);
    for (;;) {
      // Others who ask at the same time may have been faster.
      if (this.#jobs.size === 0) throw nothingSubmitted();
      const [job] = this.#ended;
      if (job) return this.#take(job, deadline) as Promise<Result>;
      await this.#whenEnded(deadline);
    }
  }

  /** Whether an actor has nothing to do. */
  hasFree(): boolean {
    return this.#idle.length > 0;
  }

  /** Add an actor. */
  push(actor: Actor): void {
    this.#idle.push(actor);
    this.#startWaiting();
  }

  /** Take an actor out of the pool that has nothing to do, if there is one. */
  popIdle(): Actor | undefined {
    return this.#idle.pop();
  }

  #startWaiting(): void {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      void this.#run(this.#idle.pop()!, this.#waiting.shift()!);
    }
  }

  async #run(actor: Actor, job: Job<Actor>): Promise<void> {
    try {
      const ref = job.start(actor);
      job.begin(ref);
      await this.#mesh.wait([ref]);
    } catch (error) {
      job.fail(error);
    }
    job.hasEnded = true;
    if (this.#jobs.has(job)) this.#ended.add(job);
    this.#wake();
    this.push(actor);
  }

  /** Its result is for one caller alone, unless that one gives up waiting. */
  async #take(job: Job<Actor>, deadline: Deadline): Promise<unknown> {
    this.#jobs.delete(job);
    this.#ended.delete(job);
    try {
      while (this.#waiting.includes(job)) await this.#whenEnded(deadline);
      const leftMs = leftOf(deadline);
      const limit = leftMs === undefined ? {} : { timeoutMs: Math.max(1, leftMs) };
      return await this.#mesh.get(await job.started, limit);
    } catch (error) {
      if (MeshError.is(error) && error.code === "TIMEOUT") this.#putBack(job);
      throw error;
    }
  }

  /** It can be asked for again, in its old turn. */
  #putBack(job: Job<Actor>): void {
    this.#jobs = new Set([...this.#jobs, job].toSorted((a, b) => a.number - b.number));
    if (!job.hasEnded) return;
    this.#ended.add(job);
    this.#wake();
  }

  /** Something may have changed for those who wait. */
  #wake(): void {
    const waiting = this.#onEnded;
    this.#onEnded = [];
    for (const wake of waiting) wake();
  }

  /** Until some call has ended. */
  #whenEnded(deadline: Deadline): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer =
        deadline &&
        setTimeout(() => {
          const message = `none of the pool's calls has ended within ${deadline.timeoutMs} ms`;
          reject(new MeshError("TIMEOUT", message));
        }, leftOf(deadline));
      this.#onEnded.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** When to give up, however often something else happens before. */
type Deadline = { readonly atMs: number; readonly timeoutMs: number } | undefined;

const deadlineIn = ({ timeoutMs }: GetOptions): Deadline =>
  timeoutMs === undefined ? undefined : { atMs: performance.now() + timeoutMs, timeoutMs };

const leftOf = (deadline: Deadline): number | undefined =>
  deadline && Math.max(0, deadline.atMs - performance.now());

const nothingSubmitted = (): MeshError =>
  new MeshError("NOT_FOUND", "the pool has no result to come: submit something first");
