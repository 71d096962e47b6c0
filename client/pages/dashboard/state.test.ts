import { expect, test } from "vitest";
import type { MeshSummary } from "../../../shared/protocol/messages.ts";
import { taskCounts, taskGroup } from "./state.ts";
import { Throughput } from "./throughput.ts";

const mesh = (changes: Partial<MeshSummary> = {}): MeshSummary => ({
  workers: 0,
  drivers: 0,
  tasksWaiting: 0,
  tasksReady: 0,
  tasksRunning: 0,
  tasksDone: 0,
  tasksFailed: 0,
  tasksRetried: 0,
  actors: 0,
  objects: 0,
  objectBytes: 0,
  relayedBytes: 0,
  ...changes,
});

test("a task that is ready waits too, and an actor that lives is running", () => {
  expect(["waiting", "ready", "running", "alive", "cancelled", "dreaming"].map(taskGroup)).toEqual([
    "waiting",
    "waiting",
    "running",
    "running",
    "failed",
    undefined,
  ]);
  expect(taskCounts(mesh({ tasksWaiting: 2, tasksReady: 3 })).waiting).toBe(5);
});

test("throughput is finished tasks per second, however long the gap", () => {
  const throughput = new Throughput();
  throughput.note(mesh({ tasksDone: 10 }), 1_000);
  throughput.note(mesh({ tasksDone: 28, tasksFailed: 2 }), 3_000);
  expect(throughput.history.samples).toEqual([10]);
  expect(throughput.latest).toBe(10);
});

test("a coordinator that was started again does not make throughput negative", () => {
  const throughput = new Throughput();
  throughput.note(mesh({ tasksDone: 10 }), 1_000);
  throughput.note(mesh({ tasksDone: 20 }), 2_000);
  throughput.note(mesh(), 3_000);
  throughput.note(mesh({ tasksDone: 4 }), 4_000);
  expect(throughput.history.samples).toEqual([4]);
});
