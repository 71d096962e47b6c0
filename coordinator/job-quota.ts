import type { Quota } from "./scheduler/policy/fairness.ts";

const MILLI = 1_000;

/**
 * What one job may have at once, from `cpus=4`, `gpus=1`, `memory=BYTES` or the name of a resource that
 * workers offer, such as `lab=2`.
 * @throws Error what is wrong with it.
 */
export function parseJobQuota(texts: readonly string[]): Quota {
  let quota: Quota = {};
  for (const text of texts.flatMap((each) => each.split(","))) {
    const [name, amountText, ...rest] = text.split("=");
    const amount = Number(amountText);
    const isRight = name && amountText && rest.length === 0 && Number.isFinite(amount);
    if (!isRight || amount < 0) {
      throw new Error(`--job-quota must be such as cpus=4 or gpus=1, not ${text}`);
    }
    const milli = Math.round(amount * MILLI);
    if (name === "cpus") quota = { ...quota, cpuMilli: milli };
    else if (name === "gpus") quota = { ...quota, gpuMilli: milli };
    else if (name === "memory") quota = { ...quota, memoryBytes: Math.round(amount) };
    else quota = { ...quota, custom: { ...quota.custom, [name]: milli } };
  }
  return quota;
}
