import { expect, test } from "vitest";
import type { ActorId, TaskId } from "../../ids.ts";
import { EXECUTOR_START_MS_MAX, needsTicks, SILENT_MS_MAX } from "./deadlines.ts";
import { START_FAILURES_MAX } from "./executors.ts";
import { PIPELINE_MIN, PIPELINE_STALL_MS } from "./placement.ts";
import { alice, bob, light, object, short, withActors, worker } from "./test-worker.ts";

test("orders start in the order they came, as far as they fit", () => {
  const w = worker();
  w.start();
  expect(short(w.order("a"))).toEqual(["give 0 e0"]);
  const both = { cpuMilli: 2_000, gpuMilli: 0, memoryBytes: 0 };
  expect(short(w.order("b", { demands: both }))).toEqual([]);
  expect(short(w.order("c")), "c would fit, but may not overtake").toEqual([]);
  expect(short(w.finish("e0", "0"))).toEqual(["report a done", "give 1 e1"]);
  expect(short(w.finish("e1", "1"))).toEqual(["report b done", "give 2 e0"]);
});

test("what only the end of an actor can make room for is overtaken until then", () => {
  const w = worker();
  w.start();
  w.order("actor", { kind: "create-actor" });
  const spawned = [...w.state.executors.keys()].at(-1)!;
  w.feed({ type: "executor-ready", executor: spawned });
  w.finish("e0", "0");
  w.order("big", { demands: { cpuMilli: 2_000, gpuMilli: 0, memoryBytes: 0 } });
  expect(short(w.order("small"))).toEqual(["give 2 e1"]);
  w.finish("e1", "2");
  const stopped = short(w.feed({ type: "actor-stopped", actor: "actor" as ActorId }));
  expect(stopped, "its own code has the last word").toEqual(["end actor"]);
  const ended = short(w.finish("e0", "dispose-actor"));
  expect(ended).toEqual(["stop e0", "drop actor", `give 1 ${spawned}`]);
});

test("an order waits for its objects, which are fetched once", () => {
  const w = worker();
  w.start();
  expect(short(w.order("a", { missing: [object] }))).toEqual(["fetch d.1"]);
  expect(short(w.order("b", { missing: [object] }))).toEqual([]);
  expect(short(w.feed({ type: "object-arrived", object }))).toEqual(["give 0 e0", "give 1 e1"]);
});

test("an object that cannot be had fails the orders that need it, with its own error", () => {
  const w = worker();
  w.start();
  w.order("a", { missing: [object] });
  const error = { code: "OBJECT_LOST", message: "no copy left" } as const;
  const effects = w.feed({ type: "object-failed", object, error });
  expect(effects).toMatchObject([{ type: "report-task", outcome: { error } }]);
});

test("what is recalled is returned unless an executor has it, and what it waited for is not fetched", () => {
  const w = worker();
  w.start();
  for (const task of ["a", "b", "c"]) w.order(task);
  w.order("d", { missing: [object] });
  const recall = (tasks: string[], attempt = 0) =>
    short(w.feed({ type: "runs-recalled", tasks: tasks.map((t) => [t as TaskId, attempt]) }));
  expect(recall(["c", "d"], 1), "another attempt").toEqual([]);
  expect(recall(["a", "b", "c", "d"])).toEqual(["return c", "stop- d.1", "return d"]);
  expect(recall(["c"])).toEqual([]);
  expect(short(w.finish("e0", "0"))).toEqual(["report a done"]);
});

test("what waits in an executor behind a task that hangs is returned, and not begun there", () => {
  const w = worker({ executorsMin: 1, executorsMax: 1 });
  w.start();
  w.order("a");
  w.finish("e0", "0", 0.5);
  for (const task of ["x", "b", "c"]) w.order(task);
  const tasks = ["x", "b", "c"].map((task) => [task as TaskId, 0] as const);
  const recall = () => short(w.feed({ type: "runs-recalled", tasks }));
  expect(recall(), "the executor may begin them at once").toEqual([]);
  w.at(PIPELINE_STALL_MS + 1);
  expect(recall()).toEqual(["abort 2 e0", "return b", "abort 3 e0", "return c"]);
  expect(short(w.order("b", { attempt: 1 })), "another attempt is another order").toEqual([]);
  expect(short(w.finish("e0", "1", 200))).toEqual(["report x done"]);
  expect(short(w.finish("e0", "2")), "it began that very moment").toEqual([]);
  expect(short(w.finish("e0", "3"))).toEqual(["give 4 e0"]);
  expect(short(w.finish("e0", "4"))).toEqual(["report b done"]);
});

test("a fetch stops when its last order is cancelled", () => {
  const w = worker();
  w.start();
  w.order("a", { missing: [object] });
  const effects = w.feed({ type: "run-cancelled", task: "a" as TaskId, attempt: 0 });
  expect(short(effects)).toEqual(["stop- d.1", "report a TASK_CANCELLED"]);
});

test("short tasks are queued in executors, and run elsewhere when the first takes long", () => {
  const w = worker({ executorsMin: 1, executorsMax: 1 });
  w.start();
  w.order("a");
  w.finish("e0", "0", 0.5);
  const given = Array.from({ length: PIPELINE_MIN + 1 }, (_, i) => short(w.order(`t${i}`))).flat();
  expect(given).toHaveLength(PIPELINE_MIN);
  w.at(PIPELINE_STALL_MS + 1);
  expect(w.state.returned.size).toBe(PIPELINE_MIN - 1);
  expect(short(w.finish("e0", "1", 200)), "a late one takes its queue back").toEqual([
    "report t0 done",
  ]);
  expect(w.state.returned.size).toBe(0);
});

test("the first outcome of an order that two executors have wins", () => {
  const w = worker();
  w.start();
  w.order("a");
  w.order("b");
  w.finish("e0", "0", 0.5);
  w.order("c");
  w.order("d");
  expect(short(w.all).at(-1)).toBe("give 3 e0");
  w.at(PIPELINE_STALL_MS + 1);
  expect(short(w.finish("e1", "1"))).toEqual(["report b done", "give 3 e1"]);
  expect(short(w.finish("e1", "3"))).toEqual(["report d done"]);
  expect(short(w.finish("e0", "2"))).toEqual(["report c done"]);
  expect(short(w.finish("e0", "3"))).toEqual([]);
});

test("a crash fails what the executor ran; what waited behind it runs elsewhere", () => {
  const w = worker({ executorsMin: 1, executorsMax: 1 });
  w.start();
  w.order("a");
  w.finish("e0", "0", 0.5);
  w.order("b");
  w.order("c");
  const effects = w.feed({ type: "executor-ended", executor: "e0", reason: "out of memory" });
  expect(short(effects)).toEqual(["report b WORKER_LOST", "spawn e1"]);
  expect(effects[0]).toMatchObject({
    outcome: { error: { message: expect.stringMatching(/b \(f, attempt 1\).*out of memory/) } },
  });
  expect(short(w.feed({ type: "executor-ready", executor: "e1" }))).toEqual(["give 2 e1"]);
});

test("a task over its timeoutMs is stopped with its executor", () => {
  const w = worker();
  w.start();
  w.order("a", { timeoutMs: 50 });
  expect(w.at(50)).toEqual([]);
  const effects = w.at(51);
  expect(short(effects)).toEqual(["report a TASK_TIMEOUT", "stop e0", "spawn e2"]);
  expect(effects[0]).toMatchObject({
    outcome: { error: { message: expect.stringMatching(/task a .*worker w.*timeoutMs of 50/) } },
  });
});

test("cancelling a running task stops its executor", () => {
  const w = worker();
  w.start();
  w.order("a");
  const effects = w.feed({ type: "run-cancelled", task: "a" as TaskId, attempt: 0 });
  expect(short(effects)).toEqual(["report a TASK_CANCELLED", "stop e0", "spawn e2"]);
});

test("the same attempt is not run twice, a newer one replaces it", () => {
  const w = worker();
  w.start();
  w.order("a");
  expect(short(w.order("a"))).toEqual(["ignore 1"]);
  const effects = w.order("a", { attempt: 1 });
  expect(short(effects)).toEqual(["report a TASK_CANCELLED", "stop e0", "give 2 e1", "spawn e2"]);
});

test("a task that waits for an object lends its CPU", () => {
  const w = worker({ executorsMin: 1, executorsMax: 1 });
  w.start();
  const all = { cpuMilli: 2_000, gpuMilli: 0, memoryBytes: 0 };
  w.order("waits", { demands: all });
  expect(short(w.order("makes it", { demands: all }))).toEqual([]);
  expect(short(w.feed({ type: "executor-blocked", executor: "e0" }))).toEqual(["spawn e1"]);
  expect(short(w.feed({ type: "executor-ready", executor: "e1" }))).toEqual(["give 1 e1"]);
  w.finish("e1", "1");
  w.feed({ type: "executor-resumed", executor: "e0" });
  expect(w.state.used.cpuMilli).toBe(2_000);
});

test("light actors share an executor, an actor with a CPU has its own", () => {
  const w = worker();
  w.start();
  expect(short(w.order("l1", { kind: "create-actor", demands: light }))).toEqual([
    "spawn e2",
    "give 0 e2",
  ]);
  expect(short(w.order("l2", { kind: "create-actor", demands: light }))).toEqual(["give 1 e2"]);
  expect(short(w.order("own", { kind: "create-actor" }))).toEqual(["give 2 e0", "spawn e3"]);
  w.feed({ type: "executor-ready", executor: "e2" });
  expect(short(w.finish("e2", "0"))).toEqual(["host l1", "report l1 done"]);
});

test("a call that waits for an object holds back its caller's later calls, nobody else's", () => {
  const w = withActors();
  expect(w.call("c0", alice, [object])).toEqual(["fetch d.1"]);
  expect(w.call("c1")).toEqual([]);
  expect(w.call("c2", bob)).toEqual(["give c2 e2"]);
  const arrived = w.feed({ type: "object-arrived", object });
  expect(short(arrived)).toEqual(["give c0 e2", "give c1 e2"]);
});

test("a call whose object is lost fails, and those behind it go on", () => {
  const w = withActors();
  w.call("c0", alice, [object]);
  w.call("c1");
  const error = { code: "OBJECT_LOST", message: "gone" } as const;
  const effects = w.feed({ type: "object-failed", object, error });
  expect(short(effects)).toEqual(["answer c0 OBJECT_LOST", "give c1 e2"]);
});

test("a constructor over its timeoutMs takes its shared executor down, and what waits there", () => {
  const w = worker();
  w.start();
  const more = { kind: "create-actor", demands: light, timeoutMs: 50 } as const;
  w.order("x", more);
  w.order("y", more);
  w.feed({ type: "executor-ready", executor: "e2" });
  const effects = short(w.at(51));
  expect(effects).toContain("report x TASK_TIMEOUT");
  expect(effects).toContain("report y WORKER_LOST");
  expect(effects).toContain("stop e2");
});

test("an order that was taken from a slow executor runs there if nobody else could take it", () => {
  const w = worker({ executorsMin: 1, executorsMax: 1 });
  w.start();
  const both = { cpuMilli: 2_000, gpuMilli: 0, memoryBytes: 0 };
  w.order("a", { demands: both });
  w.finish("e0", "0", 0.5);
  w.order("b", { demands: both });
  w.order("c", { demands: both });
  w.feed({ type: "executor-blocked", executor: "e0" });
  w.order("actor", { kind: "create-actor" });
  w.feed({ type: "executor-ended", executor: "e1", reason: "no memory" });
  expect(short(w.finish("e0", "1"))).toContain("report b done");
  expect(short(w.finish("e0", "2"))).toContain("report c done");
});

test("a constructor that was cancelled and goes on takes its shared thread down", () => {
  const w = worker();
  w.start();
  w.order("x", { kind: "create-actor", demands: light });
  w.feed({ type: "executor-ready", executor: "e2" });
  w.feed({ type: "run-cancelled", task: "x" as TaskId, attempt: 0 });
  expect(needsTicks(w.state)).toBe(true);
  expect(short(w.at(SILENT_MS_MAX + 1))).toEqual(["stop e2"]);
});

test("actors die with their executor, and say why", () => {
  const w = withActors();
  w.call("c0");
  const effects = w.feed({ type: "executor-ended", executor: "e2", reason: "exit code 1" });
  expect(short(effects)).toEqual(["answer c0 ACTOR_DIED", "drop x", "drop y"]);
  const message = expect.stringContaining("exit code 1");
  expect(effects[2]).toMatchObject({ error: { code: "ACTOR_DIED", message }, tell: true });
});

test("executors that do not start are tried again later, then the work is given back", () => {
  const w = worker({ executorsMin: 0, executorsMax: 1 });
  let now = 0;
  w.order("a");
  for (let i = 0; i < START_FAILURES_MAX - 1; i++) {
    const died = w.feed({ type: "executor-ended", executor: `e${i}`, reason: "no memory" });
    expect(short(died)).toEqual([]);
    now += 10_000;
    expect(short(w.at(now))).toEqual([`spawn e${i + 1}`]);
  }
  const last = w.at(now + EXECUTOR_START_MS_MAX + 1);
  expect(short(last)).toEqual([`stop e${START_FAILURES_MAX - 1}`, "report a WORKER_LOST"]);
});

test("demands beyond the whole worker are refused at once", () => {
  const w = worker();
  w.start();
  const effects = w.order("a", { demands: { cpuMilli: 9_000, gpuMilli: 0, memoryBytes: 0 } });
  expect(short(effects)).toEqual(["report a INTERNAL"]);
});
