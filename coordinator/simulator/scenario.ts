import { Prng } from "../../shared/prng.ts";

/** Everything that is drawn once per run; what happens then is drawn while it happens. */
export interface Scenario {
  readonly seed: number;
  readonly workers: number;
  readonly drivers: number;
  /** What each driver does: submissions, puts, releases, calls and so on. */
  readonly actionsPerDriver: number;
  readonly latencyMsMax: number;
  readonly runMsMax: number;
  /** Chances in 1000, per message: its connection breaks, or it arrives twice. */
  readonly breakPermille: number;
  readonly duplicatePermille: number;
  /** Chance in 1000, per message of the coordinator: its peer does not read, and is dropped. */
  readonly overflowPermille: number;
  /** Chances in 1000, per worker and second: it crashes, freezes, says goodbye, drops replicas. */
  readonly crashPermille: number;
  readonly freezePermille: number;
  readonly goodbyePermille: number;
  readonly evictPermille: number;
  /** The same: it is drained. */
  readonly drainPermille: number;
  /** Chance in 1000, per task that starts: its executor crashes. */
  readonly executorCrashPermille: number;
  /** Whether drivers may vanish, and the coordinator's clock may jump ahead. */
  readonly driversVanish: boolean;
  readonly clockJumps: boolean;
  /** Some workers take ten times as long. */
  readonly someAreSlow: boolean;
  /** Some workers do not say in their heartbeats what they run. */
  readonly someForget: boolean;
  /** Chance in 1000, per second: some of the workers and drivers are cut off from the coordinator for a while. */
  readonly partitionPermille: number;
}

/** Draw a whole scenario from one number: fleet, load and every fault rate. A third has no faults. */
export function drawScenario(seed: number): Scenario {
  const prng = new Prng(seed);
  const isFaulty = prng.chance(2, 3);
  const rate = (permilleMax: number) =>
    isFaulty && prng.chance(1, 2) ? 1 + prng.below(permilleMax) : 0;
  return {
    seed,
    workers: 1 + prng.below(6),
    drivers: 1 + prng.below(3),
    actionsPerDriver: 5 + prng.below(50),
    latencyMsMax: 1 + prng.below(prng.chance(1, 2) ? 50 : 3_000),
    runMsMax: 1 + prng.below(prng.chance(1, 2) ? 20 : 20_000),
    breakPermille: rate(10),
    duplicatePermille: rate(100),
    overflowPermille: rate(10),
    crashPermille: rate(30),
    freezePermille: rate(30),
    goodbyePermille: rate(30),
    evictPermille: rate(100),
    executorCrashPermille: rate(100),
    driversVanish: isFaulty && prng.chance(1, 2),
    clockJumps: isFaulty && prng.chance(1, 4),
    someAreSlow: isFaulty && prng.chance(1, 2),
    someForget: isFaulty && prng.chance(1, 4),
    partitionPermille: rate(30),
    drainPermille: rate(30),
  };
}
