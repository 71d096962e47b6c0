import { html, setText } from "./elements.ts";
import type { PageName } from "./session.ts";

/** Why a page cannot go on without another token. */
export type TokenProblem = "missing" | "unknown" | "wrong-role";

const TITLES: Readonly<Record<TokenProblem, string>> = {
  missing: "This page needs a token.",
  unknown: "The mesh does not know this token.",
  "wrong-role": "This token is for something else.",
};

/**
 * Says what is wrong with the token and what to do, and takes another one. Tokens carry a role: each
 * page has its own URL, with a token of the role it needs.
 */
export class TokenGate {
  readonly #page: PageName;
  readonly #notice: HTMLElement;
  readonly #title: HTMLElement;
  readonly #text: HTMLElement;
  readonly #input: HTMLInputElement;

  constructor(notice: HTMLElement, page: PageName, onToken: (token: string) => void) {
    this.#notice = notice;
    this.#title = html("h2");
    this.#text = html("p");
    this.#input = html("input", {
      type: "password",
      name: "token",
      autocomplete: "off",
      spellcheck: "false",
      required: true,
      maxlength: 256,
    });
    const form = html(
      "form",
      { class: "token-form" },
      html("label", {}, "Token", this.#input),
      html("button", { class: "button", type: "submit" }, "Use this token"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const token = this.#input.value.trim();
      if (token === "") return;
      this.#input.value = "";
      this.hide();
      onToken(token);
    });
    this.#page = page;
    notice.append(this.#title, this.#text, form);
  }

  show(problem: TokenProblem): void {
    setText(this.#title, TITLES[problem]);
    const again = problem === "unknown" ? " A mesh that was started anew has new tokens." : "";
    setText(
      this.#text,
      `Open the /${this.#page} URL that “manta start” printed: it carries the token. ` +
        `Or paste the token here.${again}`,
    );
    this.#notice.hidden = false;
  }

  hide(): void {
    this.#notice.hidden = true;
  }
}

/** What an HTTP status says about the token, if anything. */
export function tokenProblem(status: number): TokenProblem | undefined {
  if (status === 401) return "unknown";
  if (status === 403) return "wrong-role";
  return undefined;
}
