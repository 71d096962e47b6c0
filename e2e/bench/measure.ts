/** One figure of a benchmark. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Standard deviation over the rounds, in the same unit. */
  readonly deviation?: number;
  /** What must be known to read it rightly. For people. */
  readonly note?: string;
}

export interface Rounds {
  readonly warmUpMs: number;
  readonly rounds: number;
  readonly roundMs: number;
}

/** Like Ray's own microbenchmarks (`timeit`), with shorter rounds. */
export const ROUNDS: Rounds = { warmUpMs: 1_000, rounds: 4, roundMs: 1_000 };

/**
 * How often per second `run` does its `operations`: warm up, then several rounds, mean and standard
 * deviation over them.
 */
export async function perSecond(
  name: string,
  operations: number,
  run: () => Promise<void>,
  { warmUpMs, rounds, roundMs }: Rounds = ROUNDS,
): Promise<Figure> {
  await repeat(run, warmUpMs);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { calls, elapsedMs } = await repeat(run, roundMs);
    rates.push((calls * operations * 1000) / elapsedMs);
  }
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return { name, value: mean, unit: "1/s", deviation: Math.sqrt(variance) };
}

async function repeat(
  run: () => Promise<void>,
  forMs: number,
): Promise<{ calls: number; elapsedMs: number }> {
  const startedMs = performance.now();
  for (let calls = 1; ; calls++) {
    await run();
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs >= forMs) return { calls, elapsedMs };
  }
}
