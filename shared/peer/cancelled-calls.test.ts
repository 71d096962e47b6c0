import { expect, test } from "vitest";
import type { MeshError } from "../errors.ts";
import type { ObjectId, PeerId } from "../ids.ts";
import { ActorCaller } from "./actor-caller.ts";
import { actor, request, scene } from "./test-actors.ts";
import { quiet } from "./test-mesh.ts";

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail("it should have failed"),
    (error: unknown) => error as MeshError,
  );

test("a cancelled call fails at once, and the actor's worker hears of it once", async () => {
  const { worker, caller } = scene();
  worker.held = [];
  const [one, two] = [caller.call(request(1)), caller.call(request(2))];
  await quiet();
  expect(caller.cancel(actor, "d.1" as ObjectId)).toBe(true);
  expect(caller.cancel(actor, "d.1" as ObjectId)).toBe(false);
  expect(await failure(one)).toMatchObject({ code: "TASK_CANCELLED" });
  await quiet();
  expect(worker.cancelled).toEqual(["d d.1"]);
  for (const answer of worker.held) answer();
  expect(await two).toMatchObject({ sequence: 1 });
  expect(caller.pending).toBe(0);
});

test("a call that was not sent is never sent", async () => {
  const { worker, caller } = scene();
  const early = failure(caller.call(request(1)));
  caller.cancel(actor, "d.1" as ObjectId);
  expect((await early).message).toContain("has not run");
  await caller.call(request(2));
  expect(worker.ran).toEqual(["d add 2"]);
});

test("a cancelled call is not sent again over the next link", async () => {
  const { mesh, worker, caller } = scene();
  worker.held = [];
  const cancelled = failure(caller.call(request(1)));
  const other = caller.call(request(2));
  await quiet();
  caller.cancel(actor, "d.1" as ObjectId);
  mesh.cut("d" as PeerId, "w" as PeerId);
  worker.held[1]!();
  expect(await other).toMatchObject({ sequence: 1 });
  expect((await cancelled).code).toBe("TASK_CANCELLED");
  expect(worker.ran).toHaveLength(2);
});

test("an answered call cannot be cancelled", async () => {
  const { caller } = scene();
  await caller.call(request(1));
  expect(caller.cancel(actor, "d.1" as ObjectId)).toBe(false);
});

test("calls whose caller has ended are made, and take nothing from what others may have pending", async () => {
  const { mesh, worker, driver, home } = scene();
  const locate = () => Promise.resolve({ worker: home.at, life: 0 });
  const caller = new ActorCaller({ links: driver.links, clock: mesh.clock, locate, pendingMax: 2 });
  worker.held = [];
  const theirs = [caller.call(request(1)), caller.call(request(2))];
  await quiet();
  expect(await failure(caller.call(request(3)))).toMatchObject({ code: "QUOTA_EXCEEDED" });
  caller.disown((result) => result === "d.1" || result === "d.2");
  expect(caller.pending).toBe(0);
  const other = caller.call(request(4));
  await quiet();
  for (const answer of worker.held) answer();
  await Promise.all([...theirs, other]);
  expect(worker.ran).toEqual(["d add 1", "d add 2", "d add 4"]);
  expect(caller.pending).toBe(0);
});
