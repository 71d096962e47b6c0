import type { ItemOrder } from "../protocol/item-messages.ts";
import type { Define } from "../protocol/messages.ts";

/** Without a reader who paces it, a stream is paced by its agent, from the first item that is wanted. */
export const itemOrderOf = (given: ItemOrder, { stream }: Pick<Define, "stream">): ItemOrder =>
  stream ? { from: given.from, taken: given.taken ?? given.from } : given;

/** What tells an executor that a task gives several objects: it travels as the order's method. */
export const packItemOrder = ({ from, taken }: ItemOrder): string =>
  taken === undefined ? `${from}` : `${from} ${taken}`;

export function unpackItemOrder(packed: string): ItemOrder {
  const [from, taken] = packed.split(" ");
  return { from: Number(from), ...(taken === undefined ? {} : { taken: Number(taken) }) };
}
