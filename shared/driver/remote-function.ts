import type { CallableOptions } from "./options.ts";
import type { ObjectRef } from "./object-ref.ts";

/** An argument: the value, or a ref to it. */
export type OrRef<T> = T | ObjectRef<T>;

export type OrRefs<Args extends readonly unknown[]> = {
  [Index in keyof Args]: OrRef<Args[Index]>;
};

/**
 * A function that runs on some worker. Calling it submits a task and gives a ref to its result at
 * once. Refs among the arguments are replaced by their values where the task runs; refs deeper
 * inside arrive as refs.
 */
export interface RemoteFunction<Args extends readonly unknown[], Result> {
  (...args: OrRefs<Args>): ObjectRef<Awaited<Result>>;
  /** The same function with other options; those not named stay as they are. */
  options(options: CallableOptions): RemoteFunction<Args, Result>;
}
