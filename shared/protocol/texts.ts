/** Longest sentence about why something waits, in warnings and explanations. */
export const EXPLANATION_CHARS_MAX = 2_048;
/** Steps in the story of a task, and how long each is. */
export const STORY_STEPS_MAX = 16;
export const STEP_CHARS_MAX = 512;
/** How many workers or objects an explanation lists before it says "and n more". */
export const LISTED_MAX = 5;

/** A text that fits a field. What is cut off is marked. */
export const cut = (text: string, charsMax: number): string =>
  text.length <= charsMax ? text : `${text.slice(0, charsMax - 1)}…`;
