/**
 * What a label of a worker must be, in Ray's words: `v`, `!v`, `in(a,b)` or `!in(a,b)`. On the wire
 * and in definitions it is this text; the schema lets only well-formed ones pass.
 *
 * A negation holds as well where the label is missing, as in Ray: `!browser` means "not a browser".
 */
export interface LabelSelector {
  readonly isNegated: boolean;
  readonly values: readonly string[];
}

const LIST = /^in\(([^(),]+(?:,[^(),]+)*)\)$/;

/** What every selector matches: a list in brackets, or one value that does not look like a list. */
export const SELECTOR_PATTERN = "^!?(?:in\\([^(),]+(?:,[^(),]+)*\\)|(?!in\\()[^!][^]*)$";

/** @returns `undefined` if the text is no selector. */
export function parseSelector(text: string): LabelSelector | undefined {
  if (!new RegExp(SELECTOR_PATTERN).test(text)) return undefined;
  const isNegated = text.startsWith("!");
  const rest = isNegated ? text.slice(1) : text;
  const list = LIST.exec(rest)?.[1];
  return { isNegated, values: list ? list.split(",").map((value) => value.trim()) : [rest] };
}

/** Whether a worker whose label is `value` is meant. */
export const selects = ({ isNegated, values }: LabelSelector, value: string | undefined): boolean =>
  (value !== undefined && values.includes(value)) !== isNegated;
