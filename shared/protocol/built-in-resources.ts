/**
 * Names that no custom resource may have: under them it would be another one than what every worker
 * offers, and a task that wants it would wait for ever.
 */
const OPTIONS: ReadonlyMap<string, "cpus" | "gpus" | "memory"> = new Map([
  ["cpu", "cpus"],
  ["cpus", "cpus"],
  ["gpu", "gpus"],
  ["gpus", "gpus"],
  ["memory", "memory"],
]);

/** The option that is meant by a custom resource of this name, if it is one that has its own. */
export const builtInOption = (resource: string): "cpus" | "gpus" | "memory" | undefined =>
  OPTIONS.get(resource.toLowerCase());
