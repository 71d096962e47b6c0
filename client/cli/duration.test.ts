import { expect, test } from "vitest";
import { milliseconds } from "./duration.ts";

test("durations are read with their units, and not without", () => {
  expect(["500ms", "30s", "1.5m", "2h", "0s"].map(milliseconds)).toEqual([
    500, 30_000, 90_000, 7_200_000, 0,
  ]);
  for (const wrong of ["30", "", "s", "-1s", "1d"]) {
    expect(() => milliseconds(wrong), wrong).toThrow("is no duration");
  }
});
