import { expect, test } from "vitest";
import { parseJobQuota } from "./job-quota.ts";

test("a quota names amounts as options do, in thousandths on the inside", () => {
  expect(parseJobQuota(["cpus=4,gpus=0.5", "memory=1000", "lab=2"])).toEqual({
    cpuMilli: 4_000,
    gpuMilli: 500,
    memoryBytes: 1_000,
    custom: { lab: 2_000 },
  });
});

test.each(["cpus", "cpus=", "cpus=many", "=4", "cpus=-1", "cpus=1=2"])("%s is refused", (text) => {
  expect(() => parseJobQuota([text])).toThrow(`not ${text}`);
});
