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

/** Of as many jobs as there are run times, in the order of their coming, or one job after the other. */
const jobsOf = (runMs: readonly number[], workMs: number, isMixed: boolean): FleetTask[] => {
  const jobs = runMs.map((each, job) =>
    Array.from({ length: workMs / each }, (_, i) => ({
      job,
      class: 0,
      runMs: each,
      order: i * each,
    })),
  );
  const all = jobs.flat();
  return isMixed ? all.toSorted((a, b) => a.order - b.order) : all;
};
const fleetOf = (count: number): FleetWorker[] =>
  Array.from({ length: count }, (_, i) => ({ slots: 2, slowness: 1 + (i % 3), roundTripMs: 10 }));

test.each([true, false])(
  "equal jobs get equal parts, be their tasks long or short, mixed: %s",
  (isMixed) => {
    const tasks = jobsOf([10, 50, 200, 50], 100_000, isMixed);
    const plan = { workers: fleetOf(20), tasks, withLocality: true };
    expect(new Fleet(plan).run().fairness).toBeGreaterThanOrEqual(0.95);
  },
);

test("jobs get parts by their weights", () => {
  const tasks = jobsOf([20, 20, 100], 300_000, false);
  const weights = [1, 2, 4];
  const { workMs } = new Fleet({ workers: fleetOf(20), tasks, withLocality: true, weights }).run();
  const sum = workMs.reduce((total, each) => total + each, 0);
  workMs.forEach((work, job) => {
    const part = work / sum / (weights[job]! / 7);
    expect(Math.abs(part - 1), `job ${job} got ${part} of its part`).toBeLessThanOrEqual(0.1);
  });
});
