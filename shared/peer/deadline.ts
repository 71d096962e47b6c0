import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";

export interface Deadline {
  readonly clock: Clock;
  readonly deadlineMs: number;
  /** What is awaited, for the error: "opening a WebSocket". */
  readonly what: string;
}

/** `work`, or rejects with `TIMEOUT` if it takes longer. The work itself goes on. */
export function withDeadline<T>(work: Promise<T>, deadline: Deadline): Promise<T> {
  const { clock, deadlineMs, what } = deadline;
  return new Promise((resolve, reject) => {
    const cancel = clock.after(deadlineMs, () => {
      reject(new MeshError("TIMEOUT", `${what} took longer than ${deadlineMs} ms`, { deadlineMs }));
    });
    work.then(resolve, reject).finally(cancel);
  });
}

/** What went wrong, in one line. */
export const reasonOf = (error: unknown): string =>
  error instanceof Error || MeshError.is(error) ? error.message : String(error);
