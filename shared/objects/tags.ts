/**
 * The bytes of a sealed object. Numbers are little-endian, as are all engines with WebAssembly.
 *
 *   bare      0x01 value                              nothing but the value, to the last byte
 *   buffers   0x02 0 0 0, u32 headBytes, u32 tableBytes, value, table, then buffers
 *
 * `headBytes` counts from the first byte to the end of the table. The table has one entry for each
 * ArrayBuffer in the value: `u8 flags, varint start, varint length`. A small buffer's bytes follow
 * its entry; a bigger one's lie behind the head, each at the next multiple of 64, so that an aligned
 * object decodes to typed arrays that are views on the sealed bytes.
 *
 * Of a buffer only the part that the value's views cover is sealed: `start` is where that part
 * began, and views keep their offsets into the original.
 *
 * A value is a tag and what the tag says. Objects are numbered in the order in which they begin, so
 * that a later mention is a back reference.
 */
export const FORMAT_BARE = 0x01;
export const FORMAT_BUFFERS = 0x02;
export const PREAMBLE_BYTES = 12;
export const ALIGN_BYTES = 64;

/** Buffers below this size live in the head: a copy is cheaper than 63 bytes of padding. */
export const OUT_OF_BAND_BYTES_MIN = 256;

/** Nested objects, so that neither side runs out of stack. */
export const DEPTH_MAX = 1_000;

/** A run of holes longer than this makes the decoder's array a sparse one (decoder.ts). */
export const HOLES_DENSE_MAX = 16;

/** Tags from here up are the integers 0 to 127. */
export const TAG_SMALL_INT = 0x80;
/** Tags from here up to TAG_SMALL_INT are strings of 0 to 63 Latin-1 characters. */
export const TAG_SHORT_TEXT = 0x40;
export const SHORT_TEXT_CHARS_MAX = 63;

/** Ends objects, maps and sets. */
export const TAG_END = 0;
export const TAG_UNDEFINED = 1;
export const TAG_NULL = 2;
export const TAG_FALSE = 3;
export const TAG_TRUE = 4;
export const TAG_INT8 = 5;
export const TAG_INT32 = 6;
export const TAG_FLOAT64 = 7;
export const TAG_BIGINT64 = 8;
/** `u8 negative, varint length`, then that many bytes of magnitude, most significant first. */
export const TAG_BIGINT = 9;
/** `u32 length`, then UTF-8. */
export const TAG_UTF8 = 10;
/** `u32 length` in bytes, then UTF-16: strings with lone surrogates, and short ones. */
export const TAG_UTF16 = 11;
/** `varint number` of an object that has begun. */
export const TAG_BACK_REFERENCE = 12;
/** `varint length`, then elements and runs of holes that add up to it. */
export const TAG_ARRAY = 13;
/** `varint count`; only inside an array. */
export const TAG_HOLES = 14;
/** Keys (strings) and values in turn, TAG_END. */
export const TAG_OBJECT = 15;
/** Keys and values in turn, TAG_END. */
export const TAG_MAP = 16;
/** Values, TAG_END. */
export const TAG_SET = 17;
/** `f64` milliseconds. */
export const TAG_DATE = 18;
/** Source and flags, two strings. */
export const TAG_REGEXP = 19;
/** A wrapper object around the primitive that follows. */
export const TAG_BOXED = 20;
/** `u8 class, u8 fields`, then the fields whose bit is set, in the order of ERROR_FIELD. */
export const TAG_ERROR = 21;
/** `u8 kind, varint buffer, varint byteOffset, varint length` in elements. */
export const TAG_VIEW = 22;
/** `varint buffer`. */
export const TAG_BUFFER = 23;
/** The object's id, a string. */
export const TAG_OBJECT_REF = 24;
/** The actor's id, `varint count`, that many method names. */
export const TAG_ACTOR_REF = 25;

export const ERROR_FIELD = { name: 1, message: 2, stack: 4, cause: 8, errors: 16 } as const;
export const ERROR_FIELDS_ALL = 31;

/** The wire's number for a native error class is its place here; never reorder. */
export const ERROR_CLASSES = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
] as const;

export const ERROR_CLASS_NAMES: readonly string[] = ERROR_CLASSES.map((Class) => Class.name);

type View = ArrayBufferView<ArrayBufferLike>;
interface ViewKind {
  readonly name: string;
  readonly elementLog2: number;
  /** Absent where the engine does not have it. */
  readonly Class:
    | (new (buffer: ArrayBufferLike, offset: number, length: number) => View)
    | undefined;
}

const viewKind = (name: string, elementLog2: number): ViewKind => ({
  name,
  elementLog2,
  Class: (globalThis as unknown as Record<string, ViewKind["Class"]>)[name],
});

/** The wire's number for a kind of view is its place here; never reorder. */
export const VIEW_KINDS: readonly ViewKind[] = [
  viewKind("Uint8Array", 0),
  viewKind("Int8Array", 0),
  viewKind("Uint8ClampedArray", 0),
  viewKind("Uint16Array", 1),
  viewKind("Int16Array", 1),
  viewKind("Uint32Array", 2),
  viewKind("Int32Array", 2),
  viewKind("Float32Array", 2),
  viewKind("Float64Array", 3),
  viewKind("BigUint64Array", 3),
  viewKind("BigInt64Array", 3),
  viewKind("DataView", 0),
  viewKind("Float16Array", 1),
];
export const VIEW_KIND_NUMBERS: ReadonlyMap<string, number> = new Map(
  VIEW_KINDS.map(({ name }, number) => [name, number]),
);

export const alignUp = (byteLength: number): number =>
  Math.ceil(byteLength / ALIGN_BYTES) * ALIGN_BYTES;
