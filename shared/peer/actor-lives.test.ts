import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import type { ActorId, PeerId } from "../ids.ts";
import { ActorCaller, type AnsweredCall } from "./actor-caller.ts";
import { ActorLocator, type ActorPlace } from "./actor-locator.ts";
import { actor, request, scene, Worker } from "./test-actors.ts";
import { quiet } from "./test-mesh.ts";

/** Two workers; the actor lives on `w` until a test says otherwise. */
function movingScene(calls?: ActorPlace["calls"]) {
  const { mesh, worker, driver } = scene();
  const second = new Worker(mesh.add("v"));
  const locator = new ActorLocator(() => {});
  const caller = new ActorCaller({
    links: driver.links,
    clock: mesh.clock,
    locate: (id, after) => locator.locate(id, after),
  });
  const tell = (at: Worker, life: number): void => {
    const place = { worker: at.peer.id, life, ...(calls ? { calls } : {}) };
    locator.located({ type: "actor-located", actor, ...place });
    caller.actorMoved(actor, place);
  };
  /** It is lost on the one, and lives again on the other. */
  const move = async (from: Worker, to: Worker, life: number): Promise<void> => {
    from.host.remove(actor);
    to.host.add(actor, life);
    await quiet();
    tell(to, life);
    await quiet();
  };
  return { mesh, worker, second, caller, locator, tell, move };
}

const outcomeOf = (call: Promise<AnsweredCall>): Promise<unknown> =>
  call.then(
    ({ worker }) => worker,
    (error: unknown) => error,
  );

test("C7: an actor that lives again elsewhere gets what has not run; what may have fails", async () => {
  const { worker, second, caller, tell, move } = movingScene();
  const first = caller.call(request(0));
  tell(worker, 0);
  await first;
  worker.held = [];
  const underWay = outcomeOf(caller.call(request(1)));
  await quiet();
  worker.host.suspend(actor);
  const refused = outcomeOf(caller.call(request(2)));
  await quiet();
  const unsent = outcomeOf(caller.call(request(3)));
  await move(worker, second, 1);
  expect(await refused).toBe("v");
  expect(await unsent).toBe("v");
  expect(await underWay).toMatchObject({
    code: "ACTOR_UNAVAILABLE",
    message: expect.stringMatching(/lost on w and lives again on v;.*so it may have run$/),
  });
  expect(second.ran).toEqual(["d add 2", "d add 3"]);
});

test("C7: calls with retries left are sent again, in their old order and before later ones", async () => {
  const { worker, second, caller, tell, move } = movingScene();
  worker.held = [];
  const retried = { retriesMax: 1 };
  const calls = [0, 1, 2].map((n) => outcomeOf(caller.call({ ...request(n), ...retried })));
  tell(worker, 0);
  await quiet();
  const later = outcomeOf(caller.call(request(3)));
  await quiet();
  await move(worker, second, 1);
  expect(await Promise.all(calls)).toEqual(["v", "v", "v"]);
  expect(await later).toMatchObject({ code: "ACTOR_UNAVAILABLE" });
  expect(second.ran).toEqual(["d add 0", "d add 1", "d add 2"]);
});

test("C8: only lives in which a call may have run use up its retries", async () => {
  const { worker, second, caller, tell, move } = movingScene();
  const wait = outcomeOf(caller.call({ ...request(1), retriesMax: 1 }));
  worker.host.suspend(actor);
  tell(worker, 0);
  await quiet();
  second.held = [];
  await move(worker, second, 1);
  expect(second.ran).toEqual(["d add 1"]);
  worker.held = [];
  await move(second, worker, 2);
  expect(worker.ran).toEqual(["d add 1"]);
  await move(worker, second, 3);
  expect(await wait).toMatchObject({ code: "ACTOR_UNAVAILABLE" });
});

test.each([
  ["the call's own before its method's", { retriesMax: 0 }, "ACTOR_UNAVAILABLE"],
  ["its method's before the actor's", {}, "v"],
])("retries: %s", async (_, own, expected) => {
  const calls = { retriesMax: 0, methodRetries: [["add", -1]] as [string, number][] };
  const { worker, second, caller, tell, move } = movingScene(calls);
  worker.held = [];
  const outcome = outcomeOf(caller.call({ ...request(1), ...own }));
  tell(worker, 0);
  await quiet();
  await move(worker, second, 1);
  const seen = await outcome;
  expect(MeshError.is(seen) ? seen.code : seen).toBe(expected);
});

test("C6: a call that comes again for a life that is not here is not run there", async () => {
  const { mesh, worker, caller, tell } = movingScene();
  worker.held = [];
  const outcome = outcomeOf(caller.call(request(1)));
  tell(worker, 0);
  await quiet();
  mesh.cut("d" as PeerId, "w" as PeerId);
  worker.host.remove(actor);
  worker.host.add(actor, 1);
  await quiet();
  tell(worker, 0);
  await quiet();
  tell(worker, 1);
  expect(await outcome).toMatchObject({ code: "ACTOR_UNAVAILABLE" });
  expect(worker.ran).toEqual(["d add 1"]);
});

test("calls of an actor that was not made because another had its name go to that one, in order", async () => {
  const { worker, caller, locator } = movingScene();
  const other = "d.b" as ActorId;
  const first = caller.call(request(0));
  const early = caller.call({ ...request(1), actor: other });
  locator.located({ type: "actor-located", actor, worker: worker.peer.id, life: 0 });
  await first;
  locator.located({ type: "actor-located", actor: other, sameAs: actor });
  await early;
  await Promise.all([caller.call({ ...request(2), actor: other }), caller.call(request(3))]);
  expect(worker.ran).toEqual(["d add 0", "d add 1", "d add 2", "d add 3"]);
});

test("a call that is not answered in its time fails with TIMEOUT, and those behind it go on", async () => {
  const { mesh, worker, caller } = scene();
  worker.held = [];
  const slow = outcomeOf(caller.call({ ...request(1), timeoutMs: 500 }));
  const next = caller.call(request(2));
  await quiet();
  mesh.clock.advance(501);
  expect(await slow).toMatchObject({
    code: "TIMEOUT",
    message: expect.stringMatching(/500 ms have passed; the call was sent, so it may have run/),
  });
  worker.held[1]!();
  expect((await next).worker).toBe("w");
  expect(caller.pending).toBe(0);
});

test("an actor's maxPendingCalls bounds the unanswered calls of one caller", async () => {
  const { worker, caller, tell } = movingScene({ maxPendingCalls: 2 });
  const first = caller.call(request(0));
  tell(worker, 0);
  await first;
  const two = [caller.call(request(1)), caller.call(request(2))];
  await expect(caller.call(request(3))).rejects.toMatchObject({
    code: "QUOTA_EXCEEDED",
    message: expect.stringContaining("2 calls of this caller wait for answers"),
  });
  await Promise.all(two);
  expect((await caller.call(request(4))).worker).toBe("w");
});
