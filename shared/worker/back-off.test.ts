import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { BackOff } from "./back-off.ts";

test("waits double from 200 ms to 10 s, and start again after a success", () => {
  const backOff = new BackOff(systemClock, () => 1);
  expect(Array.from({ length: 8 }, () => backOff.nextMs())).toEqual([
    200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000,
  ]);
  backOff.reset();
  expect(backOff.nextMs()).toBe(200);
});

test("half of a wait is random", () => {
  expect(new BackOff(systemClock, () => 0).nextMs()).toBe(100);
});

test("stopping ends the wait under way and every later one", async () => {
  const backOff = new BackOff({ nowMs: () => 0, after: () => () => {} });
  const waiting = backOff.wait();
  backOff.stop();
  await waiting;
  await backOff.wait();
});
