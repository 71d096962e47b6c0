import type { Stage } from "./stage.ts";

/** One figure of a benchmark: a line of its output. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: Unit;
  /** Standard deviation over the rounds, in the same unit. */
  readonly deviation?: number;
  /** What must be known to read it rightly. For people. */
  readonly note?: string;
  /** What the project promises: `atLeast` or `below` so much. */
  readonly target?: { readonly atLeast: number } | { readonly below: number };
}

/** `ratio` is ours divided by the peer's, and more than 1 means that ours is faster. */
export type Unit =
  | "1/s"
  | "MB/s"
  | "GB/s"
  | "ratio"
  | "ms"
  | "us"
  | "s"
  | "bytes"
  | "MiB"
  | "copies"
  | "peers";

/** Something that is measured, with all that is compared with it in the same run. */
export interface Row {
  readonly name: string;
  /** What is measured, and how: one sentence. */
  readonly measures: string;
  /** What the figure is set against in the same run. */
  readonly peer?: string;
  run(stage: Stage): AsyncIterable<Figure>;
}

/** What `npm run bench -- <name>` runs, in this order. */
export interface Suite {
  readonly name: string;
  readonly about: string;
  readonly rows: readonly Row[];
}
