/** A task's function: the id of the process that runs it, which tells the workers of one machine apart. */
export const processId = (): number =>
  // Typed for pages too, which have no `process`.
  (globalThis as unknown as { process: { pid: number } }).process.pid;
