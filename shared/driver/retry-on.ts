import { MeshError } from "../errors.ts";
import type { Shipped } from "../packaging/ship-function.ts";
import type { RetryOn } from "../protocol/actor-options.ts";
import { shown } from "./option-checks.ts";
import type { CallableOptions } from "./options.ts";

const NAMES_MAX = 64;

/**
 * The option as the wire carries it; nothing if what the code throws is not tried again.
 * @param ship turns the function into source.
 * @throws MeshError `CAPTURED_VARIABLE` naming what the function takes from outside; `INVALID_ARGUMENT`.
 */
export function toRetryOn(
  { retryOn }: Pick<CallableOptions, "retryOn">,
  ship: (fn: Function) => Shipped,
): { readonly retryOn?: RetryOn } {
  if (retryOn === undefined || retryOn === false) return {};
  if (retryOn === true) return { retryOn: {} };
  if (typeof retryOn === "function") {
    const { source, isAsync, isGenerator } = ship(retryOn);
    if (isAsync || isGenerator) refuse("must answer at once: it may not be async or a generator");
    return { retryOn: { predicate: source } };
  }
  const names = typeof retryOn === "string" ? [retryOn] : retryOn;
  const isFine = (name: unknown) =>
    typeof name === "string" && name.length > 0 && name.length <= 128;
  if (Array.isArray(names) && names.every(isFine) && names.length <= NAMES_MAX) {
    return { retryOn: { names: [...names] as string[] } };
  }
  return refuse(`must be true, a function, or names of errors, not ${shown(retryOn)}`);
}

function refuse(why: string): never {
  throw new MeshError("INVALID_ARGUMENT", `option retryOn ${why}`, { option: "retryOn" });
}
