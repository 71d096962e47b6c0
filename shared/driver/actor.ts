import type { ActorId } from "../ids.ts";
import type { ActorClassOptions, CallOptions } from "./actor-class-options.ts";
import type { ObjectRef } from "./object-ref.ts";
import type { OrRefs } from "./remote-function.ts";

/** What callers see of an actor: its methods, each giving a ref to its result. */
export type ActorHandle<T> = {
  readonly [K in keyof T as T[K] extends (...args: never[]) => unknown ? K : never]: T[K] extends (
    ...args: infer Args
  ) => infer Result
    ? ActorMethod<Args, Result>
    : never;
} & { readonly [actorId]: ActorId };

/** Calls one method. Gives a ref to its result at once. */
export interface ActorMethod<Args extends readonly unknown[], Result> {
  (...args: OrRefs<Args>): ObjectRef<Awaited<Result>>;
  /** The same method, called otherwise: `counter.add.options({ timeoutMs: 1_000 })(5)`. */
  options(options: CallOptions): (...args: OrRefs<Args>) => ObjectRef<Awaited<Result>>;
}

/** The id of the actor behind a handle: `handle[actorId]`. */
export const actorId: unique symbol = Symbol("manta.actorId");
/** The method names a handle was made with; they travel with it. */
export const actorMethods: unique symbol = Symbol("manta.actorMethods");

/** A class whose instances live on workers. */
export interface ActorClass<Args extends readonly unknown[], T> {
  /** Construct one on some worker. Returns at once; calls wait until it lives. */
  create(...args: OrRefs<Args>): ActorHandle<T>;
  /** The same class with other options; those not named stay as they are. */
  options(options: ActorClassOptions): ActorClass<Args, T>;
}

/** Calls one method of one actor. */
export type CallMethod = (
  actor: ActorId,
  method: string,
  args: readonly unknown[],
  options?: CallOptions,
) => ObjectRef;

/**
 * A handle to a living (or coming) actor. It can be passed to tasks and other actors.
 * @param methods the class's public methods: asking for another one gives `undefined`, so a typing
 *   error fails where it is made and not on a worker.
 */
export function makeActorHandle<T>(
  actor: ActorId,
  methods: readonly string[],
  call: CallMethod,
): ActorHandle<T> {
  const handle: Record<string | symbol, unknown> = { [actorId]: actor, [actorMethods]: methods };
  for (const method of methods) {
    handle[method] = Object.assign((...args: unknown[]) => call(actor, method, args), {
      options:
        (options: CallOptions) =>
        (...args: unknown[]) =>
          call(actor, method, args, options),
    });
  }
  return Object.freeze(handle) as ActorHandle<T>;
}

/** Whether a value is an actor handle, of any mesh. */
export const isActorHandle = (
  value: object,
): value is { [actorId]: ActorId; [actorMethods]: readonly string[] } => actorId in value;
