const DELAY_MS_MIN = 500;
const DELAY_MS_MAX = 30_000;
/** A worker that lived so long was well: what ended it is not what ended the one before. */
const LIFE_MS_MIN = 60_000;

/** How long to wait before a program that ended is started again: longer each time it fails soon. */
export class RestartDelay {
  #nextMs = DELAY_MS_MIN;

  /** @param livedMs how long the program ran that has ended now. */
  after(livedMs: number): number {
    const delayMs = livedMs < LIFE_MS_MIN ? this.#nextMs : DELAY_MS_MIN;
    this.#nextMs = Math.min(2 * delayMs, DELAY_MS_MAX);
    return delayMs;
  }
}
