import { MeshError } from "../../shared/errors.ts";
import type { Mesh } from "../../shared/driver/mesh.ts";
import type { GetOptions, ObjectRef } from "../../shared/driver/object-ref.ts";

/** Calls one of the pool's actors with one value. */
export type PoolCall<Actor, Value, Result> = (actor: Actor, value: Value) => ObjectRef<Result>;

interface Job<Actor> {
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
  /** Started or waiting, oldest first. */
  readonly #jobs = new Set<Job<Actor>>();
  readonly #waiting: Job<Actor>[] = [];
  readonly #ended: Job<Actor>[] = [];
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
    const job: Job<Actor> = { start: (actor) => call(actor, value), started, begin, fail };
    this.#jobs.add(job);
    this.#waiting.push(job);
    this.#startWaiting();
  }

  /** Whether a result is there or will be. */
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
    return this.#take(job, options) as Promise<Result>;
  }

  /** A result that was not given yet: of those that are there, the one that came first. */
  async getNextUnordered<Result = unknown>(options: GetOptions = {}): Promise<Result> {
    if (this.#jobs.size === 0) throw nothingSubmitted();
    while (this.#ended.length === 0) await this.#whenEnded(options.timeoutMs);
    return this.#take(this.#ended[0]!, options) as Promise<Result>;
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
    if (this.#jobs.has(job)) this.#ended.push(job);
    const waiting = this.#onEnded;
    this.#onEnded = [];
    for (const wake of waiting) wake();
    this.push(actor);
  }

  async #take(job: Job<Actor>, options: GetOptions): Promise<unknown> {
    const value = await this.#settled(job, options).catch((error: unknown) => {
      // It can be asked for again.
      if (MeshError.is(error) && error.code === "TIMEOUT") throw error;
      this.#drop(job);
      throw error;
    });
    this.#drop(job);
    return value;
  }

  async #settled(job: Job<Actor>, options: GetOptions): Promise<unknown> {
    const { timeoutMs } = options;
    const startedMs = performance.now();
    while (this.#waiting.includes(job)) await this.#whenEnded(timeoutMs);
    const leftMs =
      timeoutMs === undefined
        ? undefined
        : Math.max(1, timeoutMs - (performance.now() - startedMs));
    return this.#mesh.get(await job.started, leftMs === undefined ? {} : { timeoutMs: leftMs });
  }

  #drop(job: Job<Actor>): void {
    this.#jobs.delete(job);
    const at = this.#ended.indexOf(job);
    if (at >= 0) this.#ended.splice(at, 1);
  }

  /** Until some call has ended. */
  #whenEnded(timeoutMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(() => {
              const message = `none of the pool's calls has ended within ${timeoutMs} ms`;
              reject(new MeshError("TIMEOUT", message));
            }, timeoutMs);
      this.#onEnded.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

const nothingSubmitted = (): MeshError =>
  new MeshError("NOT_FOUND", "the pool has no result to come: submit something first");
