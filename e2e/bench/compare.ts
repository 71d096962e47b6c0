import type { Figure, Unit } from "./suite.ts";

/** One side of a comparison. */
export interface Contender {
  readonly name: string;
  /** Do it once, and say how much that was: more is better. */
  round(): Promise<number>;
}

export interface Comparison {
  readonly ours: Contender;
  readonly peers: readonly Contender[];
  readonly unit: Unit;
  /** Rounds of each side that count. */
  readonly rounds: number;
  /** Rounds of each side before those. Default 1. */
  readonly warmUpRounds?: number;
  /** What is promised for the ratio to the first peer. */
  readonly target?: Figure["target"];
  /** About that ratio. */
  readonly note?: string;
}

/**
 * All sides in turns, so that what else the machine does meets each; the median of each, and the
 * median of the ratios of neighbouring rounds, which a slow minute of the machine does not change.
 * Who goes first changes too: the last may find the machine warmer, or hotter.
 */
export async function* compare(comparison: Comparison): AsyncGenerator<Figure> {
  const { ours, peers, unit, rounds, warmUpRounds = 1, note, target } = comparison;
  const sides = [ours, ...peers];
  const values = sides.map((): number[] => []);
  for (let round = -warmUpRounds; round < rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const index = (turn + round + warmUpRounds) % sides.length;
      const value = await sides[index]!.round();
      if (round >= 0) values[index]!.push(value);
    }
  }
  for (const [i, { name }] of sides.entries()) yield { name, unit, ...spread(values[i]!) };
  for (const [i, { name }] of peers.entries()) {
    yield {
      name: `${ours.name}_vs_${name}`,
      value: median(values[0]!.map((value, round) => value / values[i + 1]![round]!)),
      unit: "ratio",
      ...(i === 0 && note !== undefined ? { note } : {}),
      ...(i === 0 && target !== undefined ? { target } : {}),
    };
  }
}

/** The median, with the standard deviation. */
export function spread(values: readonly number[]): Pick<Figure, "value" | "deviation"> {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { value: median(values), deviation: Math.sqrt(variance) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
