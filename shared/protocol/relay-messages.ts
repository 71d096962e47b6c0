import Type, { type Static } from "typebox";
import type { PeerId } from "../ids.ts";
import { count, id, messageCheck, sizeBytes, text } from "./schema.ts";

/** Header of a data frame that the coordinator passes on. On the way in `peer` is the receiver; on
 *  the way out it is the sender. */
const relayHeader = Type.Object({
  type: Type.Literal("relay"),
  peer: id<PeerId>(),
  /** Bytes the sender of this frame has consumed of the other direction: opens its window. */
  consumedBytes: sizeBytes,
  /** The link ends with this frame. */
  close: Type.Optional(text(256)),
  /** The link begins with this frame. */
  open: Type.Optional(Type.Boolean()),
  /** Which link between the two, in the numbering of the peer that opened it. */
  link: Type.Optional(count(2 ** 31)),
  /** The sender of this frame opened the link. */
  byOpener: Type.Optional(Type.Boolean()),
  /** The payload is a piece of a message, and more of that message follows. */
  more: Type.Optional(Type.Boolean()),
  /** The frame carries no part of a message: only the fields above. */
  bare: Type.Optional(Type.Boolean()),
});
export type RelayHeader = Static<typeof relayHeader>;
export const relayHeaders = messageCheck({ relay: relayHeader });
