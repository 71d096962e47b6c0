import { expect, test } from "vitest";
import { LeftUncaught, UnfinishedCalls } from "./unfinished-calls.ts";

const never = () => new Promise(() => {});

function errorAt(...frames: string[]): Error {
  const error = new Error("late");
  error.stack = ["Error: late", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

test("a call gives what its promise gives", async () => {
  const calls = new UnfinishedCalls();
  expect(await calls.settled("manta:f", Promise.resolve(1))).toBe(1);
  await expect(calls.settled("manta:f", Promise.reject(new Error("own")))).rejects.toThrow("own");
});

test("an error with a call's code in its stack fails that call and no other", async () => {
  const calls = new UnfinishedCalls();
  let isOver = false;
  const other = calls.settled("manta:other", never()).finally(() => (isOver = true));
  const guilty = calls.settled("manta:f", never());
  const error = errorAt(
    "Timeout._onTimeout (manta:f:5:30)",
    "listOnTimeout (node:internal/timers:1)",
  );
  expect(calls.blame(error)).toBe(true);
  const failed: unknown = await guilty.catch((thrown: unknown) => thrown);
  expect(failed).toBeInstanceOf(LeftUncaught);
  expect((failed as LeftUncaught).thrown).toBe(error);
  expect(isOver).toBe(false);
  void other;
});

test("of a call that is over already, nobody else is blamed", async () => {
  const calls = new UnfinishedCalls();
  await calls.settled("manta:f", Promise.resolve(1));
  const other = calls.settled(
    "manta:other",
    new Promise((resolve) => setTimeout(resolve, 1, "fine")),
  );
  expect(calls.blame(errorAt("manta:f:5:30"))).toBe(true);
  expect(await other).toBe("fine");
});

test("an error that tells nothing is the only call's; of several it is nobody's", async () => {
  const calls = new UnfinishedCalls();
  const only = calls.settled("manta:f", never());
  expect(calls.blame("just a text")).toBe(true);
  await expect(only).rejects.toBeInstanceOf(LeftUncaught);
  const two = ["manta:f", "manta:g"].map((source) =>
    calls.settled(source, Promise.resolve(source)),
  );
  expect(calls.blame(errorAt("emitErrorNT (node:internal/streams/destroy:151:8)"))).toBe(true);
  expect(await Promise.all(two)).toEqual(["manta:f", "manta:g"]);
});

test("an error of the executor's own code is no user's", () => {
  const calls = new UnfinishedCalls();
  const ours = errorAt("step (file:///app/dist/shared/worker/executor-runtime.js:10:5)");
  expect(calls.blame(ours)).toBe(false);
});
