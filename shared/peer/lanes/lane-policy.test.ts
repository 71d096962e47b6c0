import { expect, test } from "vitest";
import { LanePolicy } from "./lane-policy.ts";

const MIB = 2 ** 20;

test.each([
  [undefined, 1],
  [0.3, 1],
  [9, 1],
  [12, 2],
  [50, 4],
  [300, 4],
])("a long transfer at a round trip of %s ms gets %i lanes", (roundTripMs, lanes) => {
  expect(new LanePolicy().sent(64 * MIB, 0, roundTripMs)).toBe(lanes);
});

test("little is not worth a dial, even if it comes again after pauses", () => {
  const policy = new LanePolicy();
  for (let second = 0; second < 100; second += 2) {
    expect(policy.sent(MIB / 2, second * 1_000, 50)).toBe(1);
  }
});

test("small parts without a pause are a long transfer", () => {
  const policy = new LanePolicy();
  const wanted = Array.from({ length: 20 }, (_, n) => policy.sent(MIB / 10, n * 20, 50));
  expect([wanted[0], wanted[19]]).toEqual([1, 4]);
});

test("after a lane could not be had the next is tried later, and later each time", () => {
  const policy = new LanePolicy();
  const wantedAt = (nowMs: number) => policy.sent(8 * MIB, nowMs, 50);
  policy.failed(0);
  expect([wantedAt(4_999), wantedAt(5_000)]).toEqual([1, 4]);
  policy.failed(5_000);
  expect([wantedAt(14_999), wantedAt(15_000)]).toEqual([1, 4]);
  policy.opened();
  policy.failed(15_000);
  expect([wantedAt(19_999), wantedAt(20_000)]).toEqual([1, 4]);
});
