import { MeshError } from "../errors.ts";
import { CALL_RETRIES_MAX, CONCURRENCY_MAX, type ActorOptions } from "../protocol/actor-options.ts";
import { UNLIMITED } from "../protocol/limits.ts";
import type { ActorName } from "../protocol/messages.ts";
import type { Shipped } from "../packaging/ship-function.ts";
import { expectKnownOptions, shown } from "./option-checks.ts";
import { KNOWN_OF_ACTORS, type CallableOptions } from "./options.ts";

/** How the calls of one method differ from those of others. */
export interface ActorMethodOptions {
  /** Which of the class's `concurrencyGroups` they run in. */
  readonly concurrencyGroup?: string;
  /** As for the actor. */
  readonly retriesMax?: number;
}

/** What an actor needs, and how it is treated. Everything is optional. */
export interface ActorClassOptions extends Omit<
  CallableOptions,
  "timeoutMs" | "retriesMax" | "maxPending" | "replicas" | "name"
> {
  /** Others find the actor by this name: `mesh.getActor(name)`. Unique within its namespace. */
  readonly name?: string;
  /** Where its name is looked for. Default "default", which all drivers of a mesh share. */
  readonly namespace?: string;
  /** If there is an actor of that name already, `create` gives a handle to that one. Default false. */
  readonly getIfExists?: boolean;
  /** A `job` actor ends with its driver; a `detached` one lives until it is killed. Default `job`. */
  readonly lifetime?: "job" | "detached";
  /**
   * How often it is constructed again, on whatever worker can, after its worker vanished or its
   * executor crashed. Default 0; -1 or `Infinity` for always.
   */
  readonly restartsMax?: number;
  /**
   * How often a call is sent again that was under way when the actor was lost: it may then run more
   * than once. Default 0; -1 or `Infinity` for as often as it takes. A method's own value counts
   * before the actor's, and a call's own before both.
   */
  readonly retriesMax?: number;
  /** Take a checkpoint after so many calls. Needs `checkpoint` and `restore`. Default: not so. */
  readonly checkpointEvery?: number;
  /** Calls under way at a time, where methods are asynchronous. They start in order. Default 1. */
  readonly maxConcurrency?: number;
  /** Groups of methods with a limit of their own, such as `{ io: 2 }`. */
  readonly concurrencyGroups?: Readonly<Record<string, number>>;
  /** Per method; also as a static property `methods` of the class. */
  readonly methods?: Readonly<Record<string, ActorMethodOptions>>;
  /** Whether a call waits for those before it that wait for their arguments. Default true. */
  readonly ordered?: boolean;
  /** Unanswered calls that one caller may have; more fail with `QUOTA_EXCEEDED`. Default 100,000. */
  readonly maxPendingCalls?: number;
}

/** How one call differs from others. */
export interface CallOptions {
  /** How often it is sent again if the actor is lost while it is under way. */
  readonly retriesMax?: number;
  /** Fail with `TIMEOUT` after so long without an answer. The call may run nevertheless. */
  readonly timeoutMs?: number;
  /** Run it in this group instead of its method's. */
  readonly concurrencyGroup?: string;
}

const OWN = [
  "name",
  "namespace",
  "getIfExists",
  "lifetime",
  "restartsMax",
  "retriesMax",
  "checkpointEvery",
  "maxConcurrency",
  "concurrencyGroups",
  "methods",
  "ordered",
  "maxPendingCalls",
] as const satisfies (keyof ActorClassOptions)[];

export interface ActorPlan {
  /** The options that tasks have too. */
  readonly common: CallableOptions;
  readonly actor: ActorOptions;
  readonly naming: { readonly named?: ActorName; readonly getIfExists?: boolean };
}

/**
 * The options as the wire carries them.
 * @throws MeshError `INVALID_ARGUMENT` naming the option.
 */
export function toActorPlan(
  constructor: Function,
  shipped: Pick<Shipped, "methods">,
  options: ActorClassOptions,
): ActorPlan {
  expectKnownOptions("mesh.actor()", options, [...new Set([...KNOWN_OF_ACTORS, ...OWN])]);
  const common = Object.fromEntries(
    Object.entries(options).filter(([key]) => !(OWN as readonly string[]).includes(key)),
  );
  const { lifetime = "job", ordered = true, maxConcurrency, checkpointEvery } = options;
  const savesState = ["checkpoint", "restore"].every((name) => shipped.methods.includes(name));
  if (checkpointEvery !== undefined && !savesState) {
    refuse("checkpointEvery", "needs a class with the methods checkpoint() and restore(state)");
  }
  expectOneOf("lifetime", lifetime, ["job", "detached"]);
  const groups = groupsOf(options.concurrencyGroups ?? {});
  const actor: ActorOptions = {
    restartsMax: integer("restartsMax", options.restartsMax ?? 0, [-1, 1_000_000]),
    methods: methodsOf(constructor, shipped.methods, options.methods ?? {}),
  };
  if (options.retriesMax !== undefined) actor.retriesMax = callRetries(options.retriesMax);
  if (savesState) actor.savesState = true;
  if (checkpointEvery !== undefined) {
    actor.checkpointEvery = integer("checkpointEvery", checkpointEvery, [1, 1_000_000]);
  }
  if (lifetime === "detached") actor.isDetached = true;
  if (maxConcurrency !== undefined) {
    actor.maxConcurrency = integer("maxConcurrency", maxConcurrency, [1, CONCURRENCY_MAX]);
  }
  if (groups.length > 0) actor.groups = groups;
  if (!ordered) actor.isUnordered = true;
  if (options.maxPendingCalls !== undefined) {
    actor.maxPendingCalls = integer("maxPendingCalls", options.maxPendingCalls, [1, 100_000]);
  }
  return { common, actor, naming: namingOf(options) };
}

/**
 * Groups may be named by the class before the options give them: this is asked at the end.
 * @throws MeshError `INVALID_ARGUMENT`
 */
export function expectGroups({ methods, groups = [] }: ActorOptions): void {
  for (const { name, group } of methods) {
    if (group === undefined || groups.some((known) => known.name === group)) continue;
    refuse(`methods.${name}.concurrencyGroup`, `is not one of concurrencyGroups: ${group}`);
  }
}

/** @throws MeshError `INVALID_ARGUMENT` */
export function toCallFields(options: CallOptions): {
  retriesMax?: number;
  timeoutMs?: number;
  group?: string;
} {
  expectKnownOptions("a call", options, ["retriesMax", "timeoutMs", "concurrencyGroup"]);
  const { retriesMax, timeoutMs, concurrencyGroup } = options;
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= 31_536_000_000)) {
    refuse("timeoutMs", `must be a positive number of milliseconds, not ${shown(timeoutMs)}`);
  }
  return {
    ...(retriesMax === undefined ? {} : { retriesMax: callRetries(retriesMax) }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(concurrencyGroup === undefined ? {} : { group: concurrencyGroup }),
  };
}

/** @throws MeshError `INVALID_ARGUMENT` */
export function toActorName(name: unknown, namespace: unknown): ActorName {
  return {
    name: title("name", name),
    ...(namespace === undefined ? {} : { namespace: title("namespace", namespace) }),
  };
}

function namingOf({ name, namespace, getIfExists }: ActorClassOptions): ActorPlan["naming"] {
  if (name === undefined) {
    if (namespace !== undefined) refuse("namespace", "says where a name counts: give a name");
    if (getIfExists) refuse("getIfExists", "goes by the name: give one");
    return {};
  }
  return { named: toActorName(name, namespace), ...(getIfExists ? { getIfExists } : {}) };
}

function title(option: string, text: unknown): string {
  const isFine = typeof text === "string" && text.length > 0 && text.length <= 128;
  if (isFine && !text.includes("\n")) return text;
  return refuse(option, "must be a text of 1 to 128 characters in one line");
}

function groupsOf(groups: Readonly<Record<string, number>>): NonNullable<ActorOptions["groups"]> {
  return Object.entries(groups).map(([name, limit]) => ({
    name: name.length > 0 && name.length <= 64 ? name : refuse(name, "is no name of a group"),
    maxConcurrency: integer(`concurrencyGroups.${name}`, limit, [1, CONCURRENCY_MAX]),
  }));
}

/** Those of the class's static property `methods` count, but for what the options say anew. */
function methodsOf(
  constructor: Function,
  names: readonly string[],
  given: Readonly<Record<string, ActorMethodOptions>>,
): ActorOptions["methods"] {
  const ofClass = (constructor as { methods?: unknown }).methods;
  const all: Record<string, ActorMethodOptions> =
    typeof ofClass === "object" ? { ...(ofClass as Record<string, ActorMethodOptions>) } : {};
  for (const [name, options] of Object.entries(given)) all[name] = { ...all[name], ...options };
  const stray = Object.keys(all).find((name) => !names.includes(name));
  if (stray) refuse(`methods.${stray}`, `is no method of the class; it has ${names.join(", ")}`);
  return names.map((name) => {
    const { concurrencyGroup: group, retriesMax } = all[name] ?? {};
    return {
      name,
      ...(group === undefined ? {} : { group }),
      ...(retriesMax === undefined ? {} : { retriesMax: callRetries(retriesMax) }),
    };
  });
}

const callRetries = (retriesMax: number): number =>
  integer("retriesMax", retriesMax, [-1, CALL_RETRIES_MAX]);

function integer(option: string, value: number, [min, max]: readonly [number, number]): number {
  if (min < 0 && value === Number.POSITIVE_INFINITY) return UNLIMITED;
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(option, `must be an integer from ${min} to ${max}, not ${shown(value)}`);
}

function expectOneOf(option: string, value: unknown, known: readonly string[]): void {
  if (typeof value === "string" && known.includes(value)) return;
  refuse(option, `must be one of ${known.join(", ")}, not ${String(value)}`);
}

function refuse(option: string, why: string): never {
  throw new MeshError("INVALID_ARGUMENT", `option ${option} ${why}`, { option });
}
