import type { RetryOn } from "../protocol/actor-options.ts";
import { MeshError } from "../errors.ts";

/** Says yes or no to what user code threw. */
type Predicate = (thrown: unknown) => unknown;

/** Chains of prototypes and causes that are looked at: user code makes them. */
const LINKS_MAX = 16;

/**
 * Whether what user code threw is to be tried again. Never throws, whatever was thrown.
 * @param compile makes a function of its source.
 * @returns a text if the predicate itself threw: the answer is no then.
 */
export function isRetried(
  { names, predicate }: RetryOn,
  thrown: unknown,
  compile: (source: string) => Predicate,
): boolean | string {
  try {
    if (predicate !== undefined) return compile(predicate)(thrown) === true;
  } catch (error) {
    return `its retryOn threw ${inWords(error)}`;
  }
  try {
    return names === undefined || namesOf(thrown).some((name) => names.includes(name));
  } catch {
    return false;
  }
}

/** What an error is called: its code, its name, and its classes. Of one that a task failed with, the cause's. */
function namesOf(thrown: unknown): string[] {
  const found: string[] = [];
  let error = thrown;
  for (let i = 0; i < LINKS_MAX && typeof error === "object" && error !== null; i++) {
    const { name, code } = error as { name?: unknown; code?: unknown };
    for (const each of [name, code]) if (typeof each === "string") found.push(each);
    let prototype = Object.getPrototypeOf(error) as object | null;
    for (let depth = 0; prototype && depth < LINKS_MAX; depth++) {
      if (typeof prototype.constructor?.name === "string") found.push(prototype.constructor.name);
      prototype = Object.getPrototypeOf(prototype) as object | null;
    }
    if (!MeshError.is(error)) break;
    error = (error as { cause?: unknown }).cause;
  }
  return found;
}

function inWords(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "what cannot be read";
  }
}
