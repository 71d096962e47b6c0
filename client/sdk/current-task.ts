import type { CurrentTask } from "../../shared/driver/current-task.ts";
import { MeshError } from "../../shared/errors.ts";

export type { CurrentTask };

/**
 * The task, or the call of an actor, whose code calls it: its id, its name, and the `signal` that
 * aborts when it is cancelled. For code that runs on a worker, where `import("manta")` gives the real
 * one. In an actor with `maxConcurrency`, import before the first `await` of the method: it is then known
 * which of its calls asks.
 *
 * ```js
 * const slow = mesh.remote(async (url) => {
 *   const { currentTask } = await import("manta");
 *   const { signal } = currentTask();
 *   while (!signal.aborted) await step(url);
 * });
 * ```
 *
 * @throws MeshError `INVALID_ARGUMENT` outside of a task or an actor, `TASK_CANCELLED` after its end.
 */
export function currentTask(): CurrentTask {
  const message = "currentTask is for code inside a task or an actor; no task runs here";
  throw new MeshError("INVALID_ARGUMENT", message);
}
