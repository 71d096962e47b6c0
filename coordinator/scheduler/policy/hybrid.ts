import type { WorkerRecord } from "../types.ts";

/**
 * The default: pack onto workers that are in use, up to half of what they have; beyond that, spread.
 *
 * Assumptions: a worker's first task of a kind is dear (an executor starts, the function travels,
 * kernels are compiled), so a few workers that are warm beat many that are cold. Past half of its
 * cpus, neighbours disturb each other more than that is worth. The threshold is Ray's. Ray then draws
 * among the best fifth, because its many schedulers see the fleet as it was 100 ms ago and would all
 * choose the same node; there is one scheduler here and its view is exact, so nothing is drawn.
 */
export const PACKED_UP_TO = 0.5;

/** Whether a worker that was just given a task goes on to be first in the line. */
export const staysFirst = ({ used, capacity }: WorkerRecord): boolean => {
  const { cpuMilli, gpuMilli, memoryBytes } = capacity;
  return (
    used.cpuMilli < cpuMilli * PACKED_UP_TO &&
    (used.gpuMilli === 0 || used.gpuMilli < gpuMilli * PACKED_UP_TO) &&
    (used.memoryBytes === 0 || used.memoryBytes < memoryBytes * PACKED_UP_TO)
  );
};
