import { expect, test } from "vitest";
import { History, sparkPath } from "./sparkline.ts";

const size = { width: 100, height: 20 };

function historyOf(samplesMax: number, ...samples: number[]): History {
  const history = new History(samplesMax);
  for (const sample of samples) history.add(sample);
  return history;
}

test("the newest sample is at the right edge and the peak touches the top", () => {
  expect(sparkPath(historyOf(3, 0, 4, 2), size)).toBe("M0 20L50 0L100 10");
});

test("a history that is not full begins further right", () => {
  expect(sparkPath(historyOf(5, 1, 1), size)).toBe("M75 0L100 0");
});

test("a standstill lies on the floor", () => {
  expect(sparkPath(historyOf(2, 0, 0), size)).toBe("M0 20L100 20");
});

test("the oldest sample makes room for the newest", () => {
  expect(historyOf(2, 9, 1, 3).samples).toEqual([1, 3]);
  expect(historyOf(2, 9, 1, 3).peak).toBe(3);
});
