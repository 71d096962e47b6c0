import { inspect } from "./inspect.ts";

const ROWS_MAX = 50;
const COLUMNS_MAX = 20;
const CELL_CHARS_MAX = 40;
const INDEX = "(index)";
const VALUE = "value";

/** What `console.table` prints: a row per entry, a column per property that any of them has. */
export function inspectTable(data: unknown, wanted?: readonly string[]): string {
  if (typeof data !== "object" || data === null) return inspect(data);
  const entries = entriesOf(data).slice(0, ROWS_MAX);
  const columns = new Set<string>(wanted);
  for (const [, value] of entries) {
    if (wanted) break;
    if (!isRow(value)) columns.add(VALUE);
    else for (const key of Object.keys(value)) columns.add(key);
  }
  const names = [...columns].slice(0, COLUMNS_MAX);
  const rows = entries.map(([key, value]) => [key, ...names.map((name) => cell(value, name))]);
  return drawn([[INDEX, ...names], ...rows]);
}

function entriesOf(data: object): [string, unknown][] {
  if (Object.prototype.toString.call(data) === "[object Map]") {
    return Array.from(data as Map<unknown, unknown>, ([key, value]) => [inspect(key), value]);
  }
  if (Symbol.iterator in data) {
    return Array.from(data as Iterable<unknown>, (value, index) => [String(index), value]);
  }
  return Object.entries(data);
}

const isRow = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

function cell(value: unknown, column: string): string {
  if (!isRow(value)) return column === VALUE ? short(value) : "";
  return Object.hasOwn(value, column) ? short(value[column]) : "";
}

/** In one line: what is inside of it is for `console.log`. */
function short(value: unknown): string {
  const text = inspect(value, 3).replaceAll(/\s+/g, " ");
  return text.length > CELL_CHARS_MAX ? `${text.slice(0, CELL_CHARS_MAX - 1)}…` : text;
}

function drawn(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join(" │ ")
      .trimEnd(),
  );
  const rule = widths.map((width) => "─".repeat(width)).join("─┼─");
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}
