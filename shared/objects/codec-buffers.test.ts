import { expect, test } from "vitest";
import { decodeValue, encodeValue } from "./codec.ts";

/** The bytes at `misalignment` from an address divisible by 64. */
function placed(bytes: Uint8Array, misalignment = 0): Uint8Array<ArrayBuffer> {
  const place = new Uint8Array(bytes.length + misalignment).subarray(misalignment);
  place.set(bytes);
  return place;
}

const large = Float32Array.from({ length: 1_000 }, (_, i) => i / 3);

test.each([
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
])("a large %o becomes a view on the sealed bytes", (Class) => {
  const array = new Class(1_000).fill(7);
  const bytes = encodeValue({ array }).toBytes();
  const { array: decoded } = decodeValue(bytes) as { array: typeof array };
  expect(decoded).toStrictEqual(array);
  expect(decoded.buffer).toBe(bytes.buffer);
  expect(decoded.byteOffset % 64).toBe(0);
});

test("BigInt arrays and DataViews become views too", () => {
  const signed = BigInt64Array.from({ length: 100 }, (_, i) => -BigInt(i));
  const unsigned = BigUint64Array.from({ length: 100 }, (_, i) => BigInt(i));
  const view = new DataView(large.buffer, 4, 800);
  const bytes = encodeValue([signed, unsigned, view]).toBytes();
  const decoded = decodeValue(bytes) as [typeof signed, typeof unsigned, typeof view];
  expect(decoded.slice(0, 2)).toStrictEqual([signed, unsigned]);
  expect(decoded[2]).toBeInstanceOf(DataView);
  expect([decoded[2].byteLength, decoded[2].getFloat32(0, true)]).toEqual([800, large[1]]);
  expect(decoded.every(({ buffer }) => buffer === bytes.buffer)).toBe(true);
});

test("small arrays are copied out of the head", () => {
  const bytes = encodeValue(new Float64Array([1, 2])).toBytes();
  const decoded = decodeValue(bytes) as Float64Array;
  expect(decoded).toStrictEqual(new Float64Array([1, 2]));
  expect(decoded.buffer.byteLength).toBe(16);
});

test.each([1, 2, 4, 8, 60])("bytes at an address off by %d decode to equal values", (off) => {
  const value = { a: large, b: new Float64Array(large), c: new Uint8Array(large.buffer) };
  const bytes = placed(encodeValue(value).toBytes(), off);
  const decoded = decodeValue(bytes) as typeof value;
  expect(decoded).toStrictEqual(structuredClone(value));
  expect(decoded.a.buffer === bytes.buffer).toBe(off % 4 === 0);
  expect(decoded.b.buffer === bytes.buffer).toBe(off % 8 === 0);
  expect(decoded.c.buffer).toBe(decoded.a.buffer);
});

test("views on one buffer share it after decoding, wherever the bytes lie", () => {
  for (const length of [4, 4_000]) {
    for (const off of [0, 1]) {
      const buffer = new ArrayBuffer(length * 8);
      const value = { a: new Uint8Array(buffer, 1), b: new Float64Array(buffer, 8) };
      const bytes = placed(encodeValue(value).toBytes(), off);
      const { a, b } = decodeValue(bytes) as typeof value;
      b[0] = 1;
      expect(a[7 + 7]).toBe(new Uint8Array(new Float64Array([1]).buffer)[7]);
      expect([a.length, b.length]).toEqual([length * 8 - 1, length - 1]);
    }
  }
});

test("only the part of a buffer that is in view is sealed", () => {
  const memory = new Uint8Array(1_000_000);
  const encoded = encodeValue([
    memory.subarray(500_000, 500_010),
    memory.subarray(500_004, 500_300),
  ]);
  expect(encoded.byteLength).toBeLessThan(600);
  expect(decodeValue(encoded.toBytes())).toStrictEqual([new Uint8Array(10), new Uint8Array(296)]);
});

test("an ArrayBuffer gets memory of its own, and its views share it", () => {
  for (const length of [8, 8_000]) {
    const buffer = new Uint8Array(length).fill(7).buffer;
    const bytes = encodeValue({ view: new Uint8Array(buffer, 2), buffer }).toBytes();
    const decoded = decodeValue(bytes) as { view: Uint8Array; buffer: ArrayBuffer };
    expect(decoded.buffer).toBeInstanceOf(ArrayBuffer);
    expect(decoded.buffer.byteLength).toBe(length);
    expect(decoded.buffer).not.toBe(bytes.buffer);
    expect(decoded.view.buffer).toBe(decoded.buffer);
    expect(decoded.view).toHaveLength(length - 2);
  }
});

test("shared memory is copied to an ArrayBuffer", () => {
  const shared = new SharedArrayBuffer(300);
  new Uint8Array(shared).fill(3);
  const decoded = decodeValue(encodeValue([shared, new Uint8Array(shared)]).toBytes());
  const [buffer, view] = decoded as [ArrayBuffer, Uint8Array];
  expect(buffer).toBeInstanceOf(ArrayBuffer);
  expect(view.buffer).toBe(buffer);
  expect(view).toStrictEqual(new Uint8Array(300).fill(3));
});

test("objects sealed in shared memory decode to views on it", () => {
  const value = {
    large,
    text: "long enough for a TextDecoder ".repeat(4),
    odd: "\ud800".repeat(99),
  };
  const encoded = encodeValue(value);
  const memory = new SharedArrayBuffer(encoded.byteLength + 64);
  const bytes = new Uint8Array(memory, 64, encoded.byteLength);
  encoded.writeTo(bytes);
  const decoded = decodeValue(bytes) as typeof value;
  expect([...decoded.large]).toEqual([...large]);
  expect(decoded.large.buffer).toBe(memory);
  expect([decoded.text, decoded.odd]).toEqual([value.text, value.odd]);
});

test("padding is zeroed, whatever the target held", () => {
  const encoded = encodeValue([large, new Uint8Array(300)]);
  const dirty = new Uint8Array(encoded.byteLength).fill(0xff);
  encoded.writeTo(dirty);
  expect(dirty).toStrictEqual(encoded.toBytes());
});

test("empty arrays and buffers survive", () => {
  const value = [new Float64Array(0), new ArrayBuffer(0), new DataView(new ArrayBuffer(0))];
  expect(decodeValue(encodeValue(value).toBytes())).toStrictEqual(value);
});
