/**
 * Which tasks are run a second time because the first attempt is late, while others are idle.
 *
 * Assumptions: tasks of one class take about equally long, so what takes more than twice as long as nine
 * of ten of them is held up by its worker, not by its work; a worker that is known to be slow needs no
 * waiting. What is late will take as long again as it has run. A copy costs nothing but the time of
 * workers that are idle, yet work may come for them: so copies get a part of what a class may use.
 * Running code twice may do twice what it does besides returning a value, so only tasks whose author
 * has said that this is all right are copied, each of them once.
 */
export interface Durations {
  /** Nine of ten tasks of the class take at most so long on a worker of average speed. */
  mostMs: number;
  samples: number;
}

/** With fewer samples nothing is called late. */
export const SAMPLES_MIN = 5;
/** A sample above the estimate raises it, one below lowers it a ninth as much: it settles at 0.9. */
const RAISED_BY = 1.2;
const LOWERED_BY = RAISED_BY ** (-1 / 9);

export function noteDuration(durations: Durations, ranForMs: number): void {
  const { samples, mostMs } = durations;
  durations.samples += 1;
  if (samples < SAMPLES_MIN) durations.mostMs = Math.max(mostMs, ranForMs);
  else durations.mostMs = mostMs * (ranForMs > mostMs ? RAISED_BY : LOWERED_BY);
}

/** So much sooner must the copy be expected to end. */
const GAIN_MIN = 2;
/** Less than this is not worth a copy, and the clock is not exact. */
const GAIN_MS_MIN = 20;

export interface Attempt {
  readonly ranForMs: number;
  /** Of its worker. */
  readonly slowness: number;
}

/** @param there an idle worker. */
export function isWorthACopy(
  { mostMs, samples }: Durations,
  { ranForMs, slowness }: Attempt,
  there: { readonly slowness: number; readonly roundTripMs: number },
): boolean {
  if (samples < SAMPLES_MIN) return false;
  const expectedMs = mostMs * slowness;
  const restMs = ranForMs < expectedMs ? expectedMs - ranForMs : ranForMs;
  const copyMs = mostMs * there.slowness + there.roundTripMs;
  return restMs > GAIN_MIN * copyMs + GAIN_MS_MIN;
}

/** Of the tasks that a class's workers could run at a time, a quarter may be copies. */
const SHARE = 0.25;

export const copiesMax = (slots: number): number => Math.max(1, Math.floor(slots * SHARE));
