import { MeshError } from "../errors.ts";
import { OBJECT_BYTES_MAX } from "../protocol/limits.ts";
import {
  SHORT_TEXT_CHARS_MAX,
  TAG_BIGINT,
  TAG_BIGINT64,
  TAG_FLOAT64,
  TAG_INT32,
  TAG_INT8,
  TAG_SHORT_TEXT,
  TAG_SMALL_INT,
  TAG_UTF16,
  TAG_UTF8,
} from "./tags.ts";

const FIRST_BYTES = 4 * 1024;
/** A scratch buffer that grew beyond this is not kept for the next value. */
const KEPT_BYTES_MAX = 1024 * 1024;
const VARINT_BYTES_MAX = 8;

const textEncoder = new TextEncoder();
const eightBytes = new Uint8Array(8);
const asFloat64 = new Float64Array(eightBytes.buffer);
const asBigInt64 = new BigInt64Array(eightBytes.buffer);

/** One buffer serves one value after the other; a value encoded by another's getter makes its own. */
let spare: Uint8Array<ArrayBuffer> | undefined;

const LONE_SURROGATE = /\p{Surrogate}/u;
const isWellFormed = (text: string & { isWellFormed?(): boolean }): boolean =>
  text.isWellFormed?.() ?? !LONE_SURROGATE.test(text);

/** Appends to a buffer that grows: primitives with their tags, and the numbers behind tags. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #position: number;

  /** The first `reservedBytes` are left for the caller to fill in. */
  constructor(reservedBytes: number) {
    this.#bytes = spare ?? new Uint8Array(FIRST_BYTES);
    spare = undefined;
    this.#position = reservedBytes;
  }

  get position(): number {
    return this.#position;
  }

  /** The bytes from `start` on, and the end of this writer's life. */
  finish(start: number): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(start, this.#position);
    if (this.#bytes.length <= KEPT_BYTES_MAX) spare = this.#bytes;
    return taken;
  }

  byte(value: number): void {
    if (this.#position === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#position++] = value;
  }

  /** Fill in what the constructor reserved. */
  byteAt(position: number, value: number): void {
    this.#bytes[position] = value;
  }

  uint32At(position: number, value: number): void {
    const bytes = this.#bytes;
    bytes[position] = value;
    bytes[position + 1] = value >>> 8;
    bytes[position + 2] = value >>> 16;
    bytes[position + 3] = value >>> 24;
  }

  varint(value: number): void {
    if (this.#position + VARINT_BYTES_MAX > this.#bytes.length) this.#grow(VARINT_BYTES_MAX);
    while (value >= 0x80) {
      this.#bytes[this.#position++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.#bytes[this.#position++] = value;
  }

  raw(bytes: Uint8Array<ArrayBufferLike>): void {
    if (this.#position + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  float64(value: number): void {
    asFloat64[0] = value;
    this.raw(eightBytes);
  }

  number(value: number): void {
    if (this.#position + 9 > this.#bytes.length) this.#grow(9);
    const bytes = this.#bytes;
    const position = this.#position;
    const integer = value | 0;
    if (integer !== value || (integer === 0 && 1 / value < 0)) {
      bytes[position] = TAG_FLOAT64;
      asFloat64[0] = value;
      for (let i = 0; i < 8; i++) bytes[position + 1 + i] = eightBytes[i]!;
      this.#position = position + 9;
    } else if (integer >= 0 && integer < 0x80) {
      bytes[position] = TAG_SMALL_INT | integer;
      this.#position = position + 1;
    } else if (integer >= -0x80 && integer < 0) {
      bytes[position] = TAG_INT8;
      bytes[position + 1] = integer;
      this.#position = position + 2;
    } else {
      bytes[position] = TAG_INT32;
      this.uint32At(position + 1, integer);
      this.#position = position + 5;
    }
  }

  bigint(value: bigint): void {
    if (BigInt.asIntN(64, value) === value) {
      this.byte(TAG_BIGINT64);
      asBigInt64[0] = value;
      this.raw(eightBytes);
      return;
    }
    const digits = (value < 0n ? -value : value).toString(16);
    const hex = digits.length % 2 === 0 ? digits : `0${digits}`;
    this.byte(TAG_BIGINT);
    this.byte(value < 0n ? 1 : 0);
    this.varint(hex.length / 2);
    for (let i = 0; i < hex.length; i += 2) this.byte(Number.parseInt(hex.slice(i, i + 2), 16));
  }

  text(value: string): void {
    const { length } = value;
    if (length > SHORT_TEXT_CHARS_MAX) return this.#longText(value);
    if (this.#position + 1 + length > this.#bytes.length) this.#grow(1 + length);
    const bytes = this.#bytes;
    let position = this.#position;
    bytes[position++] = TAG_SHORT_TEXT | length;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0xff) return this.#utf16(value);
      bytes[position++] = code;
    }
    this.#position = position;
  }

  #longText(value: string): void {
    if (!isWellFormed(value)) return this.#utf16(value);
    const bytesMax = 5 + value.length * 3;
    if (this.#position + bytesMax > this.#bytes.length) this.#grow(bytesMax);
    const start = this.#position + 5;
    const { written } = textEncoder.encodeInto(value, this.#bytes.subarray(start));
    this.#bytes[this.#position] = TAG_UTF8;
    this.uint32At(this.#position + 1, written);
    this.#position = start + written;
  }

  #utf16(value: string): void {
    const byteLength = value.length * 2;
    if (this.#position + 5 + byteLength > this.#bytes.length) this.#grow(5 + byteLength);
    const bytes = this.#bytes;
    bytes[this.#position] = TAG_UTF16;
    this.uint32At(this.#position + 1, byteLength);
    let position = this.#position + 5;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      bytes[position++] = code;
      bytes[position++] = code >>> 8;
    }
    this.#position = position;
  }

  #grow(byteLength: number): void {
    const needed = this.#position + byteLength;
    if (needed > OBJECT_BYTES_MAX) throw tooLarge(needed);
    const grown = new Uint8Array(
      Math.min(Math.max(needed, this.#bytes.length * 2), OBJECT_BYTES_MAX),
    );
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }
}

/** @returns the error for a value that would take `byteLength` bytes or more. */
export const tooLarge = (byteLength: number): MeshError =>
  new MeshError(
    "OBJECT_TOO_LARGE",
    `the value takes ${byteLength} bytes or more, and an object holds at most ` +
      `${OBJECT_BYTES_MAX}; split it into several objects`,
    { byteLength, byteLengthMax: OBJECT_BYTES_MAX },
  );
