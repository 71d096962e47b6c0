import type { Define } from "./messages.ts";

/** Equal for what is the same function or class with the same options, whoever defined it. */
export function keyOfDefine(define: Define | Omit<Define, "type" | "callable">): string {
  const { source, ...options } = { ...define, type: "", callable: "", parent: "" };
  return JSON.stringify([Object.entries(options).toSorted(([a], [b]) => (a < b ? -1 : 1)), source]);
}
