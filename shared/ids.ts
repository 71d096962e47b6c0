/** Nominal ids: a `TaskId` can never be passed where a `PeerId` is wanted. */
declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** A connected worker or driver. Chosen by the coordinator, such as `n4k2x9q1` or `b7d0m3za`. */
export type PeerId = Id<"PeerId">;
/**
 * `<submitter's PeerId>.<counter>`: unique without asking anyone, and it names who made it. Executors
 * of one worker count each for itself: `<worker's PeerId>.<executor>x<counter>`. Counters are in
 * base 32, so that `x` cannot be in one.
 */
export type TaskId = Id<"TaskId">;
export type ObjectId = Id<"ObjectId">;
export type ActorId = Id<"ActorId">;
/** A function or class with its options, as one driver defined it. */
export type CallableId = Id<"CallableId">;
/** A link between two peers, as the one that opened it calls it. */
export type LinkName = Id<"LinkName">;
/** Bundles of resources that are reserved together. An object of the same id says that they are. */
export type GroupId = Id<"GroupId">;
/** Everything one driver submitted; named after that driver. */
export type JobId = Id<"JobId">;

/** The object that holds what a task returns has the task's own id. */
export const resultOf = (task: TaskId): ObjectId => task as string as ObjectId;

/**
 * An object of a task that gives several: `<task>y<index>`. It bears the task's name, so whoever may
 * make the one may make the other. Counters are in base 32, so `y` is in none.
 */
export const itemOf = (task: TaskId, index: number): ObjectId =>
  `${task}y${index.toString(32)}` as ObjectId;

/** The task that makes an item, and which of its items it is. */
export function itemNumberOf(
  object: ObjectId,
): { readonly task: TaskId; readonly index: number } | undefined {
  const at = object.lastIndexOf("y");
  if (at < 0 || at < object.indexOf(".")) return undefined;
  const index = Number.parseInt(object.slice(at + 1), 32);
  return { task: object.slice(0, at) as TaskId, index };
}

/** The task that an object comes from, if a task made it: its result, or one of its items. */
export const sourceOf = (object: ObjectId): TaskId =>
  itemNumberOf(object)?.task ?? (object as string as TaskId);

/** What all ids begin with that are made by this executor of a worker. */
export const executorPrefix = (worker: PeerId, executor: number): string =>
  `${worker}.${executor}x`;

/** Makes the ids of one peer, or of one executor. */
export class IdSequence {
  readonly #prefix: string;
  #next = 0;

  constructor(peer: PeerId, prefix = `${peer}.`) {
    this.#prefix = prefix;
  }

  next<T extends TaskId | ObjectId | ActorId | CallableId | GroupId | LinkName>(): T {
    return (this.#prefix + (this.#next++).toString(32)) as T;
  }
}

/** Whether `peer` may create `id`: every peer makes ids under its own name only. */
export const isMadeBy = (id: string, peer: PeerId): boolean =>
  id.length > peer.length && id.startsWith(peer) && id[peer.length] === ".";

/** The peer that made `id`. */
export const makerOf = (id: string): PeerId => id.slice(0, id.indexOf(".")) as PeerId;

/**
 * Whether what a peer sends is believed without a look: Node processes are started by whoever runs
 * the mesh, a tab may be anybody's. The coordinator chooses ids so that they tell.
 */
export const isTrusted = (peer: PeerId): boolean => peer.startsWith("n");
