/** Of the last few: under load a message waits in queues, and only the quickest tells of the way. */
const SAMPLES_MAX = 8;
/** A slow answer at first may be that of a machine that is busy opening connections: so many are asked for. */
const FIRST_SAMPLES = 3;
/** A quicker answer needs no second one. */
const NEAR_MS = 10;
/** More is a clock that jumped, or an answer made up. */
const ROUND_TRIP_MS_MAX = 600_000;

/**
 * How long the way to a peer and back is. What is asked while objects are sent waits behind them, here
 * and there: such an answer can show that the way is shorter, and never that it is longer.
 */
export class RoundTrip {
  readonly #samples: number[] = [];
  #answers = 0;

  /** The quickest of the last few; undefined before the first. */
  get ms(): number | undefined {
    return this.#samples.length > 0 ? Math.min(...this.#samples) : undefined;
  }

  /** Whether to ask again at once. */
  get wantsMore(): boolean {
    return this.#answers < FIRST_SAMPLES && (this.ms ?? Infinity) >= NEAR_MS;
  }

  /**
   * @param isLoaded whether something was being sent when it was asked.
   * @returns what {@link ms} is now.
   */
  measured(sampleMs: number, isLoaded = false): number | undefined {
    this.#answers++;
    if (!(sampleMs >= 0 && sampleMs <= ROUND_TRIP_MS_MAX)) return this.ms;
    const samples = this.#samples;
    if (isLoaded && samples.length > 0) {
      const quickest = samples.indexOf(Math.min(...samples));
      samples[quickest] = Math.min(samples[quickest]!, sampleMs);
      return this.ms;
    }
    samples.push(sampleMs);
    if (samples.length > SAMPLES_MAX) samples.shift();
    return this.ms;
  }
}
