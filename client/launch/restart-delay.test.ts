import { expect, test } from "vitest";
import { RestartDelay } from "./restart-delay.ts";

test("a worker that ends again and again waits twice as long each time, half a minute at most", () => {
  const delay = new RestartDelay();
  const delays = Array.from({ length: 8 }, () => delay.after(1_000));
  expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

test("a worker that lived for a minute waits no longer than at first", () => {
  const delay = new RestartDelay();
  for (let i = 0; i < 8; i++) delay.after(1_000);
  expect(delay.after(60_000)).toBe(500);
  expect(delay.after(1_000)).toBe(1_000);
});
