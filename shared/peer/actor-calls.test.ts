import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import type { ActorId, PeerId } from "../ids.ts";
import { Prng } from "../prng.ts";
import { ActorCaller } from "./actor-caller.ts";
import type { ActorPlace } from "./actor-locator.ts";
import type { Link } from "./link.ts";
import { actor, request, scene } from "./test-actors.ts";
import { quiet } from "./test-mesh.ts";

const range = (count: number) => Array.from({ length: count }, (_, n) => n);

test("calls run in the order they were made, also those made before the actor was found", async () => {
  const { worker, caller, home } = scene();
  const early = range(5).map((n) => caller.call(request(n)));
  await early[0];
  const late = range(5).map((n) => caller.call(request(n + 5)));
  const answers = await Promise.all([...early, ...late]);
  expect(worker.ran).toEqual(range(10).map((n) => `d add ${n}`));
  expect(answers.map(({ inline }) => inline?.[0])).toEqual(range(10).map((n) => n + 1));
  expect(answers[3]).toMatchObject({ worker: "w", sizeBytes: 1, sequence: 3 });
  expect(home.locates).toBe(1);
  expect(caller.pending).toBe(0);
});

test("a method's error is an answer, and so is a bug of whoever executes", async () => {
  const { worker, caller } = scene();
  expect((await caller.call(request(1, "fail"))).error).toEqual({
    code: "TASK_FAILED",
    message: "it threw",
  });
  worker.held = {
    push: () => {
      throw new Error("oops");
    },
  } as never;
  expect((await caller.call(request(1))).error).toMatchObject({
    code: "INTERNAL",
    message: "oops",
  });
});

test("two callers, one of them the actor's own peer, each keep their order", async () => {
  const { mesh, worker, caller, home } = scene();
  const own = new ActorCaller({
    links: worker.peer.links,
    clock: mesh.clock,
    locate: () => Promise.resolve({ worker: home.at, life: 0 }),
  });
  await Promise.all(range(6).flatMap((n) => [caller.call(request(n)), own.call(request(n))]));
  const ranFor = (peer: string) => worker.ran.filter((line) => line.startsWith(`${peer} `));
  expect(ranFor("d")).toEqual(range(6).map((n) => `d add ${n}`));
  expect(ranFor("w")).toEqual(range(6).map((n) => `w add ${n}`));
});

test("calls of one turn leave in one batch, and so do their answers", async () => {
  const { mesh, caller } = scene();
  await caller.call(request(0));
  const before = mesh.messagesSent;
  await Promise.all(range(100).map((n) => caller.call(request(n))));
  expect(mesh.messagesSent - before).toBe(2);
});

test("over a link that breaks again and again each call runs once, in order, and is answered", async () => {
  const { mesh, worker, driver, caller } = scene();
  const prng = new Prng(7);
  const answers: Promise<unknown>[] = [];
  let cuts = 0;
  for (let round = 0; round < 300; round++) {
    for (let n = prng.below(4); n > 0; n--) {
      answers.push(caller.call(request(answers.length % 256)));
    }
    for (let turn = prng.below(8); turn > 0; turn--) await Promise.resolve();
    if (prng.chance(1, 4)) await new Promise((resolve) => setImmediate(resolve));
    if (prng.chance(1, 5) && driver.links.openTo("w" as PeerId)) {
      mesh.cut("d" as PeerId, "w" as PeerId);
      mesh.clock.advance(61_000);
      cuts++;
    }
  }
  const done = await Promise.all(answers);
  expect(worker.ran).toEqual(done.map((_, n) => `d add ${n % 256}`));
  expect(done).toMatchObject(done.map((_, n) => ({ inline: Uint8Array.of(n + 1) })));
  expect(cuts).toBeGreaterThan(10);
  expect(done.length).toBeGreaterThan(300);
});

test("an answer that is lost with its link comes again over the next one; the call does not run again", async () => {
  const { mesh, worker, caller } = scene();
  worker.held = [];
  const answer = caller.call(request(1));
  await quiet();
  mesh.cut("d" as PeerId, "w" as PeerId);
  worker.held[0]!();
  expect((await answer).inline).toEqual(Uint8Array.of(1));
  expect(worker.ran).toHaveLength(1);
});

/** Two links, because both dialled at once, and no caller that would ask again by itself. */
async function twoLinks() {
  const { worker, driver } = scene();
  const heard: string[] = [];
  const [mine] = await Promise.all([
    driver.links.to(worker.peer.id),
    worker.peer.links.to(driver.id),
  ]);
  let other!: Link;
  driver.links.onMessage("fetch", (link) => (other = link));
  driver.links.onMessage("call-done", (link, { sequence }) => {
    heard.push(`${sequence} by ${link === mine ? "the first" : "the other"}`);
  });
  (await worker.peer.links.to(driver.id)).send({
    type: "fetch",
    object: request(0).result,
    offset: 0,
  });
  await quiet();
  const callOf = (n: number) =>
    ({ type: "call", ...request(n), lane: 0, sequence: n, acknowledged: 0 }) as const;
  worker.held = [];
  mine.send(callOf(0));
  await quiet();
  return { held: worker.held, mine, other, heard, callOf };
}

test.each(["before", "after"])(
  "an answer computed just %s its link broke goes by another link that is open",
  async (when) => {
    const { held, mine, other, heard } = await twoLinks();
    expect(other).not.toBe(mine);
    if (when === "before") held[0]!();
    mine.close({ code: "failed" });
    await quiet();
    if (when === "after") held[0]!();
    await quiet();
    expect(heard).toEqual(["0 by the other"]);
  },
);

test("an answer that a broken link may have lost goes again, though calls come by another one now", async () => {
  const { held, mine, other, heard, callOf } = await twoLinks();
  held[0]!();
  await quiet();
  other.send(callOf(1));
  await quiet();
  mine.close({ code: "failed" });
  await quiet();
  expect(heard).toEqual(["0 by the first", "0 by the other"]);
});

test("a worker that stays out of reach: after some tries each call tells whether it may have run", async () => {
  const { mesh, worker, driver, caller } = scene();
  await caller.call(request(0));
  worker.held = [];
  const sent = caller.call(request(1));
  await quiet();
  worker.peer.links.closeAll();
  mesh.cut("d" as PeerId, "w" as PeerId);
  await quiet();
  const unsent = caller.call(request(2));
  const outcomes = Promise.allSettled([sent, unsent]);
  for (let n = 0; n < 10; n++) {
    mesh.clock.advance(10_000);
    await quiet();
  }
  expect(await outcomes).toMatchObject([
    {
      reason: {
        code: "PEER_UNREACHABLE",
        message: expect.stringMatching(
          /^no answer to add\(\) of actor x\.a 8 times:.*may have run$/,
        ),
      },
    },
    { reason: { code: "PEER_UNREACHABLE", message: expect.stringMatching(/it has not run$/) } },
  ]);
  expect(driver.links.openTo("w" as PeerId)).toBeUndefined();
  expect(caller.pending).toBe(0);
});

test("when the actor ends, calls under way say whether they may have run", async () => {
  const { mesh, worker, driver } = scene();
  worker.held = [];
  let found!: (place: ActorPlace) => void;
  const locate = () => new Promise<ActorPlace>((resolve) => (found = resolve));
  const caller = new ActorCaller({ links: driver.links, clock: mesh.clock, locate });
  const sent = caller.call(request(1));
  found({ worker: worker.peer.id, life: 0 });
  await quiet();
  const other = { ...request(2), actor: "x.b" as ActorId };
  const unsent = caller.call(other);
  const thrown = new Error("what the user's code threw");
  const why = new MeshError("ACTOR_DIED", "its worker left", {}, { cause: thrown });
  caller.actorEnded(actor, why);
  caller.actorEnded(other.actor, why);
  const ended = { code: "ACTOR_DIED", cause: thrown };
  await expect(sent).rejects.toMatchObject({
    ...ended,
    message:
      "no answer to add() of actor x.a: its worker left; the call was sent, so it may have run",
  });
  await expect(unsent).rejects.toMatchObject({
    ...ended,
    message: expect.stringContaining("its worker left; the call was never sent, so it has not run"),
  });
});

test("an actor that cannot be located fails its calls with that error, and can be asked for again", async () => {
  const { mesh, driver, worker } = scene();
  let dead = true;
  const caller = new ActorCaller({
    links: driver.links,
    clock: mesh.clock,
    locate: () =>
      dead
        ? Promise.reject(new MeshError("ACTOR_DIED", "it ended an hour ago"))
        : Promise.resolve({ worker: worker.peer.id, life: 0 }),
  });
  await expect(caller.call(request(1))).rejects.toMatchObject({ code: "ACTOR_DIED" });
  dead = false;
  expect((await caller.call(request(2))).error).toBeUndefined();
});

test("a forgotten actor costs nothing, once its calls are answered, and can be called again", async () => {
  const { worker, caller, home } = scene();
  worker.held = [];
  const answer = caller.call(request(1));
  caller.forget(actor);
  await quiet();
  worker.held[0]!();
  expect((await answer).error).toBeUndefined();
  worker.held = undefined;
  expect((await caller.call(request(2))).sequence).toBe(0);
  expect(home.locates).toBe(2);
  expect(worker.ran).toEqual(["d add 1", "d add 2"]);
});

test("calls beyond the limit are refused until some are answered", async () => {
  const { mesh, driver, worker } = scene();
  const locate = () => Promise.resolve({ worker: worker.peer.id, life: 0 });
  const caller = new ActorCaller({ links: driver.links, clock: mesh.clock, locate, pendingMax: 2 });
  const accepted = [caller.call(request(1)), caller.call(request(2))];
  await expect(caller.call(request(3))).rejects.toMatchObject({
    code: "QUOTA_EXCEEDED",
    message: expect.stringContaining("2 calls with 2 bytes of arguments wait"),
  });
  await Promise.all(accepted);
  expect((await caller.call(request(4))).error).toBeUndefined();
});

test("a caller that leaves more open than anyone may is blamed, and nothing runs", async () => {
  const { worker, driver } = scene();
  const link = await driver.links.to(worker.peer.id);
  for (const sequence of [0, 2 ** 18]) {
    link.send({ type: "call", ...request(sequence), lane: 0, sequence, acknowledged: 0 });
  }
  await quiet();
  expect(link.refusal).toMatchObject({ code: "PROTOCOL_VIOLATION" });
  expect(worker.ran).toEqual(["d add 0"]);
});

test("answers from a peer that does not host the actor count for nothing", async () => {
  const { mesh, worker, driver, caller } = scene();
  worker.held = [];
  const answer = caller.call(request(1));
  await quiet();
  const liar = mesh.add("l");
  const link = await liar.links.to(driver.id);
  link.send({ type: "call-done", actor, lane: 0, sequence: 0, sizeBytes: 666 });
  await quiet();
  worker.held[0]!();
  expect((await answer).sizeBytes).toBe(1);
});
