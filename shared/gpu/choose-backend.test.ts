import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import { chooseBackend, type Tensorflow } from "./choose-backend.ts";
import { readyTensorflow } from "./tensorflow.ts";

const tf = createRequire(import.meta.url)("@tensorflow/tfjs") as Tensorflow;
tf.enableProdMode();

test("a backend that does not exist is rejected with its reason, and the next one is chosen", async () => {
  const tensorsBefore = tf.memory().numTensors;
  const report = await chooseBackend(tf, ["webgpu", "cpu"], systemClock);
  expect(report.chosen).toBe("cpu");
  expect(report.measured[0]).toEqual({
    name: "webgpu",
    rejected: expect.stringContaining("webgpu") as string,
  });
  expect(report.measured[1]?.ms).toBeGreaterThan(0);
  expect(tf.getBackend()).toBe("cpu");
  expect(tf.memory().numTensors).toBe(tensorsBefore);
});

test("a backend that computes wrong numbers is never chosen", async () => {
  const wrong = {
    ...tf,
    matMul: (...args: Parameters<typeof tf.matMul>) => tf.matMul(...args).add(0.5),
  } as Tensorflow;
  await expect(chooseBackend(wrong, ["cpu"], systemClock)).rejects.toMatchObject({
    code: "INTERNAL",
    message: expect.stringMatching(/cpu: it computes wrong numbers: matMul is \[58.5/) as string,
  });
});

test("a known winner is not measured again, and one that fails here is measured anew", async () => {
  const reports: string[] = [];
  const onMeasured = ({ chosen }: { chosen: string }) => void reports.push(chosen);
  const source = { tf, clock: systemClock, onMeasured };
  await readyTensorflow({ ...source, candidates: ["cpu"], backend: "cpu" });
  expect(reports).toEqual([]);
  await readyTensorflow({ ...source, candidates: ["webgpu", "cpu"], backend: "webgpu" });
  expect(reports).toEqual(["cpu"]);
});
