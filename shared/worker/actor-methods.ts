import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ActorId } from "../ids.ts";
import type { UserFunction } from "./executor-callables.ts";

/** Own methods (arrow functions in fields) and those of the class; nothing of `Object`'s. */
export function methodOf(
  instance: Record<string, unknown>,
  name: string,
): UserFunction | undefined {
  if (name === "constructor" || (name in Object.prototype && !methodsOf(instance).includes(name))) {
    return undefined;
  }
  const method = instance[name];
  return typeof method === "function" ? (method as UserFunction) : undefined;
}

function methodsOf(instance: object): string[] {
  const names = new Set<string>();
  for (
    let owner: object | null = instance;
    owner !== null && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner) as object | null
  ) {
    for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (name !== "constructor" && typeof property.value === "function") names.add(name);
    }
  }
  return [...names].sort();
}

export function methodUnknown(
  instance: object,
  details: { readonly className: string; readonly actor: ActorId; readonly method: string },
): MeshError {
  const { className, actor, method } = details;
  const known = methodsOf(instance);
  const there = known.length > 0 ? `Its methods are ${known.join(", ")}` : "It has no methods";
  const message = `actor "${className}" has no method "${method}". ${there}`;
  return new MeshError("ACTOR_METHOD_UNKNOWN", message, { actor, method });
}

/** What a class says is to be done at its end: as the language has it, or a method `dispose`. */
function disposerOf(instance: Record<string | symbol, unknown>): UserFunction | undefined {
  for (const name of [Symbol.asyncDispose, Symbol.dispose, "dispose"]) {
    const method = name === undefined ? undefined : instance[name];
    if (typeof method === "function") return method as UserFunction;
  }
  return undefined;
}

/** How long an actor's own code may take to end it. */
const DISPOSE_MS_MAX = 4_000;

/**
 * Call what the class says is to be done at its end.
 * @param ended called when that is done, has thrown, or has had its time.
 * @returns a promise if it is not done yet.
 */
export function lastWord(
  instance: Record<string | symbol, unknown>,
  clock: Clock,
  ended: () => void,
): Promise<void> | undefined {
  let result: unknown;
  let isPending = false;
  try {
    result = disposerOf(instance)?.call(instance);
    isPending = typeof result === "object" && result !== null && "then" in result;
  } finally {
    if (!isPending) ended();
  }
  if (!isPending) return undefined;
  let cancel = () => {};
  const late = new Promise<void>((resolve) => {
    cancel = clock.after(DISPOSE_MS_MAX, resolve);
  });
  return Promise.race([result, late])
    .finally(() => {
      cancel();
      ended();
    })
    .then(() => undefined);
}
