/** What runs, as its own code sees it: a task, or a call of an actor's method. */
export interface CurrentTask {
  /** The id of the task, or of the actor. */
  readonly id: string;
  /** What the user calls it. */
  readonly name: string;
  /** Of a call: the method. */
  readonly method?: string;
  /**
   * Aborts when it is cancelled, with a MeshError `TASK_CANCELLED` as its reason. Code that has asked
   * for it has five seconds then to end by itself; a call of an actor has as long as it takes.
   */
  readonly signal: AbortSignal;
}
