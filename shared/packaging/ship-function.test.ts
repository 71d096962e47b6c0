/* oxlint-disable typescript/no-implied-eval, typescript/no-extraneous-class -- code to ship */
import { expect, test } from "vitest";
import { SOURCE_CHARS_MAX } from "../protocol/limits.ts";
import { type Shipped, shipClass, shipFunction } from "./ship-function.ts";

type Callable = (...args: unknown[]) => unknown;

const modules = (specifier: unknown): unknown => Promise.resolve({ specifier });
const name = <T extends object>(target: T, value: string): T =>
  Object.defineProperty(target, "name", { value });

/** As an executor does. */
function revive<T = Callable>({ source }: Shipped): T {
  const make = new Function("__manta_import", "__name", `"use strict"; return (\n${source}\n)`);
  return make(modules, name) as T;
}

/** A function from text that no bundler of the tests has touched. */
const written = (text: string): Callable => new Function(`return (${text})`)() as Callable;

const collect = async (items: unknown): Promise<unknown[]> => {
  const all: unknown[] = [];
  for await (const item of items as AsyncIterable<unknown>) all.push(item);
  return all;
};

const computed = "computed name";
const shapes: Record<string, [fn: Function, args: unknown[], result: unknown]> = {
  arrow: [(x: number) => x * x, [4], 16],
  "arrow with a body": [
    (x: number) => {
      const y = x + 1;
      return { y };
    },
    [1],
    { y: 2 },
  ],
  "arrow that gives an object": [(x: number) => ({ x }), [1], { x: 1 }],
  "async arrow": [async (x: number) => x + 1, [1], 2],
  function: [
    function (this: unknown, ...rest: number[]) {
      return [this, rest.length, arguments.length, new.target];
    },
    [1, 2],
    [undefined, 2, 2, undefined],
  ],
  recursion: [
    function factorial(n: number): number {
      return n < 2 ? 1 : n * factorial(n - 1);
    },
    [5],
    120,
  ],
  method: [
    {
      add(k: number) {
        return k + 1;
      },
    }.add,
    [1],
    2,
  ],
  "async method": [
    {
      async add(k: number) {
        return k + 1;
      },
    }.add,
    [1],
    2,
  ],
  "method with a computed name": [
    {
      [computed](k: number) {
        return k + 2;
      },
    }[computed]!,
    [1],
    3,
  ],
  "method with super": [
    {
      keys() {
        return typeof super.toString;
      },
    }.keys,
    [],
    "function",
  ],
  "static method": [
    class {
      static twice(k: number) {
        return 2 * k;
      }
    }.twice,
    [2],
    4,
  ],
  "method named like a keyword": [
    {
      delete(k: number) {
        return -k;
      },
    }.delete,
    [1],
    -1,
  ],
  "defaults and destructuring": [
    ({ a = 1, b: [c, ...rest] = [2, 3] }: { a?: number; b?: number[] } = {}, d = a + c!) => [
      a,
      c,
      rest,
      d,
    ],
    [{ b: [5, 6, 7] }],
    [1, 5, [6, 7], 6],
  ],
  "labels, catch bindings and blocks": [
    (n: number) => {
      const found: unknown[] = [];
      outer: for (let i = 0; i < n; i++) {
        for (const j of [1, 2]) {
          if (j > i) continue outer;
          found.push(i * j);
        }
      }
      try {
        throw new TypeError("thrown");
      } catch (thrown) {
        const { message } = thrown as Error;
        found.push(message);
      }
      return found;
    },
    [3],
    [1, 2, 4, "thrown"],
  ],
  "a class inside": [
    (n: number) => {
      class Base {
        static made = 0;
        static {
          Base.made = 10;
        }
        #n = n;
        get n() {
          return this.#n;
        }
      }
      class Derived extends Base {
        own = [1].map((k) => k + this.n);
      }
      return [new Derived().own, Base.made, new Derived() instanceof Base];
    },
    [1],
    [[2], 10, true],
  ],
  "globals that exist everywhere": [
    () => [
      typeof console.log,
      typeof performance.now(),
      new TextEncoder().encode("a").length,
      structuredClone(new Map([[undefined, Number.NaN]])).size,
      typeof queueMicrotask,
      [AbortController, URL, WebAssembly, crypto, setTimeout, fetch, atob].length,
    ],
    [],
    ["function", "number", 1, 1, "function", 7],
  ],
  "a global that it looks for": [
    () => (typeof process !== "undefined" ? typeof process.pid : "browser"),
    [],
    "number",
  ],
  "WebGPU's constants": [() => [1].map(() => (false ? GPUBufferUsage.MAP_READ : 2)), [], [2]], // oxlint-disable-line no-constant-condition
};

for (const [shape, [fn, args, result]] of Object.entries(shapes)) {
  test(`ships: ${shape}`, async () => {
    const shipped = shipFunction(fn);
    expect(await revive(shipped).apply(undefined, args)).toEqual(result);
    expect(shipped.name).toBe(fn.name);
    expect(shipped.methods).toEqual([]);
  });
}

test("generators, also as methods, and what is async is told", async () => {
  const methods = {
    *list() {
      yield 1;
    },
    async *stream() {
      yield 2;
    },
  };
  const sync = shipFunction(methods.list);
  expect([sync.isGenerator, sync.isAsync]).toEqual([true, false]);
  expect([...(revive(sync)() as Iterable<unknown>)]).toEqual([1]);
  const streams: Function[] = [
    methods.stream,
    async function* () {
      yield 2;
    },
  ];
  for (const fn of streams) {
    const shipped = shipFunction(fn);
    expect([shipped.isGenerator, shipped.isAsync]).toEqual([true, true]);
    expect(await collect(revive(shipped)())).toEqual([2]);
  }
  expect(shipFunction(async () => 1)).toMatchObject({ isGenerator: false, isAsync: true });
});

test("import expressions become __manta_import, strings and names do not", async () => {
  const fn = written(`async (x) => {
    const text = "import('y')", imported = 1; // import("z")
    return [(await import("a")).specifier, text, await import(x + \`\${(await import("b")).specifier}\`)];
  }`);
  const { source } = shipFunction(fn);
  expect(source.match(/__manta_import/g)).toHaveLength(3);
  expect(await revive({ ...shipFunction(fn) })("c")).toEqual([
    "a",
    "import('y')",
    { specifier: "cb" },
  ]);
  const method = written(`{ async load(x = import("d")) { return (await x).specifier } }`);
  const { load } = method as unknown as { load: Callable };
  expect(await revive(shipFunction(load))()).toBe("d");
});

test("import expressions that a bundler has rewritten work too", async () => {
  const fn = async () => (await import("node:path")) as unknown;
  expect(await revive(shipFunction(fn))()).toEqual({ specifier: "node:path" });
});

test("the same function is parsed once", () => {
  const fn = () => 1;
  expect(shipFunction(fn)).toBe(shipFunction(fn));
  class Once {}
  expect(shipClass(Once)).toBe(shipClass(Once));
});

test("esbuild's keepNames helper is known", () => {
  const fn = written(`() => { const g = __name(() => {}, "gee"); return g.name }`);
  expect(revive(shipFunction(fn))()).toBe("gee");
});

test("ships a class with all that a class can have", () => {
  class Counter extends EventTarget {
    static made = 0;
    static {
      Counter.made = 1;
    }
    n = 0;
    #step = 1;
    double = (k: number) => 2 * k;
    get total() {
      return this.n;
    }
    add(k: number) {
      return (this.n += k * this.#step);
    }
    static reset() {}
    async [computed]() {}
    #hidden() {}
    reveal() {
      this.#hidden();
      return new Counter() instanceof Counter;
    }
    [Symbol.iterator]() {}
  }
  // The computed name is the test's own variable: without it the class stands on its own.
  expect(() => shipClass(Counter)).toThrow('it uses "computed" (line');
  const text = Counter.toString().replace("[computed]", '["computed name"]');
  const Written = written(text);
  const shipped = shipClass(Written);
  expect(shipped).toMatchObject({ name: "Counter", isAsync: false, isGenerator: false });
  expect(shipped.methods).toEqual(["add", "computed name", "reveal", "double"]);
  const Revived = revive<typeof Counter>(shipped);
  const counter = new Revived();
  expect([counter.add(2), counter.add(3), counter.double(4), counter.reveal()]).toEqual([
    2,
    5,
    8,
    true,
  ]);
});

test("ships an anonymous class", () => {
  const shipped = shipClass(
    (() =>
      class {
        hello() {
          return "hi";
        }
      })(),
  );
  expect(new (revive<new () => { hello(): string }>(shipped))().hello()).toBe("hi");
  expect(shipped.methods).toEqual(["hello"]);
});

const hidden = { step: 1 };
test.each<[string, () => unknown, string]>([
  ["a built-in", () => shipFunction(Math.max), 'cannot ship function "max": it is built in, bound'],
  [
    "a bound function",
    () => shipFunction(Math.max.bind(Math, 1)),
    'cannot ship function "bound max": it is built in, bound or a proxy, so its source is hidden',
  ],
  ["a built-in class", () => shipClass(Map), 'cannot ship class "Map": it is built in'],
  ["no function", () => shipFunction(4 as never), "expected a function, got number"],
  ["a class as a function", () => shipFunction(class Foo {}), "it is a class; use mesh.actor"],
  ["a function as a class", () => shipClass(() => 1), "an actor is made from a class"],
  [
    "a getter",
    () =>
      shipFunction(
        Object.getOwnPropertyDescriptor(
          {
            get x() {
              return 1;
            },
          },
          "x",
        )!.get!,
      ), // oxlint-disable-line
    "its source does not stand on its own",
  ],
  [
    "a method that needs its class",
    () =>
      shipFunction(
        written("class { #n = 1; read() { return this.#n } }").prototype.read as Callable,
      ),
    "Private field '#n' must be declared in an enclosing class",
  ],
  [
    "what only sloppy mode takes",
    () => shipFunction(new Function("with (Math) { return max(1, 2) }")),
    "'with' in strict mode",
  ],
  [
    "a source over the limit",
    () => shipFunction(written(`() => "${"x".repeat(SOURCE_CHARS_MAX)}"`)),
    `at most ${SOURCE_CHARS_MAX} travel with a function; store large constants with mesh.put`,
  ],
])("refuses %s", (_, ship, message) => {
  expect(hidden.step).toBe(1);
  expect(ship).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: expect.stringContaining(message),
    }),
  );
});

test("import.meta is refused, also where a bundler has rewritten it", async () => {
  const refused = expect.objectContaining({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining('function "here": import.meta (line 1) means this file'),
  });
  const here = () => import.meta.url;
  expect(() => shipFunction(here)).toThrow(refused);
  const url = "data:text/javascript,export const here = () => import.meta.url";
  const original = (await import(/* @vite-ignore */ url)) as { here: Callable };
  expect(original.here.toString()).toContain("import.meta");
  expect(() => shipFunction(original.here)).toThrow(refused);
});
