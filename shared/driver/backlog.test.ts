import { expect, test } from "vitest";
import { Backlog } from "./backlog.ts";

test("a function's limit and its driver's both hold, and each says which it is", () => {
  const driver = new Backlog(3);
  const [f, g] = [new Backlog(2, driver), new Backlog(2, driver)];
  f.submitted();
  f.submitted();
  expect(f.isFull).toBe(true);
  expect(f.refusal("f").message).toMatch(/2 tasks.*maxPending of 2/);
  expect(g.isFull).toBe(false);
  g.submitted();
  expect(g.isFull).toBe(true);
  expect(g.refusal("g").message).toMatch(/3 tasks.*a driver may have \(3\)/);
  f.answered();
  expect([f.isFull, g.isFull]).toEqual([false, false]);
});

test("who waits for room goes on when something was answered, and when it is over", async () => {
  const driver = new Backlog(10);
  const f = new Backlog(1, driver);
  let isOver = false;
  await f.whenRoom(() => isOver);
  f.submitted();
  const order: string[] = [];
  const first = f.whenRoom(() => isOver).then(() => order.push("room"));
  await Promise.resolve();
  order.push("answered");
  f.answered();
  await first;
  f.submitted();
  const second = f.whenRoom(() => isOver).then(() => order.push("over"));
  isOver = true;
  driver.wake();
  await second;
  expect(order).toEqual(["answered", "room", "over"]);
});
