import { expect, test } from "vitest";
import { cpus } from "../test-scheduler.ts";
import { charge, dominantShare, exceedsQuota, isWithinQuota, resume } from "./fairness.ts";

const total = { cpuMilli: 8_000, gpuMilli: 2_000, memoryBytes: 100, custom: undefined };

test("a task costs the share of the resource that it takes most of", () => {
  expect(dominantShare(cpus(2), total)).toBe(0.25);
  expect(dominantShare({ cpuMilli: 1_000, gpuMilli: 1_000, memoryBytes: 10 }, total)).toBe(0.5);
  expect(dominantShare({ ...cpus(1), custom: { lab: 1_000 } }, total)).toBe(1);
});

test("nothing is free, and nothing costs more than all there is", () => {
  expect(dominantShare(cpus(0), total)).toBeGreaterThan(0);
  expect(dominantShare(cpus(100), total)).toBe(1);
});

test("twice the weight makes everything half as dear", () => {
  const light = { weight: 1, servedUs: 0 };
  const heavy = { weight: 2, servedUs: 0 };
  for (const account of [light, heavy]) charge(account, 1_000, 0.5);
  expect([light.servedUs, heavy.servedUs]).toEqual([500, 250]);
});

test("who had no work has no claim to what it did not use, and keeps what it owes", () => {
  const idle = { weight: 1, servedUs: 100 };
  const owing = { weight: 1, servedUs: 900 };
  resume(idle, 500);
  resume(owing, 500);
  expect([idle.servedUs, owing.servedUs]).toEqual([500, 900]);
});

test("a quota limits what it names, and a demand of nothing is always within", () => {
  const quota = { cpuMilli: 4_000, custom: { lab: 1_000 } };
  const used = { cpuMilli: 3_500, gpuMilli: 0, memoryBytes: 0, custom: undefined };
  expect(isWithinQuota(quota, used, cpus(0.5))).toBe(true);
  expect(isWithinQuota(quota, used, cpus(1))).toBe(false);
  expect(isWithinQuota(quota, { ...used, cpuMilli: 9_000 }, cpus(0))).toBe(true);
  expect(isWithinQuota(quota, used, { ...cpus(0), gpuMilli: 8_000 })).toBe(true);
  expect(exceedsQuota(quota, { ...cpus(0), custom: { lab: 2_000 } })).toBe(true);
  expect(exceedsQuota(quota, cpus(4))).toBe(false);
});
