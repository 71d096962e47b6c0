import { MeshError } from "../../shared/errors.ts";
import type { ActorHandle } from "../../shared/driver/actor.ts";
import type { ActorClassOptions } from "../../shared/driver/actor-class-options.ts";
import type { Mesh } from "../../shared/driver/mesh.ts";

export interface QueueOptions {
  /** Items that it holds at most; who puts more waits. Default 0: no limit. */
  readonly maxSize?: number;
  /** Of its actor, such as `{ name: "work", lifetime: "detached" }`. */
  readonly actor?: ActorClassOptions;
}

export interface QueueWaitOptions {
  /** Give up after so long. Default: wait. */
  readonly timeoutMs?: number;
}

/** Who may wait at a time, in `put` and `get` together. */
const WAITING_MAX = 10_000;

/** Where the items are. Its methods wait inside the actor, so nobody has to ask again and again. */
class QueueActor {
  items: unknown[] = [];
  getters: ((item: { item: unknown } | undefined) => void)[] = [];
  putters: { item: unknown; settle: (isPut: boolean) => void }[] = [];
  maxSize: number;

  constructor(maxSize: number) {
    this.maxSize = maxSize;
  }

  put(item: unknown, timeoutMs: number | undefined): boolean | Promise<boolean> {
    if (this.putAll([item])) return true;
    return new Promise((resolve) => {
      const putter = { item, settle: resolve };
      this.putters.push(putter);
      if (timeoutMs === undefined) return;
      setTimeout(() => {
        const at = this.putters.indexOf(putter);
        if (at < 0) return;
        this.putters.splice(at, 1);
        resolve(false);
      }, timeoutMs);
    });
  }

  get(timeoutMs: number | undefined): { item: unknown } | undefined | Promise<unknown> {
    const [taken] = this.takeSome(1);
    if (taken) return taken;
    return new Promise((resolve) => {
      this.getters.push(resolve);
      if (timeoutMs === undefined) return;
      setTimeout(() => {
        const at = this.getters.indexOf(resolve);
        if (at < 0) return;
        this.getters.splice(at, 1);
        resolve(undefined);
      }, timeoutMs);
    });
  }

  /** All of them or none. */
  putAll(items: unknown[]): boolean {
    const room = this.maxSize === 0 ? Infinity : this.maxSize - this.items.length;
    if (items.length > room + this.getters.length || this.putters.length > 0) return false;
    for (const item of items) {
      const getter = this.getters.shift();
      if (getter) getter({ item });
      else this.items.push(item);
    }
    return true;
  }

  /** At most so many. */
  takeSome(count: number): { item: unknown }[] {
    const taken = this.items.splice(0, count).map((item) => ({ item }));
    while (this.putters.length > 0 && (this.maxSize === 0 || this.items.length < this.maxSize)) {
      const { item, settle } = this.putters.shift()!;
      this.items.push(item);
      settle(true);
    }
    return taken;
  }

  size(): number {
    return this.items.length;
  }
}

/**
 * A first-in first-out queue that many drivers and tasks share: an actor holds the items.
 *
 * ```js
 * const queue = new Queue(mesh, { maxSize: 100 });
 * await queue.put("a");
 * console.log(await queue.get({ timeoutMs: 1_000 }));
 * ```
 */
export class Queue<T = unknown> {
  /** Its actor: hand it to others, who make it a queue again with `Queue.of`. */
  readonly actor: ActorHandle<QueueActor>;
  readonly #mesh: Mesh;

  constructor(mesh: Mesh, options: QueueOptions = {}, actor?: ActorHandle<QueueActor>) {
    const { maxSize = 0 } = options;
    if (!Number.isInteger(maxSize) || maxSize < 0) {
      throw new MeshError("INVALID_ARGUMENT", `maxSize must be 0 or more, not ${maxSize}`);
    }
    this.#mesh = mesh;
    const treatment = { maxConcurrency: WAITING_MAX, ...options.actor };
    this.actor = actor ?? mesh.actor(QueueActor, treatment).create(maxSize);
  }

  /** The queue behind an actor that another made: `Queue.of(mesh, await mesh.getActor("work"))`. */
  static of<T>(mesh: Mesh, actor: object): Queue<T> {
    return new Queue<T>(mesh, {}, actor as ActorHandle<QueueActor>);
  }

  /**
   * Add an item, when there is room.
   * @throws MeshError `TIMEOUT` if there was none in time.
   */
  async put(item: T, { timeoutMs }: QueueWaitOptions = {}): Promise<void> {
    if (await this.#mesh.get(this.actor.put(item, timeoutMs))) return;
    throw new MeshError("TIMEOUT", `the queue was full for ${timeoutMs} ms`);
  }

  /**
   * Take the oldest item, when there is one.
   * @throws MeshError `TIMEOUT` if there was none in time.
   */
  async get({ timeoutMs }: QueueWaitOptions = {}): Promise<T> {
    const taken = (await this.#mesh.get(this.actor.get(timeoutMs))) as { item: T } | undefined;
    if (taken) return taken.item;
    throw new MeshError("TIMEOUT", `the queue was empty for ${timeoutMs} ms`);
  }

  /** @throws MeshError `QUEUE_FULL` if there is no room now. */
  putNowait(item: T): Promise<void> {
    return this.putNowaitBatch([item]);
  }

  /** @throws MeshError `QUEUE_EMPTY` if there is no item now. */
  async getNowait(): Promise<T> {
    const [item] = await this.getNowaitBatch(1);
    return item as T;
  }

  /**
   * Add all of these or none.
   * @throws MeshError `QUEUE_FULL` if there is no room for all of them now.
   */
  async putNowaitBatch(items: readonly T[]): Promise<void> {
    if (await this.#mesh.get(this.actor.putAll([...items]))) return;
    throw new MeshError("QUEUE_FULL", `the queue has no room for ${items.length} more`);
  }

  /**
   * Take so many of the oldest, or fewer if there are fewer.
   * @throws MeshError `QUEUE_EMPTY` if there is none now.
   */
  async getNowaitBatch(countMax: number): Promise<T[]> {
    const taken = await this.#mesh.get(this.actor.takeSome(countMax));
    if (taken.length > 0) return taken.map(({ item }) => item as T);
    throw new MeshError("QUEUE_EMPTY", "the queue is empty");
  }

  /** How many items it holds. */
  size(): Promise<number> {
    return this.#mesh.get(this.actor.size());
  }

  /** End it, and with it the items that it holds. Who waits gets `ACTOR_DIED`. */
  shutdown(): void {
    this.#mesh.kill(this.actor);
  }
}
