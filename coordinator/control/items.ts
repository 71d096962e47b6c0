import { MeshError } from "../../shared/errors.ts";
import {
  itemNumberOf,
  itemOf,
  type JobId,
  type ObjectId,
  type PeerId,
  type TaskId,
} from "../../shared/ids.ts";
import type { ItemOrder } from "../../shared/protocol/item-messages.ts";
import type { Define, TaskItem } from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { DirectoryEvent, DirectoryState } from "../directory/types.ts";
import type { SchedulerEvent, SchedulerState } from "../scheduler/types.ts";
import type { JobCircles } from "./job-circles.ts";
import { sealedFrom } from "./object-state.ts";
import type { Sharing } from "./sharing.ts";
import type { Untimed } from "./task-messages.ts";
import type { ControlPorts } from "./types.ts";

/** A task under way that gives several objects. */
export interface ItemSource {
  readonly task: TaskId;
  /** Who submitted it, and reads its items if it is a stream. */
  readonly reader: PeerId | undefined;
  /** Of a stream that was not read to its end before: so many items may be unread. */
  readonly maxAhead: number | undefined;
  /** Kept copies of each. */
  readonly replicas: number;
  /** Items of the stream that were made, and that its reader has taken. */
  made: number;
  taken: number;
  /** The latest attempt that was told where to begin. */
  orderedAttempt: number;
  /** Items that are to be made and are known already: promised, or lost after they were made. */
  readonly awaited: Map<ObjectId, "promised" | "lost">;
  /** Items that only peers have: the task may have to run again for them. */
  readonly stored: Set<ObjectId>;
  /** Copies that former attempts left where the present one may make the same: looked at when it ends. */
  readonly strays: { readonly worker: PeerId; readonly object: ObjectId }[];
}

interface ItemsPlane {
  readonly scheduler: SchedulerState;
  readonly directory: DirectoryState;
  readonly sharing: Sharing;
  readonly circles: JobCircles;
}

/** Feed the two state machines. */
interface Machines {
  direct(event: DirectoryEvent): void;
  schedule(event: Untimed<SchedulerEvent>): void;
}

/** From where a task makes items that nobody wants again. */
const BEYOND_ALL = 2 ** 40;

/**
 * The objects of tasks that give several: streams, whose items become known as they are made, and
 * tasks that return a fixed number, whose items are promised when they are submitted.
 *
 *   I1. An item counts if the attempt counts that made it, and it is the next one of a stream or one
 *       that is awaited. So each index is made known once, in order, however often the task runs.
 *   I2. A stream makes at most `maxAhead` items that its reader has not taken. Who is told of one
 *       holds it, so what was made and not read is freed with its reader.
 *   I3. When nobody refers to the result of a stream, nobody reads it: it is cancelled.
 *   I4. A task that is run again begins with the first item that is awaited or new.
 *   I5. What is still awaited when the task ends never comes.
 */
export class Items {
  readonly sources = new Map<TaskId, ItemSource>();
  readonly #plane: ItemsPlane;
  readonly #ports: ControlPorts;
  readonly #machines: Machines;

  constructor(plane: ItemsPlane, ports: ControlPorts, machines: Machines) {
    this.#plane = plane;
    this.#ports = ports;
    this.#machines = machines;
  }

  /** A task was submitted. */
  begin(task: TaskId, reader: PeerId, define: Define, job: JobId): void {
    const { stream, returns = 0, replicas = 1 } = define;
    if (!stream && returns === 0) return;
    const source = sourceOf(task, { reader, maxAhead: stream?.maxAhead, replicas });
    this.sources.set(task, source);
    for (let index = 0; index < returns; index++) {
      const object = itemOf(task, index);
      source.awaited.set(object, "promised");
      this.#plane.circles.made(object, job);
      const promised = { object, holder: reader, by: undefined, isAwaited: true };
      this.#machines.direct({ type: "object-promised", ...promised });
    }
  }

  /** It is to run again, for an item that was lost. */
  awaitAgain(task: TaskId, item: ObjectId, replicas = 1): void {
    const about = { reader: undefined, maxAhead: undefined, replicas };
    const source = this.sources.get(task) ?? sourceOf(task, about);
    this.sources.set(task, source);
    source.awaited.set(item, "lost");
  }

  /** What an attempt is to begin with. */
  orderOf(task: TaskId, attempt: number): ItemOrder | undefined {
    const source = this.sources.get(task);
    if (!source) return undefined;
    source.orderedAttempt = attempt;
    let from = source.maxAhead === undefined ? BEYOND_ALL : source.made;
    for (const object of source.awaited.keys()) {
      if (this.#plane.directory.objects.get(object)?.phase !== "pending") continue;
      from = Math.min(from, itemNumberOf(object)!.index);
    }
    return source.maxAhead === undefined ? { from } : { from, taken: source.taken };
  }

  /** @throws MeshError `PROTOCOL_VIOLATION` if the worker runs ahead. */
  made(worker: PeerId, item: TaskItem): void {
    const { task, attempt, index } = item;
    const { directory, scheduler, sharing } = this.#plane;
    const source = this.sources.get(task);
    const scheduled = scheduler.tasks.get(task);
    const object = itemOf(source?.task ?? task, index);
    const counts = scheduled?.worker?.id === worker && scheduled.attempt === attempt;
    const isStream = counts && source?.maxAhead !== undefined;
    const isNext = isStream && index === source.made;
    if (isStream && index >= Math.min(source.made + 1, source.taken + source.maxAhead)) {
      const text = `${worker} gives item ${index} of ${task}, of which ${source.made} are made and ${source.taken} are taken`;
      throw new MeshError("PROTOCOL_VIOLATION", text);
    }
    const isAwaited = counts && source?.awaited.has(object);
    const before = directory.objects.get(object);
    if (!source || !(isNext || (isAwaited && before?.phase === "pending"))) {
      if (item.inline || before?.locations.includes(worker)) return;
      if (source && !counts && scheduled?.worker?.id === worker) {
        return void source.strays.push({ worker, object });
      }
      return this.#free(worker, object);
    }
    source.awaited.delete(object);
    if (!item.inline) source.stored.add(object);
    const value = sealedFrom(item, worker, worker, item.inline ? 1 : source.replicas);
    const { reader } = source;
    const holder = isNext ? reader : undefined;
    if (isNext) this.#plane.circles.made(object, scheduled.group.job);
    this.#machines.direct({ type: "object-sealed", object, value, holder });
    if (!isNext || !reader) return;
    source.made += 1;
    const state = sharing.stateOf(directory.objects.get(object)!);
    const valueBytes = item.inline?.byteLength ?? 0;
    this.#ports.send(reader, { type: "item-made", task, index, state, worker }, valueBytes);
  }

  /** The reader of a stream has taken more of it. */
  taken(from: PeerId, { task, taken }: { readonly task: TaskId; readonly taken: number }): void {
    const source = this.sources.get(task);
    if (source?.reader !== from || taken <= source.taken) return;
    source.taken = Math.min(taken, source.made);
    const scheduled = this.#plane.scheduler.tasks.get(task);
    if (!scheduled?.worker || scheduled.attempt !== source.orderedAttempt) return;
    const { attempt, worker } = scheduled;
    const wanted = { type: "items-wanted", task, attempt, taken: source.taken } as const;
    this.#ports.send(worker.id, wanted, 0);
  }

  /** Whether a stream waits for its reader, and since which item. */
  pauseOf(task: TaskId): { readonly made: number; readonly taken: number } | undefined {
    const source = this.sources.get(task);
    if (source?.maxAhead === undefined || source.made < source.taken + source.maxAhead) return;
    const { made, taken } = source;
    return { made, taken };
  }

  /** Nobody refers to an object that is not made yet. */
  unheld(object: ObjectId): void {
    const task = object as string as TaskId;
    if (this.sources.get(task)?.maxAhead === undefined) return;
    this.#cancel(task, "nobody reads its stream any more");
  }

  /** What a peer has, if that may matter when it leaves. */
  copiesOn(peer: PeerId): readonly ObjectId[] {
    return this.sources.size === 0 ? [] : [...(this.#plane.directory.storedBy.get(peer) ?? [])];
  }

  /**
   * A reader that is gone takes nothing more.
   * @param copies what the peer had: what was lost with it is made by the attempts that come now.
   */
  peerLeft(peer: PeerId, copies: readonly ObjectId[]): void {
    for (const { task, reader, maxAhead } of this.sources.values()) {
      if (reader === peer && maxAhead) this.#cancel(task, "the reader of its stream has left");
    }
    for (const object of copies) {
      const task = itemNumberOf(object)?.task;
      const source = task && this.sources.get(task);
      if (source && this.#mayStillBeMade(source)) this.#awaitIfLost(source, object);
    }
  }

  /**
   * The last copy of an item went while its task runs. If the attempt has passed it, another one
   * takes its place: the reader may wait for this very item, and the task for its reader.
   *
   * @returns whether the task is under way.
   */
  lost(object: ObjectId, why: string): boolean {
    const task = itemNumberOf(object)?.task;
    const source = task && this.sources.get(task);
    if (!source) return false;
    if (source.awaited.has(object)) return true;
    const mayStillBeMade = this.#mayStillBeMade(source);
    this.#awaitIfLost(source, object);
    if (mayStillBeMade) return true;
    const { worker, attempt } = this.#plane.scheduler.tasks.get(task)!;
    const again = { why: `item ${object} was lost when ${why}`, missing: [] };
    this.#ports.send(worker!.id, { type: "cancel-run", task, attempt, isGraceful: true }, 0);
    this.#machines.schedule({ type: "task-returned", worker: worker!.id, task, attempt, ...again });
    return true;
  }

  freed(object: ObjectId): void {
    if (this.sources.size === 0) return;
    const task = itemNumberOf(object)?.task;
    const source = task && this.sources.get(task);
    source?.awaited.delete(object);
    source?.stored.delete(object);
  }

  /** The task has come to its end. @returns the items that only peers have. */
  ended(task: TaskId, error?: WireError): ReadonlySet<ObjectId> | undefined {
    if (this.sources.size === 0) return undefined;
    const source = this.sources.get(task);
    if (!this.sources.delete(task) || !source) return undefined;
    for (const [object, state] of source.awaited) {
      const why = error && state === "promised" ? error : neverMade(object, task, error);
      this.#machines.direct({ type: "object-failed", object, error: why, holder: undefined });
    }
    for (const { worker, object } of source.strays) {
      const locations = this.#plane.directory.objects.get(object)?.locations;
      if (!locations?.includes(worker)) this.#free(worker, object);
    }
    return source.stored;
  }

  #free(worker: PeerId, object: ObjectId): void {
    this.#ports.send(worker, { type: "free-objects", objects: [object] }, 0);
  }

  /** With what it has submitted. */
  #cancel(task: TaskId, why: string): void {
    this.#machines.schedule({ type: "task-cancelled", task, why, isRecursive: true });
  }

  /** The attempt that comes next was not told yet where to begin. */
  #mayStillBeMade({ task, orderedAttempt }: ItemSource): boolean {
    const scheduled = this.#plane.scheduler.tasks.get(task);
    return !scheduled?.worker || scheduled.attempt > orderedAttempt;
  }

  #awaitIfLost(source: ItemSource, object: ObjectId): void {
    const isLost = this.#plane.directory.objects.get(object)?.phase === "pending";
    if (isLost) source.awaited.set(object, "lost");
  }
}

const neverMade = (object: ObjectId, task: TaskId, error?: WireError): WireError => ({
  code: "OBJECT_LOST",
  message: error
    ? `object ${object} is lost: its last copy went, and its task, ${task}, failed when it was to make it again: ${error.message}`
    : `object ${object} is lost or was never made: its task, ${task}, ended without making it`,
  details: { object, task },
});

const sourceOf = (
  task: TaskId,
  about: Pick<ItemSource, "reader" | "maxAhead" | "replicas">,
): ItemSource => ({
  task,
  ...about,
  made: 0,
  taken: 0,
  orderedAttempt: -1,
  awaited: new Map(),
  stored: new Set(),
  strays: [],
});
