import { spread } from "../../compare.ts";

/** The rules of Ray's `timeit`, but for its rest of ten seconds before each row. */
const WARM_UP_MS = 1_000;
export const RAY_ROUNDS = 4;
const ROUND_MS = 2_000;

/** One body, measured as Ray measures: the Python side does the same (bodies.py). */
export interface TimedBody {
  /** Run it for at least a second. */
  warmUp(): Promise<void>;
  /** Run it for at least two seconds: operations per second. */
  round(): Promise<number>;
}

export function timed(operations: number, run: () => Promise<void>): TimedBody {
  let step = 1;
  return {
    async warmUp() {
      let count = 0;
      const startedMs = performance.now();
      while (performance.now() - startedMs < WARM_UP_MS) {
        await run();
        count++;
      }
      step = Math.floor(count / 10) + 1;
    },
    async round() {
      let count = 0;
      const startedMs = performance.now();
      while (performance.now() - startedMs < ROUND_MS) {
        for (let i = 0; i < step; i++) await run();
        count += step;
      }
      return (operations * count * 1_000) / (performance.now() - startedMs);
    },
  };
}

/** As Ray prints it: the mean over the rounds. */
export function asRayPrints(values: readonly number[]): { value: number; deviation: number } {
  const { deviation = 0 } = spread(values);
  return { value: values.reduce((sum, value) => sum + value, 0) / values.length, deviation };
}
