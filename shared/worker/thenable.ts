export const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null;

/** Whether `await` would wait for it: user code may have promises of its own kind. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  isObject(value) && "then" in value && typeof value.then === "function";
