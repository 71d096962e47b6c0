/** Of the last few: under load a message waits in queues, and only the quickest tells of the way. */
const SAMPLES_MAX = 8;
/** More is a clock that jumped, or an answer made up. */
const ROUND_TRIP_MS_MAX = 600_000;

/** How long the way to a peer and back is. */
export class RoundTrip {
  readonly #samples: number[] = [];

  /** The quickest of the last few; undefined before the first. */
  get ms(): number | undefined {
    return this.#samples.length > 0 ? Math.min(...this.#samples) : undefined;
  }

  /** @returns what {@link ms} is now. */
  measured(sampleMs: number): number | undefined {
    if (sampleMs < 0 || sampleMs > ROUND_TRIP_MS_MAX) return this.ms;
    this.#samples.push(sampleMs);
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    return this.ms;
  }
}
