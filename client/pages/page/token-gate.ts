import { html, setText } from "./elements.ts";

/** Why a page cannot go on without another token. */
export type TokenProblem = "missing" | "unknown" | "wrong-role";

const TITLES: Readonly<Record<TokenProblem, string>> = {
  missing: "This page needs a token.",
  unknown: "The mesh does not know this token.",
  "wrong-role": "This token is for something else.",
};

/**
 * Says what is wrong with the token and what to do, and takes another one. Tokens carry a role, and
 * `url` names the line of `manta start` that has the right one.
 */
export class TokenGate {
  readonly #notice: HTMLElement;
  readonly #title: HTMLElement;
  readonly #text: HTMLElement;
  readonly #input: HTMLInputElement;

  constructor(notice: HTMLElement, url: string, onToken: (token: string) => void) {
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
    this.#url = url;
    notice.append(this.#title, this.#text, form);
  }

  readonly #url: string;

  show(problem: TokenProblem): void {
    setText(this.#title, TITLES[problem]);
    const again = problem === "unknown" ? " A mesh that was started anew has new tokens." : "";
    setText(
      this.#text,
      `Open the ${this.#url} URL that “manta start” printed: it carries the token. ` +
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
