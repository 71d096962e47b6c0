import { type ByteReader, invalid } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { OUT_OF_BAND_BYTES_MIN, VIEW_KINDS, alignUp } from "./tags.ts";

const OUT_OF_BAND = 1;
/** The value holds the buffer itself, not only views: decoding must give it one of its own. */
const WHOLE = 2;
/** Two bits: the largest element that a view on it has, as a power of two. */
const ELEMENT_SHIFT = 2;
const FLAGS_ALL = 15;

interface Collected {
  readonly buffer: ArrayBufferLike;
  start: number;
  end: number;
  elementLog2: number;
  whole: boolean;
}

/** The buffers of a value being encoded, and how much of each its views cover. */
export class BufferCollector {
  readonly #collected: Collected[] = [];
  readonly #indexes = new Map<ArrayBufferLike, number>();

  /** @returns the buffer's number. */
  addView(view: ArrayBufferView<ArrayBufferLike>, elementLog2: number): number {
    const start = view.byteOffset;
    const end = start + view.byteLength;
    const index = this.#indexOf(view.buffer, start, end);
    const collected = this.#collected[index]!;
    if (start < collected.start) collected.start = start;
    if (end > collected.end) collected.end = end;
    if (elementLog2 > collected.elementLog2) collected.elementLog2 = elementLog2;
    return index;
  }

  addWhole(buffer: ArrayBufferLike): number {
    const index = this.#indexOf(buffer, 0, buffer.byteLength);
    const collected = this.#collected[index]!;
    collected.start = 0;
    collected.end = buffer.byteLength;
    collected.whole = true;
    return index;
  }

  /** Write the table. @returns the buffers that follow the head. */
  writeTable(out: ByteWriter): readonly Uint8Array<ArrayBufferLike>[] {
    const following: Uint8Array<ArrayBufferLike>[] = [];
    for (const { buffer, start: firstByte, end, elementLog2, whole } of this.#collected) {
      const start = firstByte - (firstByte % (1 << elementLog2));
      const bytes = new Uint8Array(buffer, start, end - start);
      const outOfBand = bytes.length >= OUT_OF_BAND_BYTES_MIN;
      out.byte(
        (outOfBand ? OUT_OF_BAND : 0) | (whole ? WHOLE : 0) | (elementLog2 << ELEMENT_SHIFT),
      );
      out.varint(start);
      out.varint(bytes.length);
      if (outOfBand) following.push(bytes);
      else out.raw(bytes);
    }
    return following;
  }

  #indexOf(buffer: ArrayBufferLike, start: number, end: number): number {
    const known = this.#indexes.get(buffer);
    if (known !== undefined) return known;
    const index = this.#collected.push({ buffer, start, end, elementLog2: 0, whole: false }) - 1;
    this.#indexes.set(buffer, index);
    return index;
  }
}

interface Entry {
  readonly start: number;
  readonly byteLength: number;
  /** Where it is in the sealed bytes. */
  readonly offset: number;
  readonly copied: boolean;
  /** Where it is in memory, once asked for. */
  placed?: { readonly buffer: ArrayBufferLike; readonly offset: number };
}

/** The buffers of a value being decoded. Nothing is copied before it is asked for, or twice. */
export class BufferTable {
  readonly #bytes: Uint8Array<ArrayBufferLike>;
  readonly #entries: readonly Entry[];

  /** @throws MeshError `PROTOCOL_VIOLATION` unless the buffers fill the bytes to the end. */
  constructor(bytes: Uint8Array<ArrayBufferLike>, table: ByteReader, headBytes: number) {
    this.#bytes = bytes;
    const entries: Entry[] = [];
    let end = headBytes;
    while (table.remainingBytes > 0) {
      const flags = table.byte();
      if (flags > FLAGS_ALL) throw invalid("a buffer has unknown flags", table.position);
      const start = table.varint();
      const byteLength = table.varint();
      const element = 1 << (flags >> ELEMENT_SHIFT);
      let offset = table.position;
      let copied = true;
      if ((flags & OUT_OF_BAND) === 0) table.raw(byteLength);
      else {
        offset = alignUp(end);
        end = offset + byteLength;
        copied = (flags & WHOLE) !== 0 || (bytes.byteOffset + offset) % element !== 0;
      }
      entries.push({ start, byteLength, offset, copied });
    }
    if (end !== bytes.length) throw invalid("its length disagrees with its buffers", end);
    this.#entries = entries;
  }

  /** @throws MeshError `PROTOCOL_VIOLATION` if it would lie outside its buffer. */
  view(kindNumber: number, index: number, byteOffset: number, length: number): object {
    const kind = VIEW_KINDS[kindNumber];
    const entry = this.#entries[index];
    if (!kind || !entry) throw invalid("a view has an unknown kind or buffer", 0);
    if (!kind.Class) throw invalid(`it holds a ${kind.name}, which this engine lacks`, 0);
    const element = 1 << kind.elementLog2;
    const offsetInEntry = byteOffset - entry.start;
    if (offsetInEntry < 0 || offsetInEntry + length * element > entry.byteLength) {
      throw invalid("a view is outside its buffer", entry.offset);
    }
    const { buffer, offset } = this.#place(entry);
    if ((offset + offsetInEntry) % element !== 0) {
      throw invalid("a view is not aligned", entry.offset);
    }
    return new kind.Class(buffer, offset + offsetInEntry, length);
  }

  /** @throws MeshError `PROTOCOL_VIOLATION` if only views of it were sealed. */
  whole(index: number): object {
    const entry = this.#entries[index];
    if (!entry?.copied || entry.start !== 0) throw invalid("a buffer is not whole", 0);
    return this.#place(entry).buffer;
  }

  #place(entry: Entry): NonNullable<Entry["placed"]> {
    entry.placed ??= entry.copied
      ? { buffer: this.#copy(entry), offset: 0 }
      : { buffer: this.#bytes.buffer, offset: this.#bytes.byteOffset + entry.offset };
    return entry.placed;
  }

  #copy({ offset, byteLength }: Entry): ArrayBuffer {
    const copy = new Uint8Array(byteLength);
    copy.set(this.#bytes.subarray(offset, offset + byteLength));
    return copy.buffer;
  }
}

/** Lay the head and the buffers out in `target`, from its first byte. */
export function writeBuffers(
  target: Uint8Array<ArrayBufferLike>,
  head: Uint8Array<ArrayBuffer>,
  following: readonly Uint8Array<ArrayBufferLike>[],
): void {
  target.set(head);
  let end = head.length;
  for (const bytes of following) {
    const start = alignUp(end);
    target.fill(0, end, start);
    target.set(bytes, start);
    end = start + bytes.length;
  }
}

/** What `writeBuffers` writes in all. */
export function sealedBytes(headBytes: number, following: readonly Uint8Array[]): number {
  return following.reduce((end, bytes) => alignUp(end) + bytes.length, headBytes);
}
