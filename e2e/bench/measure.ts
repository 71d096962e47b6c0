import { spread } from "./compare.ts";
import type { Figure } from "./suite.ts";

export interface Rounds {
  readonly warmUpMs: number;
  readonly rounds: number;
  readonly roundMs: number;
}

/** Like Ray's own microbenchmarks (`timeit`), with shorter rounds. */
export const ROUNDS: Rounds = { warmUpMs: 1_000, rounds: 4, roundMs: 1_000 };

/** How often per second `run` does its `operations`: warm up, then several rounds. */
export async function perSecond(
  name: string,
  operations: number,
  run: () => Promise<void>,
  { warmUpMs, rounds, roundMs }: Rounds = ROUNDS,
): Promise<Figure> {
  await rateOver(warmUpMs, operations, run);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) rates.push(await rateOver(roundMs, operations, run));
  return { name, unit: "1/s", ...spread(rates) };
}

/** Operations per second, over at least so long. */
export async function rateOver(
  forMs: number,
  operations: number,
  run: () => Promise<void>,
): Promise<number> {
  const startedMs = performance.now();
  for (let calls = 1; ; calls++) {
    await run();
    const elapsedMs = performance.now() - startedMs;
    if (elapsedMs >= forMs) return (calls * operations * 1_000) / elapsedMs;
  }
}
