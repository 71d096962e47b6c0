import { MeshError } from "../errors.ts";
import { TAG_SHORT_TEXT, TAG_SMALL_INT, TAG_UTF16, TAG_UTF8 } from "./tags.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const eightBytes = new Uint8Array(8);
const asFloat64 = new Float64Array(eightBytes.buffer);
const asBigInt64 = new BigInt64Array(eightBytes.buffer);
const UTF16_CHUNK_CHARS = 8 * 1024;

/** Short strings seen lately, by a hash of their bytes: keys repeat, and making strings is slow. */
const RECENT_TEXTS = 512;
const RECENT_CHARS_MAX = 24;
const recentTexts: string[] = Array.from({ length: RECENT_TEXTS }, () => "");

/** Reads what a ByteWriter wrote, and nothing outside `[position, end)`. */
export class ByteReader {
  readonly #bytes: Uint8Array<ArrayBufferLike>;
  #position: number;
  readonly #end: number;

  constructor(bytes: Uint8Array<ArrayBufferLike>, start: number, end: number) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  get position(): number {
    return this.#position;
  }

  get remainingBytes(): number {
    return this.#end - this.#position;
  }

  byte(): number {
    if (this.#position >= this.#end) throw invalid("it ends too early", this.#position);
    return this.#bytes[this.#position++]!;
  }

  uint32(): number {
    const at = this.#take(4);
    const bytes = this.#bytes;
    const low = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    return low + bytes[at + 3]! * 0x100_0000;
  }

  int32(): number {
    return this.uint32() | 0;
  }

  varint(): number {
    let value = this.byte();
    if (value < 0x80) return value;
    value &= 0x7f;
    for (let scale = 0x80; scale < 2 ** 53; scale *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
    }
    throw invalid("a number is too large", this.#position);
  }

  /** A view on the next bytes. */
  raw(byteLength: number): Uint8Array<ArrayBufferLike> {
    const at = this.#take(byteLength);
    return this.#bytes.subarray(at, at + byteLength);
  }

  float64(): number {
    this.#takeEight();
    return asFloat64[0]!;
  }

  bigint64(): bigint {
    this.#takeEight();
    return asBigInt64[0]!;
  }

  bigint(): bigint {
    const negative = this.byte();
    const at = this.#take(this.varint());
    let hex = "0x0";
    for (let i = at; i < this.#position; i++) {
      hex += this.#bytes[i]!.toString(16).padStart(2, "0");
    }
    try {
      const magnitude = BigInt(hex);
      return negative === 0 ? magnitude : -magnitude;
    } catch (cause) {
      throw invalid("a bigint exceeds what this engine can hold", at, cause);
    }
  }

  /** A whole string, tag and all. */
  text(): string {
    return this.textOf(this.byte());
  }

  /** The string whose tag was read already. */
  textOf(tag: number): string {
    if (tag >= TAG_SHORT_TEXT && tag < TAG_SMALL_INT) return this.shortText(tag - TAG_SHORT_TEXT);
    if (tag === TAG_UTF8) return this.#utf8(this.uint32());
    if (tag === TAG_UTF16) return this.#utf16(this.uint32());
    throw invalid("a string is missing", this.#position);
  }

  shortText(length: number): string {
    const at = this.#take(length);
    if (length > RECENT_CHARS_MAX) return this.#latin1(at, length);
    const bytes = this.#bytes;
    let hash = length;
    for (let i = at; i < at + length; i++) hash = (hash * 31 + bytes[i]!) | 0;
    const slot = hash & (RECENT_TEXTS - 1);
    const recent = recentTexts[slot]!;
    if (recent.length === length) {
      let i = 0;
      while (i < length && recent.charCodeAt(i) === bytes[at + i]) i++;
      if (i === length) return recent;
    }
    return (recentTexts[slot] = this.#latin1(at, length));
  }

  #latin1(at: number, length: number): string {
    const bytes = this.#bytes;
    let text = "";
    const end = at + length;
    while (at + 4 <= end) {
      text += String.fromCharCode(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!);
      at += 4;
    }
    while (at < end) text += String.fromCharCode(bytes[at++]!);
    return text;
  }

  #utf8(byteLength: number): string {
    const at = this.#take(byteLength);
    try {
      return utf8.decode(unshared(this.#bytes, at, byteLength));
    } catch (cause) {
      throw invalid("a string is not UTF-8", at, cause);
    }
  }

  #utf16(byteLength: number): string {
    if (byteLength % 2 !== 0) throw invalid("a UTF-16 string has half a character", this.#position);
    const at = this.#take(byteLength);
    const units = new Uint16Array(byteLength / 2);
    new Uint8Array(units.buffer).set(this.#bytes.subarray(at, at + byteLength));
    let text = "";
    for (let i = 0; i < units.length; i += UTF16_CHUNK_CHARS) {
      text += String.fromCharCode(...units.subarray(i, i + UTF16_CHUNK_CHARS));
    }
    return text;
  }

  #takeEight(): void {
    const at = this.#take(8);
    for (let i = 0; i < 8; i++) eightBytes[i] = this.#bytes[at + i]!;
  }

  #take(byteLength: number): number {
    const at = this.#position;
    if (byteLength > this.#end - at) throw invalid("it ends too early", at);
    this.#position = at + byteLength;
    return at;
  }
}

/** TextDecoder refuses shared memory in browsers, so a string there is copied first. */
function unshared(
  bytes: Uint8Array<ArrayBufferLike>,
  at: number,
  byteLength: number,
): Uint8Array<ArrayBuffer> {
  const part = bytes.subarray(at, at + byteLength);
  return part.buffer instanceof ArrayBuffer
    ? (part as Uint8Array<ArrayBuffer>)
    : new Uint8Array(part);
}

/** @returns the error for bytes that no encoder made. */
export const invalid = (why: string, position: number, cause?: unknown): MeshError =>
  new MeshError(
    "PROTOCOL_VIOLATION",
    `not a sealed value: ${why} (at byte ${position})`,
    { position },
    cause === undefined ? undefined : { cause },
  );
