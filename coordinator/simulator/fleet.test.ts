import { expect, test } from "vitest";
import { drawFleet, Fleet, type FleetTask, type FleetWorker } from "./fleet.ts";

const tasksOf = (count: number, runMs: number): FleetTask[] =>
  Array.from({ length: count }, () => ({ job: 0, class: 0, runMs }));

const worker = (slowness: number, roundTripMs: number): FleetWorker => ({
  slots: 1,
  slowness,
  roundTripMs,
});

test.each([20, 100, 500])(
  "with one of four workers ten times slower, tasks of %i ms end within 1.3 of the ideal",
  (runMs) => {
    const workers = [worker(1, 2), worker(1, 2), worker(1, 2), worker(10, 2)];
    const plan = { workers, tasks: tasksOf(150, runMs), withLocality: true };
    const { makespanMs, lowerBoundMs } = new Fleet(plan).run();
    expect(makespanMs / lowerBoundMs).toBeLessThanOrEqual(1.3);
  },
);

test("a task that is late although its worker is not is copied, and the batch does not wait for it", () => {
  const workers = Array.from({ length: 8 }, () => worker(1, 2));
  // Two of the last hundred are held up by their worker for as long as the whole batch takes.
  const tasks = tasksOf(800, 100).map((task, i) =>
    i === 720 || i === 780 ? { ...task, heldUpMs: 10_000 } : task,
  );
  const run = (speculate: boolean) =>
    new Fleet({ workers, tasks, withLocality: true, speculate }).run();
  const { makespanMs, lowerBoundMs, copied } = run(true);
  expect(makespanMs / lowerBoundMs).toBeLessThanOrEqual(1.3);
  expect(copied).toBeGreaterThan(0);
  expect(run(false).makespanMs / lowerBoundMs).toBeGreaterThan(1.5);
});

test("with 100 ms there and back, tasks of 10 ms keep workers busy nine tenths of the time", () => {
  const workers = Array.from({ length: 4 }, () => worker(1, 100));
  const plan = { workers, tasks: tasksOf(4_000, 10), withLocality: true };
  const { utilisation } = new Fleet(plan).run();
  expect(utilisation).toBeGreaterThanOrEqual(0.9);
});

test("an uneven fleet loses one task's time to what it does not know at first; locality moves fewer bytes", () => {
  const plan = drawFleet(100, 4_000, 1);
  const near = new Fleet({ ...plan, withLocality: true }).run();
  const far = new Fleet({ ...plan, withLocality: false }).run();
  expect(near.decisions - near.recalled).toBe(4_000);
  expect(near.bytesMoved).toBeLessThan(far.bytesMoved * 0.9);
  const slowest = Math.max(...plan.tasks.map(({ runMs }) => runMs)) * 10;
  expect(near.makespanMs).toBeLessThan(slowest + 1.1 * near.lowerBoundMs);
});

test("what waits ahead behind a task that takes long goes to whoever is idle", () => {
  const workers = [worker(1, 2), worker(1, 2)];
  const tasks = tasksOf(400, 5).map((task, i) => (i === 100 ? { ...task, runMs: 10_000 } : task));
  const { makespanMs, recalled } = new Fleet({ workers, tasks, withLocality: true }).run();
  expect(recalled).toBeGreaterThan(0);
  const alone = 10_000 + 2 + 50 * 5;
  expect(makespanMs).toBeLessThan(alone * 1.05);
});

test("a slow worker far away does not keep what others could have done", () => {
  const workers = [worker(1, 2), worker(1, 2), worker(4, 400)];
  const plan = { workers, tasks: tasksOf(300, 20), withLocality: true };
  const { makespanMs, lowerBoundMs } = new Fleet(plan).run();
  expect(makespanMs / lowerBoundMs).toBeLessThanOrEqual(1.3);
});
