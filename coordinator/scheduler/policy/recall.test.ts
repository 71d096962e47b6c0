import { expect, test } from "vitest";
import { countToRecall, restOf } from "./recall.ts";

const holder = { count: 20, aheadUs: 200_000, slots: 1, restUs: 0, roundTripUs: 2_000 };
const idle = { slots: 4, runUs: 10_000, roundTripUs: 2_000 };

test("an idle worker gets as many as it can start", () => {
  expect(countToRecall(holder, idle)).toBe(4);
});

test("of a little work, only what would end later where it is", () => {
  // There the last one ends after 40 ms, elsewhere after 5 + 3 + 10 ms.
  expect(countToRecall({ ...holder, count: 4, aheadUs: 40_000 }, idle)).toBe(3);
  expect(countToRecall({ ...holder, count: 1, aheadUs: 10_000 }, idle)).toBe(0);
});

test("a way that is longer than the wait is not taken", () => {
  expect(countToRecall({ ...holder, roundTripUs: 400_000 }, idle)).toBe(0);
  expect(countToRecall(holder, { ...idle, roundTripUs: 400_000 })).toBe(0);
});

test("a slow worker is not idle for work that the holder does sooner", () => {
  expect(countToRecall(holder, { ...idle, runUs: 300_000 })).toBe(0);
});

test("behind a task that is late, everything is asked for", () => {
  const late = { ...holder, count: 2, aheadUs: 20_000, restUs: restOf(1_000_000, 10_000) };
  expect(countToRecall(late, idle)).toBe(2);
});
