import type { ClassBody } from "acorn";
import { MeshError } from "../errors.ts";
import { SOURCE_CHARS_MAX } from "../protocol/limits.ts";
import { captureError } from "./capture-error.ts";
import { DYNAMIC_IMPORT_HELPERS, findCodeFacts } from "./free-variables.ts";
import { isGlobalEverywhere, whereGlobal } from "./globals.ts";
import { type ParsedCallable, parseCallable } from "./parse-callable.ts";

/** A function or class as text that means the same on another peer. */
export interface Shipped {
  /** An expression: `(${source})` is the function or class. */
  readonly source: string;
  /** For people; may be empty. */
  readonly name: string;
  readonly isGenerator: boolean;
  readonly isAsync: boolean;
  /** Of a class: the names of its public instance methods. */
  readonly methods: readonly string[];
}

const NAME_CHARS_MAX = 256;
const IMPORT = "import";
const OUR_IMPORT = "__manta_import";
const NATIVE = /\{\s*\[native code\]\s*\}\s*$/;

const shippedFunctions = new WeakMap<Function, Shipped>();
const shippedClasses = new WeakMap<Function, Shipped>();

/**
 * Turn a function into source that can run anywhere. `import(...)` in it becomes
 * `__manta_import(...)`, which executors answer.
 *
 * @throws MeshError `CAPTURED_VARIABLE` naming what it takes from outside, and what to do;
 *   `INVALID_ARGUMENT` if its source is hidden (built-in or bound functions) or too long.
 */
export function shipFunction(fn: Function): Shipped {
  const known = shippedFunctions.get(fn);
  if (known) return known;
  assertFunction(fn, "a function");
  const what = fn.name ? `function "${fn.name}"` : "an anonymous function";
  const parsed = parseVisible(fn, what);
  const { node } = parsed;
  if (node.type === "ClassExpression") {
    throw new MeshError("INVALID_ARGUMENT", `cannot ship ${what}: it is a class; use mesh.actor`);
  }
  const shipped = {
    source: toSource(parsed, fn.name, what),
    name: fn.name.slice(0, NAME_CHARS_MAX),
    isGenerator: node.generator,
    isAsync: node.async,
    methods: [],
  };
  shippedFunctions.set(fn, shipped);
  return shipped;
}

/**
 * As {@link shipFunction}, for a class. A class that extends a captured class is a capture.
 *
 * @throws MeshError `CAPTURED_VARIABLE`, `INVALID_ARGUMENT`.
 */
export function shipClass(constructor: Function): Shipped {
  const known = shippedClasses.get(constructor);
  if (known) return known;
  assertFunction(constructor, "a class");
  const what = constructor.name ? `class "${constructor.name}"` : "an anonymous class";
  const parsed = parseVisible(constructor, what);
  if (parsed.node.type !== "ClassExpression") {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `cannot ship ${what}: it is a function, and an actor is made from a class`,
    );
  }
  const shipped = {
    source: toSource(parsed, constructor.name, what),
    name: constructor.name.slice(0, NAME_CHARS_MAX),
    isGenerator: false,
    isAsync: false,
    methods: methodsOf(constructor, parsed.node.body.body),
  };
  shippedClasses.set(constructor, shipped);
  return shipped;
}

function assertFunction(value: unknown, expected: string): void {
  if (typeof value === "function") return;
  throw new MeshError("INVALID_ARGUMENT", `expected ${expected}, got ${typeof value}`);
}

function parseVisible(callable: Function, what: string): ParsedCallable {
  const text = Function.prototype.toString.call(callable);
  if (NATIVE.test(text)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `cannot ship ${what}: it is built in, bound or a proxy, so its source is hidden; ` +
        "wrap it in a function of your own that takes what it needs as arguments",
    );
  }
  if (text.length > SOURCE_CHARS_MAX) throw tooLong(text.length, what);
  return parseCallable(text, callable.name, what);
}

function toSource(parsed: ParsedCallable, ownName: string, what: string): string {
  const facts = findCodeFacts(parsed.program);
  if (facts.importMetaLine !== undefined) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `cannot ship ${what}: import.meta (line ${facts.importMetaLine}) means this file, which is ` +
        "not there where it runs; pass what you need of it as an argument",
    );
  }
  const missing = facts.free.filter(
    ({ name, isLookedFor }) =>
      !isGlobalEverywhere(name) && !(isLookedFor && whereGlobal(name) !== undefined),
  );
  if (missing.length > 0) throw captureError(what, ownName, missing);
  const source = rewritten(parsed.text, facts.dynamicImports);
  if (source.length > SOURCE_CHARS_MAX) throw tooLong(source.length, what);
  return source;
}

/** The text without its parentheses, with `import(` replaced. */
function rewritten(text: string, dynamicImports: readonly number[]): string {
  let source = "";
  let from = 1;
  for (const at of dynamicImports.toSorted((a, b) => a - b)) {
    source += text.slice(from, at) + OUR_IMPORT;
    from = at + lengthOfImport(text, at);
  }
  return source + text.slice(from, -1);
}

function lengthOfImport(text: string, at: number): number {
  const helper = [...DYNAMIC_IMPORT_HELPERS].find((name) => text.startsWith(name, at));
  return (helper ?? IMPORT).length;
}

/** Methods of the prototype, and functions in public fields. */
function methodsOf(constructor: Function, members: ClassBody["body"]): readonly string[] {
  const prototype = constructor.prototype as object;
  const names = Object.getOwnPropertyNames(prototype).filter((name) => {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!;
    return name !== "constructor" && typeof descriptor.value === "function";
  });
  for (const member of members) {
    if (member.type !== "PropertyDefinition" || member.static || member.computed) continue;
    const isFunction =
      member.value?.type === "ArrowFunctionExpression" ||
      member.value?.type === "FunctionExpression";
    if (isFunction && member.key.type === "Identifier") names.push(member.key.name);
  }
  return [...new Set(names)];
}

const tooLong = (chars: number, what: string): MeshError =>
  new MeshError(
    "INVALID_ARGUMENT",
    `cannot ship ${what}: its source has ${chars} characters, and at most ${SOURCE_CHARS_MAX} ` +
      "travel with a function; store large constants with mesh.put and pass the ref",
    { chars, charsMax: SOURCE_CHARS_MAX },
  );
