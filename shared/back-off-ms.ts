const MS_MIN = 100;
const MS_MAX = 5_000;

/**
 * How long to wait before something that failed is tried again: twice as long each time, from 100 ms
 * to 5 s, half of it certain, so that what failed together does not come back together.
 * @param failures so far, from 1.
 * @param chance from 0 to 1.
 */
export const backOffMs = (failures: number, chance: number): number => {
  const waitMs = Math.min(MS_MAX, MS_MIN * 2 ** Math.min(failures - 1, 10));
  return Math.round(waitMs / 2 + (chance * waitMs) / 2);
};

/** Of one mind about one text, where no chance may be: from 0 to 1. */
export function chanceOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
