import type { TaskId } from "../../../shared/ids.ts";
import type { Explanation, StoryStep } from "../../../shared/protocol/explanation.ts";
import { html, setAttributes, setText } from "../page/elements.ts";
import { formatDuration } from "../page/format.ts";

export interface Explains {
  explain(task: TaskId): Promise<Explanation>;
}

/** How often what is open is asked for again: what it waits for changes, and so does for how long. */
const ASK_AGAIN_MS = 5_000;

/** “Explain”: asks the coordinator when it is opened, when the task has moved on, and now and then. */
export class Explainer {
  readonly button: HTMLButtonElement;
  readonly region: HTMLElement;
  readonly #task: TaskId;
  readonly #source: Explains;
  readonly #text = html("p", { "aria-live": "polite" });
  readonly #story = html("ol");
  #ages: readonly { readonly element: HTMLElement; readonly atMs: number }[] = [];
  #version = "";
  #shownVersion: string | undefined;
  #askedMs = 0;

  constructor(task: TaskId, name: string, source: Explains) {
    this.#task = task;
    this.#source = source;
    const id = `explain-${task}`;
    this.button = html(
      "button",
      { class: "button small", type: "button", "aria-expanded": "false", "aria-controls": id },
      "Explain",
      html("span", { class: "visually-hidden" }, ` ${name} ${task}`),
    );
    this.region = html("div", { class: "explanation", id, hidden: true }, this.#text, this.#story);
    this.button.addEventListener("click", () => {
      this.region.hidden = !this.region.hidden;
      setAttributes(this.button, { "aria-expanded": String(!this.region.hidden) });
      this.refresh(this.#version);
    });
  }

  /** Each time the page is drawn. `version` changes whenever there may be more to tell. */
  refresh(version: string): void {
    this.#version = version;
    if (this.region.hidden) return;
    const nowMs = performance.now();
    for (const { element, atMs } of this.#ages) {
      setText(element, `${formatDuration(nowMs - atMs)} ago`);
    }
    if (this.#shownVersion === version && nowMs - this.#askedMs < ASK_AGAIN_MS) return;
    this.#shownVersion = version;
    this.#askedMs = nowMs;
    void this.#load();
  }

  async #load(): Promise<void> {
    if (this.#text.childNodes.length === 0) setText(this.#text, "Asking…");
    try {
      const { text, story, reason } = await this.#source.explain(this.#task);
      setText(this.#text, text);
      // It was read out once; from now on only its times change.
      setAttributes(this.#text, { "aria-live": "off" });
      setAttributes(this.region, { "data-reason": reason.code });
      this.#tell(story);
    } catch (error) {
      this.#shownVersion = undefined;
      setText(this.#text, error instanceof Error ? error.message : String(error));
    }
  }

  #tell(story: readonly StoryStep[]): void {
    const nowMs = performance.now();
    this.#ages = story.map(({ agoMs }) => ({ element: html("span"), atMs: nowMs - agoMs }));
    const lines = story.map(({ what, agoMs }, step) => {
      const { element } = this.#ages[step]!;
      setText(element, `${formatDuration(agoMs)} ago`);
      return html("li", {}, element, `: ${what}`);
    });
    this.#story.replaceChildren(...lines);
    this.#story.hidden = lines.length === 0;
  }
}
