import { html, setText } from "../page/elements.ts";
import { formatCount } from "../page/format.ts";

const STEP = 20;

/** Keeps a list short until somebody asks for more of it. */
export class MoreRows {
  readonly #line: HTMLElement;
  readonly #text = html("span");
  readonly #what: string;
  #max = STEP;

  constructor(line: HTMLElement, what: string, onChange: () => void) {
    const button = html("button", { class: "button small", type: "button" }, `Show more ${what}`);
    button.addEventListener("click", () => {
      this.#max += STEP;
      onChange();
    });
    line.hidden = true;
    this.#line = line;
    this.#what = what;
    line.append(button, this.#text);
  }

  /** The rows to show, and a line that says how many there are. */
  cut<Item>(items: readonly Item[]): readonly Item[] {
    const shown = items.slice(0, this.#max);
    const [some, all] = [formatCount(shown.length), formatCount(items.length)];
    setText(this.#text, `${some} of the latest ${all} ${this.#what}`);
    this.#line.hidden = shown.length === items.length;
    return shown;
  }
}
