import Type, { type Static } from "typebox";
import type { ObjectId, TaskId } from "../ids.ts";
import { AHEAD_MAX, INLINE_BYTES_MAX, RETURNS_MAX } from "./limits.ts";
import { bytes, count, id, ids, sizeBytes } from "./schema.ts";

/**
 * Tasks that give more than one object. Each of these is an item: `<task>y<index>`. The task's own
 * result says how many there were, and comes after them.
 */

const index = count(2 ** 40);
const attempt = count(2 ** 31);

/** Of a function. */
export const itemOptions = {
  /** It is a generator: each value that it yields is an item, and so many may be unread. */
  stream: Type.Optional(
    Type.Object({ maxAhead: Type.Integer({ minimum: 1, maximum: AHEAD_MAX }) }),
  ),
  /** It returns an array of so many values, and each is an item. */
  returns: Type.Optional(Type.Integer({ minimum: 1, maximum: RETURNS_MAX })),
};

/** Of an order to run one. */
export const itemOrder = Type.Object({
  /** The items before this one are there already: they are made and not told of. */
  from: index,
  /** How many the reader has taken, where it matters. */
  taken: Type.Optional(index),
});
export type ItemOrder = Static<typeof itemOrder>;

/** What a worker and the reader are told of one item, besides its value. */
export const itemNumber = { task: id<TaskId>(), index };

export const itemMessages = {
  /** From the reader of a stream: it has taken so many items, the first one counted. */
  "items-taken": Type.Object({
    type: Type.Literal("items-taken"),
    task: id<TaskId>(),
    taken: index,
  }),
  /** The same, to the worker that makes them. */
  "items-wanted": Type.Object({
    type: Type.Literal("items-wanted"),
    task: id<TaskId>(),
    attempt,
    taken: index,
  }),
  /** One of the objects that a task under way gives: inline, or in the sender's store. */
  "task-item": Type.Object({
    type: Type.Literal("task-item"),
    ...itemNumber,
    attempt,
    sizeBytes,
    inline: Type.Optional(bytes(INLINE_BYTES_MAX)),
    contained: Type.Optional(ids<ObjectId>()),
  }),
};
export type TaskItem = Static<(typeof itemMessages)["task-item"]>;
export type ItemsWanted = Static<(typeof itemMessages)["items-wanted"]>;
