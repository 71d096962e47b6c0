import { expect, test } from "vitest";
import { RoundTrip } from "./round-trip.ts";

const after = (...samples: readonly number[]) => {
  const roundTrip = new RoundTrip();
  for (const sampleMs of samples) roundTrip.measured(sampleMs);
  return roundTrip;
};

test("an answer is believed at once, and if it is slow two more are asked for", () => {
  expect(after()).toMatchObject({ ms: undefined, wantsMore: true });
  expect(after(3)).toMatchObject({ ms: 3, wantsMore: false });
  expect(after(40)).toMatchObject({ ms: 40, wantsMore: true });
  expect(after(40, 60, 50)).toMatchObject({ ms: 40, wantsMore: false });
});

test("a peer beside whose first answers are slow, because its machine is busy, is near", () => {
  expect(after(25, 2).ms).toBe(2);
  expect(after(25, 18, 4, 90).ms).toBe(4);
});

test("answers that waited behind an object never make the way longer, and can make it shorter", () => {
  const roundTrip = after(4, 5);
  for (let n = 0; n < 100; n++) roundTrip.measured(150, true);
  expect(roundTrip.ms).toBe(4);
  roundTrip.measured(2, true);
  expect(roundTrip.ms).toBe(2);
});

test("a way that has become longer is known after eight quiet answers", () => {
  const roundTrip = after(4);
  for (let n = 0; n < 8; n++) roundTrip.measured(60);
  expect(roundTrip.ms).toBe(60);
});

test.each([-1, 1e9, Number.NaN])("%d ms are not an answer", (sampleMs) => {
  expect(after(7, sampleMs).ms).toBe(7);
});

test("who answers nonsense is not asked for ever", () => {
  expect(after(Number.NaN, -1, 1e9).wantsMore).toBe(false);
});
