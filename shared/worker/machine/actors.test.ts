import { expect, test } from "vitest";
import type { ActorId, ObjectId } from "../../ids.ts";
import { ACTOR_END_MS_MAX } from "./actors.ts";
import { needsTicks, SILENT_MS_MAX } from "./deadlines.ts";
import { alice, bob, light, object, short, withActors, worker } from "./test-worker.ts";

test("an actor that is stopped finishes what it runs, refuses the rest and is then gone", () => {
  const w = withActors();
  w.call("c0");
  w.call("c1", bob, [object]);
  const stopped = w.feed({ type: "actor-stopped", actor: "x" as ActorId });
  expect(short(stopped)).toEqual(["stop- d.1", "answer c1 ACTOR_DIED"]);
  expect(w.call("c2")).toEqual(["answer c2 ACTOR_DIED"]);
  expect(short(w.finish("e2", "c0"))).toEqual(["answer c0 done", "end x"]);
  expect(w.call("c3")).toEqual(["answer c3 ACTOR_DIED"]);
  expect(short(w.finish("e2", "dispose-x"))).toEqual(["drop x"]);
});

test("an actor whose last word takes too long is dropped without it", () => {
  const w = withActors();
  w.feed({ type: "actor-stopped", actor: "x" as ActorId });
  expect(short(w.at(SILENT_MS_MAX - 1))).toEqual([]);
  expect(short(w.at(SILENT_MS_MAX + 1))).toEqual(["stop e2", "drop x", "drop y"]);
});

test("an actor that wants to end is not to be restarted, and only its own executor may say so", () => {
  const w = withActors();
  const actor = "x" as ActorId;
  w.call("c0");
  expect(short(w.feed({ type: "actor-exited", actor, executor: "e0" }))).toEqual([]);
  expect(short(w.feed({ type: "actor-exited", actor, executor: "e2" }))).toEqual([]);
  w.finish("e2", "c0");
  const [dropped] = w.finish("e2", "dispose-x");
  expect(dropped).toMatchObject({ type: "drop-actor", isFinal: true, tell: true, life: 0 });
});

test("calls that were not started when their actor ends or leaves are told not to have run", () => {
  const w = withActors();
  w.call("c0");
  w.call("c1", bob, [object]);
  const left = w.feed({ type: "actor-leaves", actor: "x" as ActorId });
  expect(left.at(-1)).toMatchObject({ type: "report-call", outcome: { over: "not-run" } });
  const crashed = w.feed({ type: "executor-ended", executor: "e2", reason: "exit code 1" });
  expect(crashed[0]).toMatchObject({ type: "report-call", outcome: { over: "may-have-run" } });
  expect(crashed.at(-1)).toMatchObject({ type: "drop-actor", isFinal: false });
});

test("calls of an unordered actor do not wait for one that waits for its argument", () => {
  const w = worker();
  w.start();
  w.order("x", { kind: "create-actor", demands: light, isUnordered: true });
  w.feed({ type: "executor-ready", executor: "e2" });
  w.finish("e2", "0");
  const call = (key: string, missing: ObjectId[]) =>
    short(w.feed({ type: "call-received", key, actor: "x" as ActorId, caller: alice, missing }));
  expect(call("c0", [object])).toEqual(["fetch d.1"]);
  expect(call("c1", [])).toEqual(["give c1 e2"]);
  expect(short(w.feed({ type: "object-arrived", object }))).toEqual(["give c0 e2"]);
});

test("an actor that goes on after it was stopped is cut short", () => {
  const w = withActors();
  w.call("c0");
  w.feed({ type: "actor-stopped", actor: "x" as ActorId });
  expect(short(w.at(ACTOR_END_MS_MAX))).toEqual(["answer c0 ACTOR_DIED", "end x", "drop x"]);
});

test("an actor that blocks its shared thread takes it down when it was ended and goes on", () => {
  const w = withActors();
  w.call("c0");
  w.feed({ type: "actor-stopped", actor: "x" as ActorId });
  w.at(ACTOR_END_MS_MAX);
  expect(short(w.at(ACTOR_END_MS_MAX + SILENT_MS_MAX))).toEqual([]);
  const effects = w.at(ACTOR_END_MS_MAX + SILENT_MS_MAX + 1);
  expect(short(effects)).toEqual(["stop e2", "drop y"]);
  const message = expect.stringContaining("hung for 5000 ms after actor x");
  expect(effects[1]).toMatchObject({ error: { code: "ACTOR_DIED", message }, tell: true });
  expect(short(w.order("z", { kind: "create-actor", demands: light }))).toEqual([
    "spawn e3",
    "give 2 e3",
  ]);
});

test("an actor that only awaits is ended alone: its thread confirms it", () => {
  const w = withActors();
  w.call("c0");
  w.feed({ type: "actor-stopped", actor: "x" as ActorId });
  const ended = w.at(ACTOR_END_MS_MAX);
  const end = { type: "end-actor", executor: "e2", actor: "x", key: "end-x", isGraceful: false };
  expect(ended).toContainEqual(end);
  w.finish("e2", "end-x");
  expect(short(w.at(ACTOR_END_MS_MAX + SILENT_MS_MAX + 1))).toEqual([]);
  expect(needsTicks(w.state)).toBe(false);
});
