import Type from "typebox";
import type { TaskId } from "../ids.ts";
import { count, id } from "./schema.ts";

/** Giving up tasks: what submitters ask the coordinator for, and what it tells the worker. */

/** From whoever submitted it, or has a ref to its result in the same job. */
export const cancelTask = Type.Object({
  type: Type.Literal("cancel-task"),
  task: id<TaskId>(),
  /** The task or actor whose code asks, if not a driver. */
  parent: Type.Optional(id<TaskId>()),
  /** Stop its code at once. */
  isForced: Type.Optional(Type.Boolean()),
  /** With all that it has submitted. */
  isRecursive: Type.Optional(Type.Boolean()),
  /** Answered by `answer` with the same number: whether there was something to cancel. */
  request: Type.Optional(count(2 ** 53 - 1)),
});

export const cancelRun = Type.Object({
  type: Type.Literal("cancel-run"),
  task: id<TaskId>(),
  attempt: count(2 ** 31),
  /** Code that heeds its signal is given time to end by itself. */
  isGraceful: Type.Optional(Type.Boolean()),
});
