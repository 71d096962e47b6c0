import { byId, html, setAttributes, setText } from "../page/elements.ts";
import { formatDuration } from "../page/format.ts";
import { KeyedList, type Row } from "../page/keyed-list.ts";
import type { CheckRow, CheckState } from "./check.ts";
import { verdictOf } from "./verdict.ts";

/** Shows the checks and what they mean together. */
export class DiagnoseView {
  readonly #main = byId("main", HTMLElement);
  readonly #steps = new KeyedList<CheckRow>(
    byId("steps", HTMLOListElement),
    ({ id }) => id,
    stepRow,
  );

  show(rows: readonly CheckRow[]): void {
    const { tone, headline, detail } = verdictOf(rows);
    setAttributes(this.#main, { "data-tone": tone });
    setText(byId("headline", HTMLElement), headline);
    setText(byId("detail", HTMLElement), detail);
    this.#steps.show(rows);
    byId("again", HTMLButtonElement).disabled = tone === "busy";
    byId("copy", HTMLButtonElement).disabled = tone === "busy";
  }
}

const WORDS = { good: "ok", warn: "note", bad: "failed" } as const;

function stepRow({ title }: CheckRow): Row<CheckRow> {
  const chip = html("span", { class: "chip" });
  const took = html("span", { class: "soft small took" });
  const text = html("p", { class: "finding" });
  const next = html("p", { class: "next" });
  const head = html("div", { class: "step-head" }, html("h3", {}, title), chip, took);
  return {
    element: html("li", { class: "step" }, head, text, next),
    update({ state }) {
      const { tone, word } = chipOf(state);
      setText(chip, word);
      setAttributes(chip, { "data-tone": tone });
      setText(took, state.phase === "done" ? formatDuration(state.tookMs) : "");
      setText(text, textOf(state));
      const advice = state.phase === "done" ? (state.finding.next ?? "") : "";
      setText(next, advice);
      next.hidden = advice === "";
      text.hidden = text.textContent === "";
    },
  };
}

function chipOf(state: CheckState): { readonly tone: string; readonly word: string } {
  if (state.phase === "done") return { tone: state.finding.tone, word: WORDS[state.finding.tone] };
  if (state.phase === "running") return { tone: "busy", word: "checking" };
  return { tone: "plain", word: state.phase };
}

function textOf(state: CheckState): string {
  if (state.phase === "done") return state.finding.text;
  return state.phase === "skipped" ? state.text : "";
}
