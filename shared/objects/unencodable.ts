import { MeshError } from "../errors.ts";

/** What to do with things that cannot leave their peer, by their `Symbol.toStringTag`. */
const ADVICE: Readonly<Record<string, string>> = {
  Function:
    "functions stay where they are; pass the data that it needs, or define it inside the task",
  Symbol: "a symbol means nothing to another peer; use a string",
  Promise: "a promise stays where it is; await it and pass what it gives",
  WeakMap: "weak collections cannot be listed; use a Map",
  WeakSet: "weak collections cannot be listed; use a Set",
  WeakRef: "a weak reference stays where it is; pass what it refers to",
  Generator: "a generator stays where it is; collect it first: [...generator]",
  AsyncGenerator: "a generator stays where it is; collect its values into an array first",
  URL: "a URL belongs to this peer; pass its href",
};

/** Built-ins that no realm lists under `globalThis[tag]`. */
const HIDDEN_TAGS =
  /^(?:Generator|AsyncGenerator|AsyncFunction|Module|.+ Iterator|Iterator Helper)$/;

/** Thrown at the offending value; each container adds its step of the path on the way out. */
export class Unencodable extends Error {
  readonly #advice: string;
  #path = "";

  constructor(advice: string) {
    super(advice);
    this.#advice = advice;
  }

  addStep(step: string): void {
    this.#path = step + this.#path;
  }

  toMeshError(): MeshError {
    const path = `value${this.#path}`;
    return new MeshError("NOT_ENCODABLE", `cannot encode ${path}: ${this.#advice}`, {
      path: path.slice(0, PATH_CHARS_MAX),
    });
  }
}

const PATH_CHARS_MAX = 1_000;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** How source code would reach the property: `.name` or `["odd name"]`. */
export const propertyStep = (key: string): string =>
  IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;

/** @returns why `value`, whose `Symbol.toStringTag` is `tag`, cannot be encoded, if so. */
export function reasonAgainst(value: object, tag: string): string | undefined {
  if (tag === "Object") return undefined;
  const advice = ADVICE[tag];
  if (!advice && !HIDDEN_TAGS.test(tag) && !isInstanceOfGlobal(value, tag)) return undefined;
  if (advice) return advice;
  if (tag.startsWith("GPU")) {
    return `${tag} objects live on one device; read the data back into a typed array`;
  }
  return `${tag} objects belong to this peer; pass the plain data behind it`;
}

export const adviceFor = (tag: "Function" | "Symbol"): string => ADVICE[tag]!;

function isInstanceOfGlobal(value: object, tag: string): boolean {
  const constructor = (globalThis as Record<string, unknown>)[tag];
  return typeof constructor === "function" && value instanceof constructor;
}
