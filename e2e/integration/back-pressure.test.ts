import { expect, test } from "vitest";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** How much a driver may have submitted and not heard of, with a real worker. */
const started = sharedMesh({ workers: 1, cpus: 2 });
const mesh = () => started.mesh;

test("calls beyond maxPending fail with QUOTA_EXCEEDED, and what depends on them too", async () => {
  const never = mesh().remote(() => new Promise<number>(() => {}), {
    maxPending: 2,
    name: "never",
  });
  const refs = [never(), never(), never()];
  const error = await failure(mesh().get(refs[2]!));
  expect(error.code).toBe("QUOTA_EXCEEDED");
  expect(error.message).toMatch(/"never".*maxPending of 2/);
  const next = mesh().remote((x: number) => x + 1);
  expect((await failure(mesh().get(next(refs[2]!)))).code).toBe("QUOTA_EXCEEDED");
  await mesh().cancel(refs[0]!);
  expect((await failure(mesh().get(refs[0]!))).code).toBe("TASK_CANCELLED");
  const again = never();
  expect((await mesh().explain(again)).state).not.toBe("failed");
  await Promise.all([again, refs[1]!].map((ref) => mesh().cancel(ref)));
});

test("a generator and a call of several results that are refused say so, wherever they are used", async () => {
  // Longer than the test, and taken back at its end.
  const held = mesh().remote(
    async function* () {
      await new Promise(() => {});
      yield 1;
    },
    { maxPending: 1 },
  );
  const first = held();
  expect((await failure(held().next())).code).toBe("QUOTA_EXCEEDED");
  await mesh().cancel(first);

  const pair = mesh().remote(() => new Promise<[number, number]>(() => {}), {
    maxPending: 1,
    returns: 2,
  });
  const [kept] = pair();
  const [refused, sent] = pair();
  const next = mesh().remote((x: number) => x + 1);
  expect((await failure(mesh().get(next(sent)))).code).toBe("QUOTA_EXCEEDED");
  expect((await failure(mesh().get(refused))).code).toBe("QUOTA_EXCEEDED");
  await mesh().cancel(kept);
});

test("ready() waits for room, so a loop never has more than maxPending under way", async () => {
  const square = mesh().remote((x: number) => x * x, { maxPending: 8 });
  const refs = [];
  for (let x = 0; x < 200; x++) {
    await square.ready();
    refs.push(square(x));
  }
  expect(await mesh().get(refs)).toEqual(Array.from({ length: 200 }, (_, x) => x * x));
});

test("tasks whose refs are gone count until they end", async () => {
  const quick = mesh().remote(() => 1, { maxPending: 3 });
  for (let i = 0; i < 60; i++) {
    await quick.ready();
    quick().dispose();
  }
  await quick.ready();
  expect(await mesh().get(quick())).toBe(1);
});

test("who waits for room hears when the connection ends", async () => {
  const never = mesh().remote(() => new Promise<number>(() => {}), { maxPending: 1 });
  never();
  const waiting = failure(never.ready());
  await mesh().close();
  expect((await waiting).code).toBe("DISCONNECTED");
  expect(() => mesh().remote(() => 1, { maxPending: 0 })).toThrow(/maxPending/);
});
