import { Packr, Unpackr } from "msgpackr";
import { MeshError } from "../errors.ts";
import { BATCH_BYTES_MAX, BATCH_MESSAGES_MAX } from "./limits.ts";

/**
 * A control batch is a MessagePack array of messages. Records (msgpackr's extension) write the keys
 * of equally shaped messages once per batch; definitions never outlive the batch, so a batch can be
 * read by itself.
 */
const packr = new Packr({ useRecords: true, moreTypes: false });
const unpackr = new Unpackr({ useRecords: true, copyBuffers: true, moreTypes: false });

export function encodeBatch(messages: readonly object[]): Uint8Array<ArrayBuffer> {
  // A copy, because msgpackr hands out views on a buffer that it goes on using.
  return new Uint8Array(packr.pack(messages));
}

/** @throws MeshError `PROTOCOL_VIOLATION` if the bytes are not one batch within its limits. */
export function decodeBatch(batch: Uint8Array): readonly unknown[] {
  const bad = (why: string): never => {
    throw new MeshError("PROTOCOL_VIOLATION", `bad batch: ${why}`, { byteLength: batch.length });
  };
  if (batch.length > BATCH_BYTES_MAX) bad(`over ${BATCH_BYTES_MAX} bytes`);
  let messages: unknown;
  try {
    messages = unpackr.unpack(batch);
  } catch {
    return bad("not MessagePack");
  }
  if (!Array.isArray(messages)) return bad("not an array of messages");
  if (messages.length > BATCH_MESSAGES_MAX) bad(`over ${BATCH_MESSAGES_MAX} messages`);
  return messages;
}
