import { invariant } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import { OBJECT_BYTES_MAX } from "../protocol/limits.ts";
import { BufferTable, sealedBytes, writeBuffers } from "./buffers.ts";
import { ByteReader, invalid } from "./byte-reader.ts";
import { tooLarge } from "./byte-writer.ts";
import { Decoder } from "./decoder.ts";
import { Encoder, type RefCodec } from "./encoder.ts";
import {
  FORMAT_BARE,
  FORMAT_BUFFERS,
  PREAMBLE_BYTES,
  TAG_SMALL_INT,
  TAG_UNDEFINED,
} from "./tags.ts";
import { Unencodable } from "./unencodable.ts";

export type { RefCodec, WireRef } from "./encoder.ts";

/**
 * Values to the bytes of a sealed object and back: everything that structured clone takes, and
 * handles. tags.ts has the layout.
 */

/** A value whose head is encoded and whose large buffers are not copied yet. */
export interface EncodedValue {
  readonly byteLength: number;
  /** The objects whose refs are inside, each once. */
  readonly contained: readonly ObjectId[];
  /** Write all `byteLength` bytes from the start of `target`, before the value's buffers change. */
  writeTo(target: Uint8Array<ArrayBufferLike>): void;
  /** The same as bytes of their own. Calls may share them: do not write to them. */
  toBytes(): Uint8Array<ArrayBuffer>;
}

const NONE: readonly never[] = [];

class BareValue implements EncodedValue {
  readonly contained: readonly ObjectId[];
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>, contained: readonly ObjectId[]) {
    this.#bytes = bytes;
    this.contained = contained;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  writeTo(target: Uint8Array<ArrayBufferLike>): void {
    target.set(this.#bytes);
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}

class BufferedValue implements EncodedValue {
  readonly byteLength: number;
  readonly contained: readonly ObjectId[];
  readonly #head: Uint8Array<ArrayBuffer>;
  readonly #following: readonly Uint8Array<ArrayBufferLike>[];

  constructor(
    head: Uint8Array<ArrayBuffer>,
    following: readonly Uint8Array<ArrayBufferLike>[],
    contained: readonly ObjectId[],
  ) {
    this.#head = head;
    this.#following = following;
    this.contained = contained;
    this.byteLength = sealedBytes(head.length, following);
    if (this.byteLength > OBJECT_BYTES_MAX) throw tooLarge(this.byteLength);
  }

  writeTo(target: Uint8Array<ArrayBufferLike>): void {
    invariant(target.length >= this.byteLength, "the target holds an encoded value");
    writeBuffers(target, this.#head, this.#following);
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.byteLength);
    this.writeTo(bytes);
    return bytes;
  }
}

/**
 * Encode a value. Buffers are not copied before `writeTo` or `toBytes`, so call one of them before
 * user code runs again.
 *
 * @throws MeshError `NOT_ENCODABLE` naming the path to what cannot travel, `OBJECT_TOO_LARGE`.
 */
export function encodeValue(value: unknown, refs?: RefCodec): EncodedValue {
  const encoder = new Encoder(refs);
  try {
    encoder.write(value);
  } catch (error) {
    throw error instanceof Unencodable ? error.toMeshError() : error;
  }
  const { out, buffers } = encoder;
  const contained = encoder.contained ? [...encoder.contained] : NONE;
  if (!buffers) {
    out.byteAt(PREAMBLE_BYTES - 1, FORMAT_BARE);
    return new BareValue(out.finish(PREAMBLE_BYTES - 1), contained);
  }
  const tableStart = out.position;
  const following = buffers.writeTable(out);
  out.uint32At(0, FORMAT_BUFFERS);
  out.uint32At(4, out.position);
  out.uint32At(8, out.position - tableStart);
  return new BufferedValue(out.finish(0), following, contained);
}

/**
 * Decode the bytes of a sealed object. Typed arrays of 256 bytes and more are views on `bytes`, if
 * they lie aligned there: whoever writes to one changes the others' value, and the bytes stay
 * alive as long as any of them.
 *
 * @throws MeshError `PROTOCOL_VIOLATION` if `bytes` are not exactly one encoded value.
 */
export function decodeValue(bytes: Uint8Array<ArrayBufferLike>, refs?: RefCodec): unknown {
  const format = bytes[0];
  if (format === FORMAT_BARE) {
    if (bytes.length === 2) {
      const tag = bytes[1]!;
      if (tag >= TAG_SMALL_INT) return tag - TAG_SMALL_INT;
      if (tag === TAG_UNDEFINED) return undefined;
    }
    return decodeHead(new ByteReader(bytes, 1, bytes.length), undefined, refs);
  }
  if (format !== FORMAT_BUFFERS) throw invalid("unknown format", 0);
  const preamble = new ByteReader(bytes, 0, Math.min(bytes.length, PREAMBLE_BYTES));
  if (preamble.uint32() !== FORMAT_BUFFERS) throw invalid("unknown format", 0);
  const headBytes = preamble.uint32();
  const tableStart = headBytes - preamble.uint32();
  if (headBytes > bytes.length || tableStart < PREAMBLE_BYTES) {
    throw invalid("its head is outside", 0);
  }
  const table = new ByteReader(bytes, tableStart, headBytes);
  const buffers = new BufferTable(bytes, table, headBytes);
  return decodeHead(new ByteReader(bytes, PREAMBLE_BYTES, tableStart), buffers, refs);
}

function decodeHead(
  head: ByteReader,
  buffers: BufferTable | undefined,
  refs: RefCodec | undefined,
): unknown {
  let value: unknown;
  try {
    value = new Decoder(head, buffers, refs).read();
  } catch (error) {
    // A string or a collection beyond what the engine can hold.
    if (error instanceof RangeError) throw invalid(error.message, head.position, error);
    throw error;
  }
  if (head.remainingBytes > 0) throw invalid("bytes follow it", head.position);
  return value;
}
