const EVERY_MS = 1_000;
const HIDDEN_EVERY_MS = 15_000;
const FAILING_EVERY_MS_MAX = 30_000;

/** How long to wait before the next question. Nobody watches a hidden page. */
export function pollDelayMs(failuresInARow: number, hidden: boolean): number {
  const backedOff = Math.min(EVERY_MS * 2 ** failuresInARow, FAILING_EVERY_MS_MAX);
  return hidden ? Math.max(HIDDEN_EVERY_MS, backedOff) : backedOff;
}

/** What the page knows about how fresh it is. */
export interface Freshness {
  /** When the last answer came; undefined before the first. */
  readonly heardMs: number | undefined;
  /** Why there is no newer answer, as a sentence. */
  readonly trouble: string | undefined;
  readonly nextTryMs: number | undefined;
}

/** An answer older than this is stale even if nothing has failed yet. */
const STALE_MS = 4_000;

export interface FreshnessWords {
  readonly tone: "good" | "warn" | "bad";
  readonly label: string;
  /** Changes rarely: what a screen reader is told. */
  readonly announcement: string;
}

export function freshnessWords(freshness: Freshness, nowMs: number): FreshnessWords {
  const { heardMs, trouble, nextTryMs } = freshness;
  const again =
    nextTryMs === undefined ? "" : ` Next try in ${seconds(Math.max(0, nextTryMs - nowMs))}.`;
  if (heardMs === undefined) {
    return trouble
      ? { tone: "bad", label: `${trouble}${again}`, announcement: trouble }
      : { tone: "warn", label: "Connecting", announcement: "" };
  }
  const ageMs = nowMs - heardMs;
  if (trouble !== undefined || ageMs > STALE_MS) {
    const why = trouble ?? "No answer yet.";
    return {
      tone: "bad",
      label: `${why} Data is ${seconds(ageMs)} old.${again}`,
      announcement: `${why} The data shown is old.`,
    };
  }
  return { tone: "good", label: "Live", announcement: "Live" };
}

const seconds = (durationMs: number) => `${Math.round(durationMs / 1_000)} s`;

/** Asks again and again: every second while it is watched and answered, else less often. */
export class Poller {
  readonly #ask: () => Promise<void>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;
  #stopped = false;
  #failures = 0;
  /** When the next question is due, on the clock of `performance.now()`. */
  nextTryMs: number | undefined;

  /** @param ask rejects if there was no answer. It never runs twice at once. */
  constructor(ask: () => Promise<void>) {
    this.#ask = ask;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now();
    });
  }

  /** Ask at once, and go on from there; also after {@link stop}. */
  now(): void {
    this.#stopped = false;
    if (this.#asking) return;
    clearTimeout(this.#timer);
    void this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.nextTryMs = undefined;
    clearTimeout(this.#timer);
  }

  async #round(): Promise<void> {
    this.#asking = true;
    this.nextTryMs = undefined;
    try {
      await this.#ask();
      this.#failures = 0;
    } catch {
      this.#failures++;
    }
    this.#asking = false;
    if (this.#stopped) return;
    const delayMs = pollDelayMs(this.#failures, document.hidden);
    this.nextTryMs = performance.now() + delayMs;
    this.#timer = setTimeout(() => this.now(), delayMs);
  }
}
