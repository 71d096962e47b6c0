import type { CheckRow } from "./check.ts";
import { verdictOf } from "./verdict.ts";

const MARKS = { good: "ok", warn: "note", bad: "FAILED" } as const;
const MARK_CHARS = 10;

/** All of it as text, to be sent to whoever runs the mesh. */
export function reportOf(
  rows: readonly CheckRow[],
  { page, browser }: { readonly page: string; readonly browser: string },
): string {
  const { headline, detail } = verdictOf(rows);
  const lines = rows.flatMap((row) => linesOf(row));
  return [`Manta diagnosis: ${headline}`, detail, `${page}, ${browser}`, "", ...lines, ""].join(
    "\n",
  );
}

function linesOf({ title, state }: CheckRow): string[] {
  if (state.phase === "skipped") return [`${mark("skipped")}${title}: ${state.text}`];
  if (state.phase !== "done") return [`${mark("open")}${title}`];
  const { tone, text, next } = state.finding;
  const line = `${mark(MARKS[tone])}${title} (${Math.round(state.tookMs)} ms): ${text}`;
  return next === undefined ? [line] : [line, `${" ".repeat(MARK_CHARS + 2)}${next}`];
}

const mark = (word: string): string => `[${word}]`.padEnd(MARK_CHARS);
