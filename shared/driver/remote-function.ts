import type { CallableOptions } from "./options.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { ObjectStream } from "./object-stream.ts";

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
  options<const N extends number>(
    options: CallableOptions & { readonly returns: N },
  ): RemoteTuple<Args, Result, N>;
  options(options: CallableOptions): RemoteFunction<Args, Result>;
  /**
   * Resolves when it may be called once more: fewer of its tasks than `maxPending` were not answered.
   * @throws MeshError why the connection ended, if it did.
   * @example
   * for (const file of files) {
   *   await convert.ready();
   *   refs.push(convert(file));
   * }
   */
  ready(): Promise<void>;
}

/** A generator that runs on some worker. Calling it gives the stream of what it yields at once. */
export interface RemoteGenerator<Args extends readonly unknown[], Item> {
  (...args: OrRefs<Args>): ObjectStream<Awaited<Item>>;
  /** The same generator with other options; those not named stay as they are. */
  options(options: CallableOptions): RemoteGenerator<Args, Item>;
}

/** A function that returns an array of `N` values, each of which becomes an object of its own. */
export interface RemoteTuple<Args extends readonly unknown[], Result, N extends number> {
  (...args: OrRefs<Args>): RefsOf<Awaited<Result>, N>;
  /** The same function with other options; those not named stay as they are. */
  options<const M extends number>(
    options: CallableOptions & { readonly returns: M },
  ): RemoteTuple<Args, Result, M>;
  options(options: CallableOptions): RemoteTuple<Args, Result, N>;
}

/** What `mesh.remote` makes of a function: generators give streams. */
export type Remote<Args extends readonly unknown[], Result> =
  IsAnyOrNever<Result> extends true
    ? RemoteFunction<Args, Result>
    : [Result] extends [AsyncGenerator<infer Item, unknown> | Generator<infer Item, unknown>]
      ? RemoteGenerator<Args, Item>
      : RemoteFunction<Args, Result>;

type IsAnyOrNever<T> = 0 extends 1 & T ? true : [T] extends [never] ? true : false;

/** A ref for each of `N` values: of a tuple each of its own type, of an array all of the same. */
export type RefsOf<Result, N extends number> = Result extends readonly unknown[]
  ? number extends Result["length"]
    ? Times<ObjectRef<Result[number]>, N>
    : { -readonly [Index in keyof Result]: ObjectRef<Result[Index]> }
  : Times<ObjectRef, N>;

type Times<T, N extends number, Sofar extends T[] = []> = number extends N
  ? T[]
  : Sofar["length"] extends N
    ? Sofar
    : Sofar["length"] extends 64
      ? T[]
      : Times<T, N, [...Sofar, T]>;
