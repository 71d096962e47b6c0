import { Packr, Unpackr } from "msgpackr";
import { MeshError } from "../errors.ts";

/**
 * A message on any transport is either a control batch (batch.ts: MessagePack) or one data frame:
 *
 *   offset  size  field           (little-endian)
 *        0     1  0xC1            the byte MessagePack never uses, so the two cannot be confused
 *        1     3  "MN1"
 *        4     4  headerBytes     length of the MessagePack header
 *        8     8  payloadBytes
 *       16     n  header          { type, ... }: one of the data headers in link-messages.ts
 *     16+n     p  zero padding    up to the next multiple of 64
 *              …  payload         starts 64-byte aligned: typed arrays can view it without a copy
 */
const MAGIC = 0x314e4dc1;
const PREAMBLE_BYTES = 16;
const ALIGN_BYTES = 64;
const HEADER_BYTES_MAX = 4 * 1024;

export interface Frame {
  readonly header: unknown;
  /** A view on the received message, not a copy. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

const alignUp = (byteLength: number) => Math.ceil(byteLength / ALIGN_BYTES) * ALIGN_BYTES;

export const isFrame = (message: Uint8Array): boolean => message[0] === 0xc1;

/** A frame up to where its payload begins, for transports that take the payload as it is. */
export const encodeFrameHead = (header: object, payloadBytes: number): Uint8Array<ArrayBuffer> =>
  encodeHead(header, payloadBytes, 0);

export function encodeFrame(header: object, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = encodeHead(header, payload.length, payload.length);
  frame.set(payload, frame.length - payload.length);
  return frame;
}

/** @param roomBytes are left free behind the head. */
function encodeHead(
  header: object,
  payloadBytes: number,
  roomBytes: number,
): Uint8Array<ArrayBuffer> {
  const head = packr.pack(header);
  if (head.length > HEADER_BYTES_MAX) {
    throw new MeshError("INTERNAL", `frame header of ${head.length} bytes exceeds its limit`);
  }
  const frame = new Uint8Array(alignUp(PREAMBLE_BYTES + head.length) + roomBytes);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, head.length, true);
  view.setBigUint64(8, BigInt(payloadBytes), true);
  frame.set(head, PREAMBLE_BYTES);
  return frame;
}

/**
 * @param tail the end of the message, if it came apart: exactly the payload.
 * @throws MeshError `PROTOCOL_VIOLATION` if the bytes are not exactly one frame.
 */
export function decodeFrame(
  message: Uint8Array<ArrayBuffer>,
  tail?: Uint8Array<ArrayBuffer>,
): Frame {
  const byteLength = message.length + (tail?.length ?? 0);
  const bad = (why: string): never => {
    throw new MeshError("PROTOCOL_VIOLATION", `bad frame: ${why}`, { byteLength });
  };
  if (message.length < PREAMBLE_BYTES) bad("shorter than its preamble");
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (view.getUint32(0, true) !== MAGIC) bad("wrong magic");
  const headerBytes = view.getUint32(4, true);
  if (headerBytes > HEADER_BYTES_MAX) bad("header over its limit");
  const payloadStart = alignUp(PREAMBLE_BYTES + headerBytes);
  if (BigInt(byteLength) !== BigInt(payloadStart) + view.getBigUint64(8, true)) {
    bad("length disagrees with its preamble");
  }
  if (tail && message.length !== payloadStart) bad("cut elsewhere than where its payload begins");
  try {
    const header: unknown = unpackr.unpack(
      message.subarray(PREAMBLE_BYTES, PREAMBLE_BYTES + headerBytes),
    );
    return { header, payload: tail ?? message.subarray(payloadStart) };
  } catch {
    return bad("header is not MessagePack");
  }
}
