import { MeshError } from "../../../shared/errors.ts";
import { describe } from "../../../shared/protocol/wire-error.ts";

const DEPTH_MAX = 4;
const ITEMS_MAX = 50;
const CHARS_MAX = 20_000;
const CAUSES_MAX = 8;

/** One line of output for what was given to `console.log`: strings as they are, values shown. */
export const inspectLine = (values: readonly unknown[]): string =>
  values
    .map((value) => (typeof value === "string" ? value : inspect(value)))
    .join(" ")
    .slice(0, CHARS_MAX);

/**
 * A value as a person would write it. Values come from the driver's own realm, so nothing is asked
 * with `instanceof`; getters of user objects may throw, and are then shown as such.
 */
export function inspect(value: unknown, depth = 0, path: readonly object[] = []): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return value.toString();
  if (typeof value === "function") return `[function ${value.name || "anonymous"}]`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : `${value}`;
  if (path.includes(value)) return "[circular]";
  const inside = [...path, value];
  const show = (part: unknown) => inspect(part, depth + 1, inside);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (isError(value, tag)) return inspectError(value);
  if (tag === "Date") return (value as Date).toJSON() ?? "Invalid Date";
  if (tag === "RegExp") return (value as RegExp).toString();
  if (tag === "ArrayBuffer") return `ArrayBuffer(${(value as ArrayBuffer).byteLength})`;
  if (depth >= DEPTH_MAX) return Array.isArray(value) ? "[…]" : "{…}";
  if (Array.isArray(value)) return wrap("[", items(value, show), "]");
  if (tag === "Map") {
    const pair = ([key, entry]: [unknown, unknown]) => `${show(key)} => ${show(entry)}`;
    return `Map(${(value as Map<unknown, unknown>).size}) ${wrap("{", items(value as Map<unknown, unknown>, pair), "}")}`;
  }
  if (tag === "Set") {
    return `Set(${(value as Set<unknown>).size}) ${wrap("{", items(value as Set<unknown>, show), "}")}`;
  }
  if (ArrayBuffer.isView(value) && Symbol.iterator in value) {
    const numbers = value as unknown as ArrayLike<number | bigint> & Iterable<number | bigint>;
    return `${tag}(${numbers.length}) ${wrap("[", items(numbers, show), "]")}`;
  }
  return inspectObject(value, show);
}

function inspectObject(value: object, show: (part: unknown) => string): string {
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  const prefix = typeof name === "string" && name !== "Object" ? `${name} ` : "";
  const property = (key: string) => {
    const shownKey = /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
    try {
      return `${shownKey}: ${show((value as Record<string, unknown>)[key])}`;
    } catch (error) {
      return `${shownKey}: [throws ${describe(error).message}]`;
    }
  };
  return prefix + wrap("{", items(Object.keys(value), property), "}");
}

function items<Item>(all: Iterable<Item>, show: (item: Item) => string): readonly string[] {
  const shown: string[] = [];
  let skipped = 0;
  for (const item of all) {
    if (shown.length < ITEMS_MAX) shown.push(show(item));
    else skipped++;
  }
  if (skipped > 0) shown.push(`… ${skipped} more`);
  return shown;
}

/** As Node does, so that a driver prints here what it prints there. */
function wrap(open: string, parts: readonly string[], close: string): string {
  if (parts.length === 0) return open + close;
  const line = parts.join(", ");
  return line.length <= 72 && !line.includes("\n")
    ? `${open} ${line} ${close}`
    : `${open}\n${parts.map((part) => `  ${part.replaceAll("\n", "\n  ")}`).join(",\n")}\n${close}`;
}

const isError = (value: object, tag: string): value is Error =>
  tag === "Error" || tag === "DOMException" || MeshError.is(value);

/** An error with its code, where it was thrown, and every cause behind it. */
export function inspectError(error: unknown): string {
  const lines: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && current !== undefined && current !== null; depth++) {
    const { name, message, stack } = describe(current);
    const title = MeshError.is(current)
      ? `${name} ${current.code}: ${message}`
      : `${name}: ${message}`;
    lines.push(depth === 0 ? title : `caused by ${title}`);
    if (MeshError.is(current) && Object.keys(current.details ?? {}).length > 0) {
      lines.push(`  details ${inspect(current.details).replaceAll("\n", "\n  ")}`);
    }
    lines.push(...stackFrames(stack));
    current = typeof current === "object" ? (current as { cause?: unknown }).cause : undefined;
  }
  return lines.join("\n");
}

/** The SDK as the coordinator serves it: minified, and not where a driver's author has to look. */
const SDK_FRAME = /\/manta\.js:\d/;

/** The lines of a stack that say where, without the message that engines put before them. */
const stackFrames = (stack: string | undefined): readonly string[] =>
  (stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at |^[^\s]*@/.test(line) && !SDK_FRAME.test(line))
    .filter((line) => !line.endsWith("(<anonymous>)"))
    .map((line) => `  ${line.trim()}`);
