import { expect, test } from "vitest";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatStopwatch,
  plural,
} from "./format.ts";

test("bytes have one decimal only where it says something", () => {
  expect([0, 1023, 1024, 1536, 150 * 1024, 2 ** 20 - 1, 3.25 * 2 ** 30].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1 KiB",
    "1.5 KiB",
    "150 KiB",
    "1 MiB",
    "3.3 GiB",
  ]);
});

test("counts are grouped by thousands", () => {
  expect(formatCount(1_234_567)).toBe("1,234,567");
});

test("durations name two units at most, and never sixty of one", () => {
  expect(
    [12, 1_500, 9_949, 9_951, 59_600, 61_000, 3_599_999, 90_061_000].map(formatDuration),
  ).toEqual(["12 ms", "1.5 s", "9.9 s", "10 s", "1 min 0 s", "1 min 1 s", "1 h 0 min", "1 d 1 h"]);
});

test("a stopwatch shows hours only when there are some", () => {
  expect([7_000, 754_999, 3_723_000].map(formatStopwatch)).toEqual(["0:07", "12:34", "1:02:03"]);
});

test("a slow rate has a decimal, a standstill has none", () => {
  expect([0, 0.25, 9.94, 9.96, 12_345.6].map(formatRate)).toEqual([
    "0",
    "0.3",
    "9.9",
    "10",
    "12,346",
  ]);
});

test("one is singular, none and many are plural", () => {
  expect([plural(0, "task"), plural(1, "task"), plural(2, "copy", "copies")]).toEqual([
    "0 tasks",
    "1 task",
    "2 copies",
  ]);
});
