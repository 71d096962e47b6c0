import fc from "fast-check";
import { expect, test } from "vitest";
import type { MeshError } from "../errors.ts";
import { decodeValue, encodeValue } from "./codec.ts";

const roundTrip = (value: unknown): unknown => decodeValue(encodeValue(value).toBytes());

const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withNullPrototype: true,
  withUnicodeString: true,
  maxDepth: 4,
  values: [
    fc.string({ unit: "binary" }),
    fc.string({ minLength: 60, maxLength: 300, unit: "binary" }),
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.integer(),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
    fc.boolean(),
    fc.constantFrom(undefined, null, Number.NaN, -0),
    fc.date({ noInvalidDate: false }),
    fc.constantFrom(/a(b)?/giu, /\//, new RegExp("")),
  ],
});

test("what structured clone gives, it gives", () => {
  fc.assert(
    fc.property(anything, (value) => {
      expect(roundTrip(value)).toStrictEqual(structuredClone(value));
    }),
    { numRuns: 1_500 },
  );
});

test.each([0, -0, 127, 128, -1, -128, -129, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 0.1, Infinity, NaN])(
  "the number %d survives",
  (number) => expect(roundTrip(number)).toBe(number),
);

test.each([0n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 10n ** 400n])(
  "the bigint %d survives",
  (bigint) => expect(roundTrip(bigint)).toBe(bigint),
);

test.each([
  ["lone surrogates", "a\ud800b\udc00"],
  ["a long string with a lone surrogate", `${"x".repeat(100)}\ud800`],
  ["a byte order mark", `\ufeff${"x".repeat(100)}`],
  ["Latin-1", "é\x80\xff\0"],
  ["long Unicode", "mañana 日本語 🦀".repeat(50)],
  ["long text with lone surrogates", "\udc00".repeat(20_000)],
])("%s survives", (_, text) => expect(roundTrip(text)).toBe(text));

test("cycles and shared objects keep their identity", () => {
  const shared = { n: 1 };
  const value: Record<string, unknown> = { shared, again: shared, list: [shared] };
  value["self"] = value;
  value["map"] = new Map<unknown, unknown>([[value, shared]]);
  value["set"] = new Set([value, shared]);
  const decoded = roundTrip(value) as typeof value;
  expect(decoded["self"]).toBe(decoded);
  expect(decoded["again"]).toBe(decoded["shared"]);
  expect(decoded["list"]).toEqual([decoded["shared"]]);
  expect((decoded["list"] as unknown[])[0]).toBe(decoded["shared"]);
  expect([...(decoded["map"] as Map<unknown, unknown>)][0]).toEqual([decoded, decoded["shared"]]);
  expect((decoded["set"] as Set<unknown>).has(decoded)).toBe(true);
});

test("identity holds among many objects of every kind", () => {
  const objects = [{}, [], new Map(), new Set(), new Date(0), /x/, Object(1), new Error("e")];
  const many = [...objects, ...Array.from({ length: 20 }, () => ({})), new Uint8Array(3)];
  const decoded = roundTrip([many, many.toReversed()]) as unknown[][];
  expect(decoded[1]!.toReversed().every((item, i) => item === decoded[0]![i])).toBe(true);
  expect(new Set(decoded[0]).size).toBe(many.length);
});

test("class instances and null-prototype objects become plain objects", () => {
  class Point {
    x = 1;
    #hidden = 2;
    get sum() {
      return this.x + this.#hidden;
    }
  }
  const tagged = { [Symbol.toStringTag]: "Map", a: 1 };
  const bare: unknown = Object.assign(Object.create(null), { a: 1 });
  expect(roundTrip([new Point(), bare, tagged])).toStrictEqual([{ x: 1 }, { a: 1 }, { a: 1 }]);
});

test("subclasses become what they are underneath", () => {
  class Table extends Map<string, number> {
    override get [Symbol.toStringTag]() {
      return "Table";
    }
  }
  const decoded = roundTrip([
    new Table([["a", 1]]),
    Buffer.from("hi"),
    new (class extends Array {})(),
  ]);
  expect(decoded).toStrictEqual([new Map([["a", 1]]), new Uint8Array([104, 105]), []]);
});

test("getters are read once, and what they remove or add later is not seen", () => {
  let reads = 0;
  const value = {
    get first() {
      reads++;
      delete (this as { second?: number }).second;
      return 1;
    },
    second: 2,
    third: 3,
  };
  expect(roundTrip(value)).toStrictEqual({ first: 1, third: 3 });
  expect(reads).toBe(1);
});

test("a getter may encode a value itself", () => {
  const inner = (): number => encodeValue({ deep: [1, 2, 3] }).byteLength;
  const value = {
    a: 1,
    get b() {
      return inner();
    },
    c: "c",
  };
  expect(roundTrip(value)).toStrictEqual({ a: 1, b: inner(), c: "c" });
});

test("what a getter throws is thrown as it is", () => {
  const thrown = new TypeError("mine");
  const value = {
    get broken(): never {
      throw thrown;
    },
  };
  expect(() => encodeValue(value)).toThrow(thrown);
});

test("an own __proto__ stays a property", () => {
  const value = JSON.parse('{"__proto__": {"polluted": true}, "a": 1}') as object;
  const decoded = roundTrip(value) as Record<string, unknown>;
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
  expect(Object.keys(decoded)).toEqual(["__proto__", "a"]);
  expect(decoded["polluted"]).toBeUndefined();
});

test("huge sparse arrays cost what they hold", () => {
  const sparse: unknown[] = [];
  sparse[5] = "x";
  sparse[4_000_000_000] = "end";
  const holes: unknown[] = [];
  holes.length = 2 ** 32 - 1;
  const encoded = encodeValue([sparse, holes]);
  expect(encoded.byteLength).toBeLessThan(64);
  const [decoded, empty] = decodeValue(encoded.toBytes()) as unknown[][];
  expect([decoded!.length, empty!.length]).toEqual([4_000_000_001, 2 ** 32 - 1]);
  expect(Object.keys(decoded!)).toEqual(["5", "4000000000"]);
});

test("a regular expression forgets where it was", () => {
  const regexp = /a/g;
  regexp.lastIndex = 3;
  expect((roundTrip(regexp) as RegExp).lastIndex).toBe(0);
});

test.each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError])(
  "%o keeps its class, message and stack",
  (Class) => {
    const error = new Class("broken");
    const decoded = roundTrip(error) as Error;
    expect(decoded).toBeInstanceOf(Class);
    expect(decoded.message).toBe("broken");
    expect(decoded.stack).toBe(error.stack);
    expect(Object.keys(decoded)).toEqual([]);
    expect("cause" in decoded).toBe(false);
  },
);

test("errors keep causes, also circular ones, and the errors that they stand for", () => {
  const root = new Error("root", { cause: { code: 7 } });
  const aggregate = new AggregateError([root, "text"], "all", { cause: root });
  (root.cause as Record<string, unknown>)["of"] = aggregate;
  const decoded = roundTrip(aggregate) as AggregateError;
  expect(decoded).toBeInstanceOf(AggregateError);
  expect(decoded.errors).toEqual([decoded.cause, "text"]);
  expect(decoded.cause).toMatchObject({ message: "root", cause: { code: 7 } });
  expect(((decoded.cause as Error).cause as Record<string, unknown>)["of"]).toBe(decoded);
});

test("an error of the user's own class keeps its name", () => {
  class QuotaError extends RangeError {
    override name = "QuotaError";
  }
  const decoded = roundTrip(new QuotaError("full")) as Error;
  expect(decoded).toBeInstanceOf(RangeError);
  expect([decoded.name, decoded.message]).toEqual(["QuotaError", "full"]);
  const abort = roundTrip(new DOMException("stopped", "AbortError")) as Error;
  expect([abort.name, abort.message]).toEqual(["AbortError", "stopped"]);
});

const detached = (): Uint8Array => {
  const view = new Uint8Array(8);
  structuredClone(view.buffer, { transfer: [view.buffer] });
  return view;
};

test.each<[string, unknown, string]>([
  [
    "a function",
    { layers: [{}, {}, {}, { activation: (x: number) => x }] },
    "cannot encode value.layers[3].activation: functions stay where they are; pass the data that " +
      "it needs, or define it inside the task",
  ],
  [
    "a method",
    new (class Net {
      run = () => 1;
    })(),
    "cannot encode value.run: functions stay",
  ],
  ["a symbol", [Symbol("s")], "cannot encode value[0]: a symbol means nothing to another peer"],
  [
    "a promise",
    { "odd key": Promise.resolve(1) },
    'value["odd key"]: a promise stays where it is; await',
  ],
  ["a WeakMap", new WeakMap(), "cannot encode value: weak collections cannot be listed; use a Map"],
  [
    "a generator",
    [(function* () {})()],
    "value[0]: a generator stays where it is; collect it first",
  ],
  ["an iterator", [[].values()], "Array Iterator objects belong to this peer"],
  ["a map's value", new Map([["k", () => 1]]), "cannot encode value<map value 0>: functions"],
  ["a map's key", { m: new Map([[() => 1, 1]]) }, "cannot encode value.m<map key 0>: functions"],
  ["a set's item", new Set([1, () => 1]), "cannot encode value<set item 1>: functions"],
  ["an error's cause", new Error("e", { cause: () => 1 }), "cannot encode value.cause: functions"],
  ["beyond a hole", [, , () => 1], "cannot encode value[2]: functions"], // oxlint-disable-line no-sparse-arrays
  ["a URL", { url: new URL("http://a.b") }, "value.url: a URL belongs to this peer; pass its href"],
  [
    "a host object",
    new AbortController(),
    "AbortController objects belong to this peer; pass the plain",
  ],
  ["a boxed symbol", Object(Symbol("s")), "a symbol means nothing"],
  ["a detached buffer", [detached()], "value[0]: its buffer was transferred away"],
])("refuses %s, naming where it is and what to do", (_, value, message) => {
  expect(() => encodeValue(value)).toThrow(
    expect.objectContaining({ code: "NOT_ENCODABLE", message: expect.stringContaining(message) }),
  );
});

test("refuses what is nested deeper than 1000 levels, and takes what is not", () => {
  const nest = (levels: number): unknown => {
    let value: unknown = 0;
    for (let i = 0; i < levels; i++) value = [value];
    return value;
  };
  expect(roundTrip(nest(1_000))).toBeInstanceOf(Array);
  try {
    encodeValue(nest(1_001));
    expect.unreachable();
  } catch (error) {
    const { code, message } = error as MeshError;
    expect(code).toBe("NOT_ENCODABLE");
    expect(message).toContain("[0]: it is nested more than 1000 levels deep; flatten it");
  }
});
