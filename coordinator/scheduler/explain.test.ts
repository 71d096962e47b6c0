import { expect, test } from "vitest";
import { explainTask } from "./explain.ts";
import { cpus, TestScheduler } from "./test-scheduler.ts";

function explained(scheduler: TestScheduler, task: string): string {
  return explainTask(scheduler.state, scheduler.task(task)!, scheduler.nowMs);
}

test("a waiting task names what it waits for, and who makes it", () => {
  const scheduler = new TestScheduler();
  scheduler.define("make");
  scheduler.define("use");
  scheduler.submit("a", "make");
  scheduler.submit("t", "use", ["a", "b", "c", "d", "e", "f", "g"]);
  expect(explained(scheduler, "t")).toBe(
    "use (t) waits for a made by make (ready), b, c, d, e and 2 more",
  );
});

test("what nobody can run says what each worker lacks", () => {
  const scheduler = new TestScheduler();
  const demands = { ...cpus(2), gpuMilli: 1_000, custom: { lab: 1_000 } };
  scheduler.define("f", { demands, labels: { runtime: "browser" } });
  scheduler.submit("t", "f");
  expect(explained(scheduler, "t")).toContain("no worker is connected");
  scheduler.join("a", cpus(1));
  scheduler.join("b", cpus(2));
  scheduler.join("c", { ...cpus(2), gpuMilli: 1_000 });
  const lab = { ...cpus(2), gpuMilli: 1_000, custom: { lab: 1_000 } };
  scheduler.join("e", lab, { runtime: "node" });
  expect(explained(scheduler, "t")).toBe(
    "f (t): no worker can run it: it needs 2 cpus, 1 gpus, 1 of lab, runtime = browser, but " +
      "worker a has 1 cpus, worker b has 0 gpus, worker c has 0 of lab, " +
      "worker e has runtime = node; ask for less or connect a worker that has it",
  );
});

test("a ready task says that workers are busy, a running one where it is", () => {
  const scheduler = new TestScheduler();
  scheduler.define("f");
  scheduler.join("w1");
  scheduler.submit("t", "f");
  scheduler.submit("u", "f");
  scheduler.nowMs = 250;
  expect(explained(scheduler, "t")).toBe(
    "f (t) is with worker w1 (attempt 1 of at most 4), heard of 250 ms ago",
  );
  expect(explained(scheduler, "u")).toBe(
    "f (u) is ready; the 1 worker(s) that can run it are busy, 1 task(s) of its kind wait, and a " +
      "task of its kind has not ended yet",
  );
});
