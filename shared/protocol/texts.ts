/** Longest sentence about why something waits, in warnings and explanations. */
export const EXPLANATION_CHARS_MAX = 2_048;

/** A text that fits a field. What is cut off is marked. */
export const cut = (text: string, charsMax: number): string =>
  text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
