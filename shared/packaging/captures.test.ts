/* oxlint-disable typescript/no-implied-eval, typescript/no-extraneous-class -- code to ship */
import { expect, test } from "vitest";
import { alignUp } from "../objects/tags.ts";
import { shipClass, shipFunction } from "./ship-function.ts";
import * as everything from "./globals.ts";

type Callable = (...args: unknown[]) => unknown;
const written = (text: string): Callable => new Function(`return (${text})`)() as Callable;

const advice =
  "which will not exist where it runs. Pass it as an argument, or store it with mesh.put and pass " +
  "the ref, or define it inside the function.";

const captured = (message: string): unknown =>
  expect.objectContaining({
    code: "CAPTURED_VARIABLE",
    message: expect.stringContaining(message),
  });

const weights = [1, 2, 3];
let rate = 0.1;

test("a captured variable is named, with the function, the line and what to do", () => {
  const train = (x: number) => {
    const y = x + 1;
    return y * weights.length;
  };
  expect(() => shipFunction(train)).toThrow(
    captured(`cannot ship function "train": it uses "weights" (line 3), ${advice}`),
  );
  expect(() => shipFunction(train)).toThrow(
    expect.objectContaining({ details: { variables: "weights", line: 3 } }),
  );
});

test("several are listed, each once, where it is used first", () => {
  const step = (x: number) => x * rate + weights[0]! + weights[1]! * rate + Number(advice);
  expect(() => shipFunction(step)).toThrow(
    captured('it uses "rate" (line 1), "weights" (line 1) and "advice" (line 1), which will not'),
  );
});

test.each<[string, string, string]>([
  ["assigned", "() => { rate = 1 }", '"rate" (line 1)'],
  ["in a default", "(x = weights) => x", '"weights" (line 1)'],
  ["in a pattern", "({ [key]: x }) => x", '"key" (line 1)'],
  ["in a shorthand", "() => ({ weights })", '"weights" (line 1)'],
  ["in a template", "() => `${weights}`", '"weights" (line 1)'],
  ["in a nested function", "() => [1].map((x) => x + offset)", '"offset" (line 1)'],
  ["behind typeof", '() => typeof config !== "undefined" ? config.x : 0', '"config" (line 1)'],
  [
    "used before an inner one is declared elsewhere",
    "() => { { let z } return z }",
    '"z" (line 1)',
  ],
  ["a parent class inside", "() => class extends Base {}", '"Base" (line 1)'],
  [
    "beside direct eval",
    '() => { const own = 1; eval("own"); return own + other }',
    'uses "other"',
  ],
  ["arguments of an outer function", "() => arguments.length", '"arguments" (line 1)'],
])("a capture is found: %s", (_, text, message) => {
  expect(() => shipFunction(written(text))).toThrow(captured(message));
});

test("locals beside direct eval are no captures", () => {
  expect(shipFunction(written('() => { const own = 1; return eval("own") + own }'))).toBeDefined();
});

test("an imported name is told as the user wrote it", () => {
  const fn = () => alignUp(1);
  expect(fn.toString()).toContain("import_");
  expect(() => shipFunction(fn)).toThrow(captured('it uses the imported "alignUp" (line 1, there'));
  const whole = () => Object.keys(everything);
  expect(() => shipFunction(whole)).toThrow(captured("it uses an imported module, "));
  const webpack = written("() => _math__WEBPACK_IMPORTED_MODULE_0__.square(2)");
  expect(() => shipFunction(webpack)).toThrow(captured('it uses the imported "square" (line 1'));
});

test("an arrow function that takes `this` along is told so", () => {
  const outer = { make: () => written("function () { return () =>\n this.n }")() as Callable };
  expect(() => shipFunction(outer.make())).toThrow(
    captured("it uses this (line 2), which will not"),
  );
  expect(() => shipFunction(outer.make())).toThrow(
    captured("An arrow function takes `this` along: pass what it needs of it."),
  );
  const inner = written(
    "() => [function () { return this }, class { n = this; static { this.m = 1 } }]",
  );
  expect(shipFunction(inner)).toBeDefined();
});

test("a function that calls itself by an outer name is told how", () => {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
  expect(() => shipFunction(factorial)).toThrow(
    captured("To call itself, write it as a named function: function factorial(...) {}."),
  );
});

test("a compiler's helper is told for what it is", () => {
  expect(() => shipFunction(written("() => __awaiter(1)"))).toThrow(
    captured('"__awaiter" looks like a compiler\'s helper: compile for ES2022 or later.'),
  );
});

test("a class that extends a captured class is a capture", () => {
  class Base {}
  class Derived extends Base {}
  expect(() => shipClass(Derived)).toThrow(
    captured('cannot ship class "Derived": it uses "Base" (line 1), which will not exist'),
  );
});

test.each([
  ["process", "only Node has it"],
  ["require", "only Node has it"],
  ["__dirname", "only Node has it"],
  ["Buffer", "only Node has it"],
  ["document", "only pages have it, and no code runs in one"],
  ["window", "only pages have it, and no code runs in one"],
  ["OffscreenCanvas", "only browsers have it"],
  ["SharedArrayBuffer", "tabs lack it"],
])("%s is refused as not portable, unless the code looks for it", (name, where) => {
  expect(() => shipFunction(written(`() =>\n ${name}.x`))).toThrow(
    captured(
      `cannot ship an anonymous function: "${name}" (line 2) does not exist everywhere: ${where}. ` +
        `Look before you use it: typeof ${name} !== "undefined".`,
    ),
  );
  expect(
    shipFunction(written(`() => typeof ${name} === "undefined" ? 0 : ${name}.x`)),
  ).toBeDefined();
});

test("what is taken for a global of every executor is one here", () => {
  const ours = new Set(["self", "navigator", "__manta_import", "__name"]);
  const missing = [...everything.GLOBALS_EVERYWHERE].filter(
    (name) => !ours.has(name) && !(name in globalThis),
  );
  expect(missing).toEqual([]);
});
