import type { WireError } from "../../shared/protocol/schema.ts";

const BECAUSE = " did not run, because what it depends on failed: ";
const MESSAGE_CHARS_MAX = 8_192;

/** The error of a task whose argument will never be: it names the task, and what failed at first. */
export function failedDependency(task: { name: string; id: string }, error: WireError): WireError {
  const at = error.message.lastIndexOf(BECAUSE);
  // Of a chain of tasks, the last one and the first failure tell enough.
  const root = at < 0 ? error.message : error.message.slice(at + BECAUSE.length);
  const message = `${task.name} (${task.id})${BECAUSE}${root}`.slice(0, MESSAGE_CHARS_MAX);
  return { ...error, message };
}
