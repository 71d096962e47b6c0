import { type TokenProblem, tokenProblem } from "./token-gate.ts";

/** The coordinator refuses the token: only another one helps, trying again does not. */
export class TokenRefused extends Error {
  override readonly name = "TokenRefused";
  readonly problem: TokenProblem;

  constructor(problem: TokenProblem) {
    super(`the coordinator refused the token: ${problem}`);
    this.problem = problem;
  }
}

/** A question that takes longer than this is asked again rather than waited for. */
const ANSWER_MS_MAX = 5_000;

/**
 * GET from the coordinator that served this page, whose answers are taken at their word.
 * @throws TokenRefused, or an Error whose message is a sentence for the person at the page.
 */
export async function getJson<Answer>(path: string, token: string): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(path, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
      cache: "no-store",
    });
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Error(
      late ? "The coordinator answers too slowly." : "The coordinator cannot be reached.",
      { cause: error },
    );
  }
  const problem = tokenProblem(response.status);
  if (problem) throw new TokenRefused(problem);
  if (!response.ok) throw new Error(`The coordinator answered with status ${response.status}.`);
  return (await response.json()) as Answer;
}
