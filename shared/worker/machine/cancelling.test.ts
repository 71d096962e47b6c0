import { expect, test } from "vitest";
import type { TaskId } from "../../ids.ts";
import { CANCEL_GRACE_MS } from "./cancelling.ts";
import { alice, object, short, withActors, worker } from "./test-worker.ts";

const gently = (task: string) =>
  ({ type: "run-cancelled", task: task as TaskId, attempt: 0, isGraceful: true }) as const;

/** Three short tasks in one executor: `a` runs, `b` and `c` wait behind it. */
function pipelined() {
  const w = worker({ executorsMin: 1, executorsMax: 1 });
  w.start();
  w.order("first");
  w.finish("e0", "0", 0.5);
  for (const task of ["a", "b", "c"]) w.order(task);
  return w;
}

test("code that has asked for its signal is told, and its executor goes on when it ends", () => {
  const w = worker({ executorsMin: 1, executorsMax: 1 });
  w.start();
  w.order("a");
  w.feed({ type: "signal-taken", executor: "e0", key: "0" });
  expect(short(w.feed(gently("a")))).toEqual(["report a TASK_CANCELLED", "abort 0 e0"]);
  expect(w.state.used.cpuMilli, "it occupies its CPU until then").toBe(1_000);
  expect(short(w.finish("e0", "0"))).toEqual([]);
  expect(short(w.order("b"))).toEqual(["give 1 e0"]);
});

test("code that does not end in time is stopped, not before", () => {
  const w = worker();
  w.start();
  w.order("a");
  w.feed({ type: "signal-taken", executor: "e0", key: "0" });
  w.feed(gently("a"));
  expect(short(w.at(CANCEL_GRACE_MS - 1))).toEqual([]);
  expect(short(w.at(CANCEL_GRACE_MS))).toEqual(["stop e0", "spawn e2"]);
});

test("code that cannot hear of it, or that is to be stopped by force, is stopped at once", () => {
  const w = worker();
  w.start();
  w.order("a");
  w.order("b");
  w.feed({ type: "signal-taken", executor: "e1", key: "1" });
  expect(short(w.feed(gently("a")))).toContain("stop e0");
  const force = { ...gently("b"), isGraceful: false };
  expect(short(w.feed(force))).toContain("stop e1");
});

test("an executor has a say about what it runs alone", () => {
  const w = worker();
  w.start();
  w.order("a");
  w.feed({ type: "signal-taken", executor: "e1", key: "0" });
  expect(short(w.feed(gently("a")))).toContain("stop e0");
});

test("a task that waits behind another in an executor does not begin, and harms nobody", () => {
  const w = pipelined();
  expect(short(w.feed(gently("b")))).toEqual(["report b TASK_CANCELLED", "abort 2 e0"]);
  expect(short(w.finish("e0", "1"))).toEqual(["report a done"]);
  expect(short(w.finish("e0", "2"))).toEqual([]);
  expect(short(w.finish("e0", "3"))).toEqual(["report c done"]);
});

test("what is behind code that is given time does not wait for it", () => {
  const w = pipelined();
  w.feed({ type: "signal-taken", executor: "e0", key: "1" });
  w.feed(gently("a"));
  expect([...w.state.returned]).toEqual(["2", "3"]);
  expect(short(w.order("d")), "nothing more is put behind it").not.toContain("give 4 e0");
});

test("a call that waits for its arguments is dropped, and those behind it go on", () => {
  const { call, feed } = withActors();
  call("k1", alice, [object]);
  expect(call("k2")).toEqual([]);
  expect(short(feed({ type: "call-cancelled", key: "k1" }))).toEqual([
    "stop- d.1",
    "answer k1 TASK_CANCELLED",
    "give k2 e2",
  ]);
});

test("a call that the actor has is told, and stays until it ends", () => {
  const { call, feed, finish } = withActors();
  call("k1");
  expect(short(feed({ type: "call-cancelled", key: "k1" }))).toEqual(["abort k1 e2"]);
  expect(short(finish("e2", "k1"))).toEqual(["answer k1 done"]);
  expect(short(feed({ type: "call-cancelled", key: "k1" }))).toEqual([]);
});
