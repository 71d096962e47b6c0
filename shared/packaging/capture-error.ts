import { MeshError } from "../errors.ts";
import type { FreeVariable } from "./free-variables.ts";
import { whereGlobal } from "./globals.ts";

/** Names that bundlers give to a whole imported module. */
const IMPORTED_MODULE =
  /^(?:__vi(?:te_ssr)?_import_\d+__|import_\w+|_*\w+?__WEBPACK_(?:IMPORTED|EXTERNAL)_MODULE_\w+)$/;
const COMPILER_HELPER = /^(?:__[a-z]\w+|_(?:async|class|define|object|super|to)[A-Z]\w+|_extends)$/;
const DETAIL_CHARS_MAX = 1_000;

/** @returns the error for what a function takes from outside; `free` is not empty. */
export function captureError(
  what: string,
  ownName: string,
  free: readonly FreeVariable[],
): MeshError {
  const captured = free.filter(({ name }) => whereGlobal(name) === undefined);
  const elsewhere = free.filter(({ name }) => whereGlobal(name) !== undefined);
  const sentences = [
    ...(captured.length > 0 ? capturedSentences(captured, ownName) : []),
    ...elsewhere.map(
      ({ name, line }) =>
        `"${name}" (line ${line}) does not exist everywhere: ${whereGlobal(name)}. ` +
        `Look before you use it: typeof ${name} !== "undefined".`,
    ),
  ];
  const message = `cannot ship ${what}: ${sentences.join(" ")}`;
  return new MeshError("CAPTURED_VARIABLE", message, {
    variables: free
      .map((variable) => shownName(variable))
      .join(", ")
      .slice(0, DETAIL_CHARS_MAX),
    line: free[0]!.line,
  });
}

function capturedSentences(captured: readonly FreeVariable[], ownName: string): string[] {
  const names = captured.map((variable) => described(variable));
  const list = names.length > 1 ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)}` : names[0];
  const it = names.length > 1 ? "them" : "it";
  const sentences = [
    `it uses ${list}, which will not exist where it runs. Pass ${it} as an argument, or store ${it} ` +
      `with mesh.put and pass the ref, or define ${it} inside the function. (Packages with imports ` +
      `come later; await import("@tensorflow/tfjs") inside the function works.)`,
  ];
  for (const { name } of captured) {
    if (name === "this") {
      sentences.push("An arrow function takes `this` along: pass what it needs of it.");
    } else if (name === ownName) {
      sentences.push(`To call itself, write it as a named function: function ${name}(...) {}.`);
    } else if (COMPILER_HELPER.test(name) && !IMPORTED_MODULE.test(name)) {
      sentences.push(`"${name}" looks like a compiler's helper: compile for ES2022 or later.`);
    }
  }
  return sentences;
}

/** The name as the user wrote it, before a bundler did. */
function shownName({ name, member }: FreeVariable): string {
  return IMPORTED_MODULE.test(name) && member !== undefined ? member : name;
}

function described(variable: FreeVariable): string {
  const { name, line } = variable;
  const shown = shownName(variable);
  const where = name === "this" ? "this" : `"${shown}"`;
  if (!IMPORTED_MODULE.test(name)) return `${where} (line ${line})`;
  return shown === name
    ? `an imported module, ${where} (line ${line})`
    : `the imported ${where} (line ${line}, there called ${name}.${shown})`;
}
