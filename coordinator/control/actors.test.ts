import { expect, test } from "vitest";
import type { ActorId, TaskId } from "../../shared/ids.ts";
import { LEASE_MS_MAX } from "../scheduler/step.ts";
import { meshOf, type TestPlane } from "./test-plane.ts";

/** One driver, one worker, and the actor `d.1` under construction there. */
function constructing(): TestPlane {
  const mesh = meshOf("w1");
  mesh.define("d.A", { kind: "actor-class", name: "A" });
  mesh.submit("d.1", "d.A");
  mesh.sent();
  return mesh;
}

function living(): TestPlane {
  const mesh = constructing();
  mesh.done("w1", "d.1");
  mesh.sent();
  return mesh;
}

const watch = (mesh: TestPlane, peer: string, actor = "d.1"): void =>
  mesh.receive(peer, { type: "locate-actor", actor: actor as ActorId });

/** What was said of actors: `"d d.1 w1"`, `"d d.1 ACTOR_DIED"`. */
const toldOf = (mesh: TestPlane): string[] =>
  mesh.sent().flatMap(([to, message]) => {
    if (message.type !== "actor-located") return [];
    return [`${to} ${message.actor} ${message.worker ?? message.error?.code}`];
  });

test("those who ask where an actor lives are told when it does, and when it ends", () => {
  const mesh = constructing();
  watch(mesh, "d");
  expect(mesh.sent()).toEqual([]);
  mesh.done("w1", "d.1");
  expect(toldOf(mesh)).toEqual(["d d.1 w1"]);
  mesh.driver("e");
  watch(mesh, "e");
  expect(toldOf(mesh)).toEqual(["e d.1 w1"]);
  mesh.leave("w1");
  expect(toldOf(mesh)).toEqual(["d d.1 ACTOR_DIED", "e d.1 ACTOR_DIED"]);
  watch(mesh, "e");
  expect(toldOf(mesh)).toEqual(["e d.1 ACTOR_DIED"]);
});

test("an actor that never existed is not waited for", () => {
  const mesh = constructing();
  watch(mesh, "d", "d.9");
  expect(toldOf(mesh)).toEqual(["d d.9 ACTOR_DIED"]);
});

test("a constructor that throws is told to those who wait for the actor", () => {
  const mesh = constructing();
  watch(mesh, "d");
  mesh.receive("w1", {
    type: "task-failed",
    task: "d.1" as TaskId,
    attempt: 0,
    error: { code: "TASK_FAILED", message: "boom" },
    ranForMs: 1,
  });
  expect(toldOf(mesh)).toEqual(["d d.1 TASK_FAILED"]);
});

test("only its driver ends an actor, and its room is given to others", () => {
  const mesh = living();
  const actor = "d.1" as ActorId;
  mesh.submit("d.2");
  mesh.driver("e");
  expect(() => mesh.receive("e", { type: "end-actor", actor })).toThrow(
    /e may not end d\.1: it belongs to another job/,
  );
  expect(mesh.sent()).toEqual([]);
  mesh.receive("d", { type: "end-actor", actor });
  expect(mesh.sentInShort()).toEqual(["stop-actor w1", "define w1", "run w1"]);
  expect(mesh.plane.actors.living).toBe(0);
});

test("an actor that is ended under construction is stopped", () => {
  const mesh = constructing();
  mesh.receive("d", { type: "end-actor", actor: "d.1" as ActorId });
  expect(mesh.sentInShort()).toEqual(["cancel-run w1", "object-located d"]);
  mesh.done("w1", "d.1");
  expect(mesh.sentInShort()).toEqual(["stop-actor w1"]);
});

test("an actor constructed by an attempt that was given up is stopped", () => {
  const mesh = constructing();
  mesh.worker("w2");
  for (; mesh.nowMs <= LEASE_MS_MAX; mesh.nowMs += 5_000) {
    mesh.receive("w1", { type: "heartbeat", tasks: [], storedBytes: 0 });
    mesh.receive("w2", { type: "heartbeat", tasks: [], storedBytes: 0 });
  }
  mesh.tick(LEASE_MS_MAX + 1);
  expect(mesh.sentInShort()).toEqual(["define w2", "run w2"]);
  mesh.done("w1", "d.1");
  expect(mesh.sentInShort()).toEqual(["stop-actor w1"]);
  mesh.done("w2", "d.1", { attempt: 1 });
  watch(mesh, "d");
  expect(toldOf(mesh)).toEqual(["d d.1 w2"]);
  mesh.done("w2", "d.1", { attempt: 1 });
  expect(mesh.sent()).toEqual([]);
});

test("an actor ends with its driver", () => {
  const mesh = living();
  mesh.driver("e");
  watch(mesh, "e");
  mesh.sent();
  mesh.leave("d");
  const sent = mesh.sent().map(([to, { type }]) => `${type} ${to}`);
  expect(sent).toEqual(["stop-actor w1", "actor-located e", "forget-callables w1"]);
});

test("an actor that ended by itself is told to those who watch it", () => {
  const mesh = living();
  watch(mesh, "d");
  mesh.sent();
  const error = { code: "ACTOR_DIED", message: "its executor crashed" } as const;
  mesh.receive("w1", { type: "actor-ended", actor: "d.1" as ActorId, error });
  const message = expect.stringContaining("its executor crashed");
  const told = { type: "actor-located", actor: "d.1", error: { code: "ACTOR_DIED", message } };
  expect(mesh.sent()).toEqual([["d", told]]);
  expect(mesh.plane.scheduler.workers.get("w1" as never)?.used.cpuMilli).toBe(0);
});
