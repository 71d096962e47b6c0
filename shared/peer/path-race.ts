import type { Path } from "../protocol/messages.ts";

/**
 * How long a path has before the next one is tried beside it. A direct socket answers within a round
 * trip; ICE behind a strict network says nothing for ten seconds, and who waits for it must not.
 */
const HEAD_START_MS: Readonly<Record<Path, number>> = {
  local: 500,
  websocket: 500,
  webrtc: 1_500,
  relay: 10_000,
};

export interface Lap {
  readonly path: Path;
  /** Why it cannot work, if that is known before it is tried. */
  readonly obstacle: string | undefined;
}

export type RaceEvent =
  | { readonly type: "started" }
  /** The head start of the path that was begun last is over. */
  | { readonly type: "head-start-over" }
  | { readonly type: "failed"; readonly index: number; readonly why: string }
  | { readonly type: "opened"; readonly index: number }
  /** The other end has opened one meanwhile. */
  | { readonly type: "admitted"; readonly path: Path };

export type RaceEffect =
  | { readonly type: "dial"; readonly index: number }
  /** In place of a timer that runs. */
  | { readonly type: "set-timer"; readonly delayMs: number }
  | { readonly type: "stop-timer" }
  /** What has just opened is the first. */
  | { readonly type: "won" }
  /** What has just opened is better than what is in use. */
  | { readonly type: "move" }
  /** What is in use stays, and more is known of why. */
  | { readonly type: "explain"; readonly index: number }
  | { readonly type: "lost"; readonly failures: readonly string[] };

const PREFERENCE: readonly Path[] = ["local", "websocket", "webrtc", "relay"];

/** Not begun, under way, in use, or why it failed. */
type Progress = "waiting" | "trying" | "open" | { readonly why: string };

/**
 * One race between the paths to a peer, best first: "happy eyeballs" (RFC 8305) for whole transports.
 * A path that is slow to open costs its head start, not its deadline, and is used if it opens later.
 */
export class PathRace {
  readonly #laps: readonly Lap[];
  readonly #progress: Progress[];
  /** The best that is open, by whoever opened it: an index of the laps, or behind them. */
  #best: number | undefined;
  #isBestOwn = false;

  constructor(laps: readonly Lap[]) {
    this.#laps = laps;
    this.#progress = laps.map(({ obstacle: why }) => (why === undefined ? "waiting" : { why }));
  }

  /** Whether a path that opens now would be used: say hello on it. */
  wants(index: number): boolean {
    return this.#best === undefined || index < this.#best;
  }

  /**
   * Whether a link by this path, on which hello was said, is of no use. Not if the other end has
   * opened one by the same path meanwhile: it thinks of its own what we think of ours, and both
   * would close.
   */
  isSuperfluous(index: number): boolean {
    return this.#best !== undefined && index > this.#best;
  }

  /** Why none of the better paths is used, if this one is. */
  reason(index: number): string | undefined {
    return this.#stories(index).join("; ") || undefined;
  }

  step(event: RaceEvent): RaceEffect[] {
    switch (event.type) {
      case "started":
      case "head-start-over":
        return this.#next();
      case "failed":
        return this.#failed(event.index, event.why);
      case "opened":
        this.#progress[event.index] = "open";
        return this.#opened(event.index, true);
      case "admitted":
        return this.#opened(this.#indexOf(event.path), false);
    }
  }

  #next(): RaceEffect[] {
    if (this.#best !== undefined) return [];
    const index = this.#progress.indexOf("waiting");
    if (index < 0) return this.#progress.includes("trying") ? [] : [this.#lost()];
    this.#progress[index] = "trying";
    const dial: RaceEffect = { type: "dial", index };
    if (!this.#progress.includes("waiting")) return [dial];
    return [dial, { type: "set-timer", delayMs: HEAD_START_MS[this.#laps[index]!.path] }];
  }

  #failed(index: number, why: string): RaceEffect[] {
    this.#progress[index] = { why };
    const best = this.#best;
    if (best !== undefined) {
      return this.#isBestOwn && index < best ? [{ type: "explain", index: best }] : [];
    }
    if (this.#progress.includes("trying")) return [];
    return [{ type: "stop-timer" }, ...this.#next()];
  }

  #opened(index: number, isOwn: boolean): RaceEffect[] {
    if (!this.wants(index)) return [];
    const isFirst = this.#best === undefined;
    this.#best = index;
    this.#isBestOwn = isOwn;
    return isFirst ? [{ type: "stop-timer" }, { type: "won" }] : [{ type: "move" }];
  }

  /** Of the first lap that is no better than `path`. */
  #indexOf(path: Path): number {
    const rank = PREFERENCE.indexOf(path);
    const index = this.#laps.findIndex((lap) => PREFERENCE.indexOf(lap.path) >= rank);
    return index < 0 ? this.#laps.length : index;
  }

  #lost(): RaceEffect {
    return { type: "lost", failures: this.#stories(this.#laps.length) };
  }

  #stories(count: number): string[] {
    return this.#laps.slice(0, count).map(({ path }, index) => {
      const progress = this.#progress[index]!;
      if (typeof progress === "object") return `${path}: ${progress.why}`;
      return `${path}: not open after ${HEAD_START_MS[path]} ms, and still being tried`;
    });
  }
}
