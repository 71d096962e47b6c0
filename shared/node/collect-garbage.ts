import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let gc: ((options?: { readonly type: "minor" }) => void) | undefined;

/**
 * Have the engine of this thread free what nothing refers to any more. V8 does not count shared
 * memory as a reason to collect: without this, gigabytes of it stay until something else is.
 * @param kind `minor` (about 1 ms) finds what was in use only briefly; `major` (5 ms and more) all.
 */
export function collectGarbage(kind: "minor" | "major"): void {
  if (!gc) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as NonNullable<typeof gc>;
  }
  gc(kind === "minor" ? { type: "minor" } : undefined);
}
