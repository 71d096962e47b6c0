import { expect, test } from "vitest";
import { freshnessWords, pollDelayMs } from "./polling.ts";

test("a watched page asks every second, a failing one less and less often", () => {
  expect([0, 1, 2, 3, 9].map((failures) => pollDelayMs(failures, false))).toEqual([
    1_000, 2_000, 4_000, 8_000, 30_000,
  ]);
});

test("a hidden page asks rarely, and never more often because it fails", () => {
  expect([0, 2, 9].map((failures) => pollDelayMs(failures, true))).toEqual([
    15_000, 15_000, 30_000,
  ]);
});

test("fresh data is live", () => {
  const fresh = { heardMs: 9_000, trouble: undefined, nextTryMs: 10_500 };
  expect(freshnessWords(fresh, 10_000)).toMatchObject({ tone: "good", label: "Live" });
});

test("old data says how old it is, why, and when it is tried again", () => {
  const failing = {
    heardMs: 0,
    trouble: "The coordinator cannot be reached.",
    nextTryMs: 16_000,
  };
  expect(freshnessWords(failing, 12_000)).toMatchObject({
    tone: "bad",
    label: "The coordinator cannot be reached. Data is 12 s old. Next try in 4 s.",
  });
});

test("data that is merely late is stale too, as in a tab that was asleep", () => {
  const asleep = { heardMs: 0, trouble: undefined, nextTryMs: undefined };
  expect(freshnessWords(asleep, 60_000).tone).toBe("bad");
});

test("what a screen reader hears does not change with every second", () => {
  const failing = { heardMs: 0, trouble: "No.", nextTryMs: 16_000 };
  expect(freshnessWords(failing, 9_000).announcement).toBe(
    freshnessWords(failing, 10_000).announcement,
  );
});
