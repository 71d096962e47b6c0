import { html } from "../page/elements.ts";
import type { ConsoleLevel } from "./driver-frame.ts";

/** Lines kept; a driver that prints in a loop must not fill the page's memory. */
const LINES_MAX = 1_000;
/** Nearer to the end than this, the pane follows new lines. */
const FOLLOW_PX = 24;

/** What a driver printed, newest last. */
export class OutputPane {
  readonly #element: HTMLElement;

  constructor(element: HTMLElement) {
    this.#element = element;
  }

  print(level: ConsoleLevel | "note", text: string): void {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    const follows = scrollHeight - scrollTop - clientHeight < FOLLOW_PX;
    const prefix =
      level === "error" || level === "warn"
        ? [html("span", { class: "visually-hidden" }, `${level}: `)]
        : [];
    this.#element.append(html("div", { class: "line", "data-level": level }, ...prefix, text));
    if (this.#element.childElementCount > LINES_MAX) this.#element.firstElementChild?.remove();
    if (follows) this.#element.scrollTop = this.#element.scrollHeight;
  }

  clear(): void {
    this.#element.replaceChildren();
  }
}
