import { MeshError } from "../errors.ts";
import { builtInOption } from "../protocol/built-in-resources.ts";
import { AHEAD_MAX, REPLICAS_MAX, RETURNS_MAX, UNLIMITED } from "../protocol/limits.ts";
import type { Define } from "../protocol/messages.ts";
import { PENDING_MAX } from "./backlog.ts";
import type { Demands } from "../protocol/schema.ts";
import { expectKnownOptions, shown } from "./option-checks.ts";
import { toWhere, type WhereOptions } from "./where-options.ts";

/** Amounts that are reserved. Everything is optional. */
export interface ResourceOptions {
  /** CPUs reserved while it runs, in thousandths at the finest. Default 1 for tasks, 0 for actors. */
  readonly cpus?: number;
  /** WebGPU adapters reserved. Default 0. */
  readonly gpus?: number;
  /** Bytes of memory reserved. Default 0. */
  readonly memory?: number;
  /** Amounts of custom resources that workers offer. */
  readonly resources?: Readonly<Record<string, number>>;
}

/** What a task or actor needs, and how it is treated. Everything is optional. */
export interface CallableOptions extends ResourceOptions, WhereOptions {
  /** Failures survived: lost workers, and what your code throws if `retryOn` says so; -1 or `Infinity` for any number. Default 3. */
  readonly retriesMax?: number;
  /**
   * What your code throws that is tried again, within `retriesMax`, after a pause that grows from 100 ms
   * to 5 s: `true` for anything; names of error classes or codes; or a function that is given what was
   * thrown and says `true`. It runs where your code ran, and must stand on its own like that. Default: nothing.
   */
  // oxlint-disable-next-line typescript/no-explicit-any -- its author knows what is thrown
  readonly retryOn?: boolean | string | readonly string[] | ((thrown: any) => boolean);
  /** Stop an attempt that runs longer than this and fail with `TASK_TIMEOUT`. */
  readonly timeoutMs?: number;
  /** Higher goes first, among the tasks of this driver. An integer from -1000 to 1000. Default 0. */
  readonly priority?: number;
  /**
   * When a task takes far longer than others of its kind and a worker is idle, start it there as well;
   * the first answer counts and the other attempt is stopped. Say so only of functions that may run twice
   * at a time. Default false: nothing but failures makes a task run more than once.
   */
  readonly speculate?: boolean;
  /** Copies of each large result that the mesh keeps, on different workers. Default 1. */
  readonly replicas?: number;
  /**
   * Tasks of this function that may be submitted and not answered; more fail with `QUOTA_EXCEEDED`, and
   * `await f.ready()` waits for room. Counts for this driver, or this task. Default: 2,000,000, of all
   * functions together.
   */
  readonly maxPending?: number;
  /**
   * It returns an array of exactly so many values, and a call gives a ref for each of them, as each
   * becomes an object of its own. From 1 to 1,024. Default: one ref, for whatever it returns.
   */
  readonly returns?: number;
  /**
   * Generators only: how many items may be unread before it pauses. From 1 to 65,536, default 32.
   * A paused generator keeps what it reserves.
   */
  readonly maxAhead?: number;
  /** For people: in explanations, errors and the dashboard. Default: the function's name. */
  readonly name?: string;
}

/** How a value is put into the mesh. */
export interface PutOptions {
  /** Copies of a large value that the mesh keeps, the first one counted. 1 to 16, default 1. */
  readonly replicas?: number;
}

const MILLI = 1000;
const KNOWN: readonly (keyof CallableOptions)[] = [
  "cpus",
  "gpus",
  "memory",
  "resources",
  "labels",
  "fallback",
  "strategy",
  "retriesMax",
  "retryOn",
  "timeoutMs",
  "maxPending",
  "priority",
  "replicas",
  "speculate",
  "returns",
  "maxAhead",
  "name",
];
/** Those that actors have too, besides their own. */
export const KNOWN_OF_ACTORS = KNOWN.filter(
  (option) =>
    !["timeoutMs", "replicas", "speculate", "maxPending", "returns", "maxAhead"].includes(option),
);

type Constraints = Omit<Define, "type" | "callable" | "kind" | "source" | "retryOn">;

/**
 * The options as the wire carries them: amounts in integer thousandths.
 * @throws MeshError `INVALID_ARGUMENT` naming the option.
 */
export function toConstraints(
  kind: Define["kind"],
  defaultName: string,
  options: CallableOptions,
): Constraints {
  if (kind === "function") expectKnownOptions("mesh.remote()", options, KNOWN);
  const { name = defaultName, retriesMax = 3, priority = 0, replicas, timeoutMs } = options;
  const { speculate } = options;
  if (typeof name !== "string") refuse("name", `must be a text, not ${shown(name)}`);
  expectInteger("priority", priority, -1_000, 1_000);
  if (replicas !== undefined) expectReplicas(replicas);
  if (timeoutMs !== undefined && !isWithin(timeoutMs, 0.001, 31_536_000_000)) {
    refuse("timeoutMs", `must be a positive number of milliseconds, not ${shown(timeoutMs)}`);
  }
  if (speculate !== undefined && typeof speculate !== "boolean") {
    refuse("speculate", `must be true or false, not ${shown(speculate)}`);
  }
  return {
    name: name.slice(0, 256) || "anonymous",
    demands: toDemands(options, kind === "function" ? 1 : 0),
    retriesMax: retries(retriesMax),
    priority,
    ...(replicas === undefined ? {} : { replicas }),
    ...(speculate ? { speculate } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...toWhere(options),
  };
}

/**
 * In integer thousandths.
 * @throws MeshError `INVALID_ARGUMENT` naming the option.
 */
export const toDemands = (
  { cpus, gpus = 0, memory = 0, resources }: ResourceOptions,
  cpusDefault: number,
): Demands => ({
  cpuMilli: milli("cpus", cpus ?? cpusDefault),
  gpuMilli: milli("gpus", gpus),
  memoryBytes: expectInteger("memory", memory, 0, Number.MAX_SAFE_INTEGER),
  ...(resources ? { custom: customDemands(resources) } : {}),
});

/** How many unread items a generator may be ahead, unless its options say. */
const AHEAD_DEFAULT = 32;

/**
 * How many objects a call gives.
 * @throws MeshError `INVALID_ARGUMENT` naming the option.
 */
export function toItems(
  isGenerator: boolean,
  { returns, maxAhead, speculate }: CallableOptions,
): Pick<Define, "stream" | "returns"> {
  if (speculate && (isGenerator || returns !== undefined)) {
    refuse("speculate", "is for functions that give one result");
  }
  if (isGenerator) {
    if (returns !== undefined) refuse("returns", "is for functions; this is a generator");
    expectInteger("maxAhead", maxAhead ?? AHEAD_DEFAULT, 1, AHEAD_MAX);
    return { stream: { maxAhead: maxAhead ?? AHEAD_DEFAULT } };
  }
  if (maxAhead !== undefined) refuse("maxAhead", "is for generators; this is a function");
  if (returns === undefined) return {};
  return { returns: expectInteger("returns", returns, 1, RETURNS_MAX) };
}

/** @throws MeshError `INVALID_ARGUMENT` */
export const expectMaxPending = (maxPending: number): number =>
  expectInteger("maxPending", maxPending, 1, PENDING_MAX);

/** @throws MeshError `INVALID_ARGUMENT` */
export const expectReplicas = (replicas: number): number =>
  expectInteger("replicas", replicas, 1, REPLICAS_MAX);

const retries = (retriesMax: number): number =>
  retriesMax === Number.POSITIVE_INFINITY
    ? UNLIMITED
    : expectInteger("retriesMax", retriesMax, UNLIMITED, 1_000);

function customDemands(resources: Readonly<Record<string, number>>): Record<string, number> {
  if (typeof resources !== "object" || resources === null) {
    refuse("resources", `must be an object such as { licence: 1 }, not ${shown(resources)}`);
  }
  const amounts = Object.entries(resources).map(([name, amount]) => {
    const option = builtInOption(name);
    if (option) refuse(`resources.${name}`, `is no custom resource: use the option ${option}`);
    return [name, milli(`resources.${name}`, amount)];
  });
  return Object.fromEntries(amounts) as Record<string, number>;
}

function milli(option: string, amount: number): number {
  if (!isWithin(amount, 0, 1_000_000)) {
    refuse(option, `must be a number of 0 or more, not ${shown(amount)}`);
  }
  const thousandths = Math.round(amount * MILLI);
  if (amount > 0 && thousandths === 0) refuse(option, `must be at least 0.001, not ${amount}`);
  return thousandths;
}

const isWithin = (value: unknown, min: number, max: number): boolean =>
  typeof value === "number" && value >= min && value <= max;

function expectInteger(option: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(option, `must be an integer from ${min} to ${max}, not ${shown(value)}`);
}

function refuse(option: string, why: string): never {
  throw new MeshError("INVALID_ARGUMENT", `option ${option} ${why}`, { option });
}
