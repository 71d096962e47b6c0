import { expect, test } from "vitest";
import { Prng } from "../../../shared/prng.ts";
import { copiesMax, isWorthACopy, noteDuration, SAMPLES_MIN } from "./speculation.ts";

const known = { mostMs: 100, samples: SAMPLES_MIN };
const average = { slowness: 1, roundTripMs: 1 };

test("the estimate settles where nine of ten tasks are below", () => {
  const prng = new Prng(1);
  const durations = { mostMs: 0, samples: 0 };
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    noteDuration(durations, 100 + prng.below(1_000));
    if (i >= 1_000) sum += durations.mostMs;
  }
  expect(sum / 9_000).toBeGreaterThan(850);
  expect(sum / 9_000).toBeLessThan(1_100);
});

test("a task is late once it has run twice as long as nine of ten do", () => {
  const at = (ranForMs: number) => isWorthACopy(known, { ranForMs, slowness: 1 }, average);
  expect([0, 99, 150, 200].map(at)).toEqual([false, false, false, false]);
  expect([230, 1_000].map(at)).toEqual([true, true]);
});

test("on a worker that is known to be slow it is late from the start, unless it is nearly done", () => {
  const at = (ranForMs: number) => isWorthACopy(known, { ranForMs, slowness: 10 }, average);
  expect([0, 700, 950].map(at)).toEqual([true, true, false]);
});

test("an idle worker that is slow or far away would not be done sooner", () => {
  const slow = { slowness: 10, roundTripMs: 1 };
  expect(isWorthACopy(known, { ranForMs: 300, slowness: 1 }, slow)).toBe(false);
  const far = { slowness: 1, roundTripMs: 500 };
  expect(isWorthACopy(known, { ranForMs: 300, slowness: 1 }, far)).toBe(false);
});

test("nothing is late while too little is known, and copies get a quarter of the slots", () => {
  const few = { mostMs: 100, samples: SAMPLES_MIN - 1 };
  expect(isWorthACopy(few, { ranForMs: 9_000, slowness: 1 }, average)).toBe(false);
  expect([1, 4, 40].map(copiesMax)).toEqual([1, 1, 10]);
});
