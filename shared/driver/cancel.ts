import { MeshError } from "../errors.ts";
import { sourceOf, type TaskId } from "../ids.ts";
import type { Driver } from "./driver.ts";
import type { ObjectRef } from "./object-ref.ts";
import { expectKnownOptions } from "./option-checks.ts";

/** How a task or a call is given up. */
export interface CancelOptions {
  /** Stop a task at once, also one whose code would end by itself. Not for calls. Default false. */
  readonly force?: boolean;
  /** With all that it has submitted, and what that has, and so on. Default true. */
  readonly recursive?: boolean;
}

/**
 * `mesh.cancel`.
 * @param origin whose code asks, if it is not a driver's own.
 * @returns false if there was nothing left to cancel.
 */
export async function cancelRef(
  driver: Driver,
  ref: ObjectRef,
  options: CancelOptions,
  origin: { readonly parent?: TaskId },
): Promise<boolean> {
  expectKnownOptions("cancel()", options, ["force", "recursive"]);
  driver.assertConnected();
  const { force = false } = options;
  const { objects, port } = driver;
  const entry = ref.table === objects && objects.isLive(ref) ? objects.entryOf(ref.id) : undefined;
  if (!entry || entry.origin.kind === "put") {
    const what = entry ? "a value that was put" : "disposed, or of another connection";
    throw new MeshError("INVALID_ARGUMENT", `${ref} cannot be cancelled: it is ${what}`);
  }
  const { origin: made, state } = entry;
  if (made.kind === "call") {
    if (!force) return state === undefined && port.cancelCall(made.actor, ref.id);
    const advice = "it shares its thread with the actor's state; mesh.kill ends the actor";
    const message = `${made.text} cannot be stopped by force: ${advice}`;
    throw new MeshError("INVALID_ARGUMENT", message);
  }
  if (state) return false;
  return cancelTask(driver, sourceOf(ref.id), options, origin);
}

/** The same for a task that is known by its id: a stream. */
export async function cancelTask(
  driver: Driver,
  task: TaskId,
  { force = false, recursive = true }: CancelOptions,
  origin: { readonly parent?: TaskId },
): Promise<boolean> {
  const { isCancelled } = await driver.request((request) => ({
    type: "cancel-task",
    task,
    request,
    ...(force ? { isForced: true } : {}),
    ...(recursive ? { isRecursive: true } : {}),
    ...origin,
  }));
  return isCancelled === true;
}
