import type { PeerId } from "../../../shared/ids.ts";
import { median } from "../compare.ts";
import type { Row } from "../suite.ts";
import { LoadedScheduler } from "./loaded-scheduler.ts";

const FLEETS = [1_000, 10_000, 100_000];
const TASKS_PER_WORKER = 3;
const CLASS_COUNTS = [10, 100, 1_000];
/** Fleets of one size, of which the median counts. */
const ROUNDS = 3;

export const decisions: Row = {
  name: "decision",
  measures:
    "The scheduler alone, per event: workers join, are given three tasks each, beat and finish them; and a hundred workers with ready tasks of many functions.",
  async *run() {
    // The first fleet compiles the scheduler.
    fleet(FLEETS[0]!);
    for (const workers of FLEETS) {
      const values = Array.from({ length: ROUNDS }, () => fleet(workers));
      yield {
        name: `decision_${workers / 1_000}k_workers`,
        value: median(values),
        unit: "us",
        target: { below: 10 },
      };
    }
    for (const classes of CLASS_COUNTS) {
      const values = Array.from({ length: ROUNDS }, () => manyClasses(classes));
      yield { name: `decision_${classes}_functions`, value: median(values), unit: "us" };
    }
  },
};

function fleet(workers: number): number {
  const scheduler = new LoadedScheduler();
  scheduler.define("f");
  const ids = Array.from({ length: workers }, (_, i) => `w${i}` as PeerId);
  scheduler.restart();
  for (const id of ids) scheduler.join(id, 2);
  for (let i = 0; i < workers * TASKS_PER_WORKER; i++) scheduler.submit(i);
  scheduler.beat(ids);
  scheduler.drain(1_000);
  return scheduler.usPerEvent;
}

function manyClasses(classes: number): number {
  const scheduler = new LoadedScheduler();
  for (let i = 0; i < classes; i++) scheduler.define(`f${i}`);
  for (let i = 0; i < 20_000; i++) scheduler.submit(i, `f${i % classes}`);
  scheduler.restart();
  for (let i = 0; i < 100; i++) scheduler.join(`w${i}` as PeerId, 2);
  scheduler.drain(1_000);
  return scheduler.usPerEvent;
}
