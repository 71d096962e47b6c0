import type { Order } from "./executor-api.ts";

/** A call of user code, ready to be made. */
export interface Call {
  readonly what: string;
  /** What its code is called in stacks. */
  readonly source?: string;
  invoke(): unknown;
}

export interface Began {
  readonly order: Order;
  readonly startedMs: number;
  /**
   * Since when its batch has waited, if it is the first in it. For code that blocks the thread that
   * is when it started: the time it took could have sent what was before it.
   */
  readonly waitsSinceMs: number;
}

export interface Finished extends Began {
  readonly call: Call;
}
