import fc from "fast-check";
import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import type { ActorId, ObjectId } from "../ids.ts";
import { type RefCodec, decodeValue, encodeValue } from "./codec.ts";

const refs: RefCodec = { toWire: () => undefined, fromWire: (ref) => ref };

/** @returns whether the bytes were refused; anything but a PROTOCOL_VIOLATION fails the test. */
function isRefused(bytes: Uint8Array): boolean {
  try {
    decodeValue(bytes, refs);
    return false;
  } catch (error) {
    if (!MeshError.is(error) || error.code !== "PROTOCOL_VIOLATION") throw error;
    return true;
  }
}

const sample = encodeValue({
  list: [1, -200, 70_000, 0.5, "short", "long ".repeat(30), "\ud800", 2n ** 80n, 5n, undefined],
  nested: new Map<unknown, unknown>([[new Set([null, true]), { date: new Date(1), regexp: /a/g }]]),
  error: new AggregateError([new TypeError("inner")], "outer", { cause: Object(7) }),
  small: new Float32Array(4),
  large: new Float64Array(100),
  whole: new ArrayBuffer(500),
  sparse: Object.assign([], { 30: 1 }),
}).toBytes();

test("every truncation of a value is refused", () => {
  for (let length = 0; length < sample.length; length++) {
    expect(isRefused(sample.slice(0, length))).toBe(true);
  }
  const bare = encodeValue([1, { a: "b" }, 0.5, 12n, new Date(0)]).toBytes();
  for (let length = 0; length < bare.length; length++) {
    expect(isRefused(bare.slice(0, length))).toBe(true);
  }
});

test("bytes after a value are refused", () => {
  for (const bytes of [sample, encodeValue(4).toBytes(), encodeValue([1]).toBytes()]) {
    expect(isRefused(new Uint8Array([...bytes, 0]))).toBe(true);
  }
});

test("noise is decoded or refused, never worse", () => {
  const noise = fc.uint8Array({ maxLength: 200 });
  let refused = 0;
  const attempt = (bytes: readonly number[]): void => {
    if (isRefused(new Uint8Array(bytes))) refused++;
  };
  fc.assert(
    fc.property(noise, (bytes) => attempt([1, ...bytes])),
    { numRuns: 20_000 },
  );
  const sized = fc.tuple(fc.nat(80), fc.nat(40), noise);
  fc.assert(
    fc.property(sized, ([head, table, bytes]) =>
      attempt([2, 0, 0, 0, head, 0, 0, 0, table, 0, 0, 0, ...bytes]),
    ),
    { numRuns: 20_000 },
  );
  expect(refused).toBeGreaterThan(30_000);
});

test("a damaged value is decoded or refused, never worse", () => {
  const damage = fc.array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1 });
  let refused = 0;
  fc.assert(
    fc.property(damage, (changes) => {
      const bytes = sample.slice();
      for (const [at, byte] of changes) bytes[at] = byte;
      if (isRefused(bytes)) refused++;
    }),
    { numRuns: 5_000 },
  );
  expect(refused).toBeGreaterThan(500);
});

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
const [TAG_HOLES, TAG_ARRAY, TAG_BACK_REFERENCE] = [14, 13, 12];

test("a view never reaches beyond its buffer, even where memory goes on", () => {
  for (const length of [100, 300]) {
    const encoded = encodeValue(new Uint8Array(length));
    const bytes = new Uint8Array(10_000).subarray(0, encoded.byteLength);
    encoded.writeTo(bytes);
    const lengthAt = 16;
    expect([...bytes.subarray(lengthAt, lengthAt + 2)]).toEqual([...varint(length), 0].slice(0, 2));
    bytes[lengthAt]! += 1;
    expect(isRefused(bytes)).toBe(true);
    bytes[lengthAt]! -= 2;
    expect(decodeValue(bytes)).toHaveLength(length - 1);
  }
});

test("claimed lengths allocate nothing", () => {
  // Each element claims an array of 30 million holes; allocated, they would take 240 MB each.
  const hole = [TAG_ARRAY, ...varint(30_000_000), TAG_HOLES, ...varint(30_000_000)];
  const count = 2_000;
  const bytes = [1, TAG_ARRAY, ...varint(count)];
  for (let i = 0; i < count; i++) bytes.push(...hole);
  const before = process.memoryUsage().rss;
  const decoded = decodeValue(new Uint8Array(bytes)) as unknown[];
  expect(decoded).toHaveLength(count);
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);

  const nested = Array.from({ length: 900 }, () => [TAG_ARRAY, ...varint(2 ** 32 - 1)]).flat();
  expect(isRefused(new Uint8Array([1, ...nested]))).toBe(true);
});

test("nesting beyond the limit, and references ahead, are refused", () => {
  const deep = Array.from({ length: 100_000 }, () => [TAG_ARRAY, 1]).flat();
  expect(isRefused(new Uint8Array([1, ...deep, 0x80]))).toBe(true);
  expect(isRefused(new Uint8Array([1, TAG_BACK_REFERENCE, 0]))).toBe(true);
});

test("refs are refused where none are expected, and malformed ids everywhere", () => {
  const withRef = (id: string): Uint8Array => {
    const wire = { kind: "object", object: id as ObjectId } as const;
    return encodeValue({}, { ...refs, toWire: () => wire }).toBytes();
  };
  expect(decodeValue(withRef("n1.7"), refs)).toEqual({ kind: "object", object: "n1.7" });
  expect(() => decodeValue(withRef("n1.7"))).toThrow("it holds a ref where none is expected");
  for (const id of ["", "n1 7", "n1.7\n", "x".repeat(65), "a.b.c"]) {
    expect(isRefused(withRef(id))).toBe(true);
  }
});

class Handle {
  readonly id: string;
  constructor(id: string) {
    this.id = id;
  }
}
const actors = new WeakMap<object, ActorId>();
const handles: RefCodec = {
  toWire(value) {
    const actor = actors.get(value);
    if (actor) return { kind: "actor", actor, methods: ["add", "get"] };
    return value instanceof Handle ? { kind: "object", object: value.id as ObjectId } : undefined;
  },
  fromWire: (ref) => (ref.kind === "object" ? new Handle(ref.object) : ref),
};

test("handles travel as refs, keep their identity and are listed once", () => {
  const first = new Handle("d1.a");
  const actor = new Proxy(() => 0, { get: () => expect.unreachable() });
  actors.set(actor, "d1.c" as ActorId);
  const encoded = encodeValue({ first, again: [first, new Handle("d1.b")], actor }, handles);
  expect(encoded.contained).toEqual(["d1.a", "d1.b"]);
  const decoded = decodeValue(encoded.toBytes(), handles) as Record<string, unknown>;
  expect(decoded["first"]).toBeInstanceOf(Handle);
  expect((decoded["again"] as unknown[])[0]).toBe(decoded["first"]);
  expect(decoded["actor"]).toEqual({ kind: "actor", actor: "d1.c", methods: ["add", "get"] });
});
