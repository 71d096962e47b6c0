import { setAttributes, svg } from "./elements.ts";

/** Ring of the latest samples of one number. */
export class History {
  readonly #samplesMax: number;
  #samples: number[] = [];

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  add(sample: number): void {
    this.#samples.push(sample);
    if (this.#samples.length > this.#samplesMax) this.#samples.shift();
  }

  clear(): void {
    this.#samples = [];
  }

  get samples(): readonly number[] {
    return this.#samples;
  }

  get samplesMax(): number {
    return this.#samplesMax;
  }

  get peak(): number {
    return Math.max(0, ...this.#samples);
  }
}

export interface SparkSize {
  readonly width: number;
  readonly height: number;
}

/**
 * The history as an SVG path. The newest sample is at the right edge and a history that is not full
 * begins further right, so the drawing moves at one speed. The peak touches the top; nothing but
 * zeros lies on the floor.
 */
export function sparkPath(history: History, { width, height }: SparkSize): string {
  const { samples, samplesMax, peak } = history;
  const step = width / Math.max(1, samplesMax - 1);
  const start = width - (samples.length - 1) * step;
  return samples
    .map((sample, index) => {
      const y = peak === 0 ? height : height - (sample / peak) * height;
      return `${index === 0 ? "M" : "L"}${round(start + index * step)} ${round(y)}`;
    })
    .join("");
}

const round = (value: number) => Math.round(value * 10) / 10;

/** A throughput curve. Decoration for eyes: say the numbers in words beside it. */
export class Sparkline {
  readonly element: SVGSVGElement;
  readonly #area = svg("path", { class: "area" });
  readonly #line = svg("path", { class: "line" });
  readonly #size: SparkSize;

  constructor(size: SparkSize) {
    this.#size = size;
    const { width, height } = size;
    this.element = svg(
      "svg",
      {
        class: "spark",
        viewBox: `0 -2 ${width} ${height + 4}`,
        preserveAspectRatio: "none",
        "aria-hidden": "true",
      },
      svg("path", { class: "floor", d: `M0 ${height}H${width}` }),
      this.#area,
      this.#line,
    );
  }

  show(history: History): void {
    const line = history.samples.length > 1 ? sparkPath(history, this.#size) : "";
    const first = /^M([\d.]+)/.exec(line)?.[1] ?? "0";
    const { width, height } = this.#size;
    setAttributes(this.#line, { d: line });
    setAttributes(this.#area, { d: line && `${line}L${width} ${height}L${first} ${height}Z` });
  }
}
