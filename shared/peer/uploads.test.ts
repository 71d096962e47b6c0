import { expect, test } from "vitest";
import type { ObjectId } from "../ids.ts";
import { Uploads } from "./uploads.ts";

const id = (name: string) => name as ObjectId;

function add(uploads: Uploads, name: string, priority: number, ...offsets: number[]): void {
  for (const offset of offsets) {
    uploads.add(id(name), { offset, endOffset: offset + 10 }, priority);
  }
}

/** The order in which everything is sent, one at a time. */
function drain(uploads: Uploads): string[] {
  const order: string[] = [];
  for (let turn = uploads.next(); turn; turn = uploads.next()) {
    order.push(`${turn.object} ${turn.range.offset}`);
    uploads.sent(turn.object);
  }
  return order;
}

test("the more urgent object is sent first, objects of one priority take turns", () => {
  const uploads = new Uploads();
  add(uploads, "b", 1, 0, 10);
  add(uploads, "c", 1, 0);
  add(uploads, "a", 0, 0, 10);
  expect(drain(uploads)).toEqual(["a 0", "a 10", "b 0", "c 0", "b 10"]);
  expect(uploads.waiting).toBe(0);
});

test("what is never urgent is sent all the same: every fourth turn is the longest waiting one's", () => {
  const uploads = new Uploads();
  add(uploads, "late", 2, 0);
  add(uploads, "now", 0, 0, 10, 20, 30, 40);
  expect(drain(uploads).indexOf("late 0")).toBe(3);
});

test("ranges of one object are sent one after the other, and those that are stopped not at all", () => {
  const uploads = new Uploads();
  add(uploads, "a", 0, 0, 10, 20);
  const first = uploads.next()!;
  expect(uploads.next()).toBeUndefined();
  uploads.stop(id("a"), 10);
  expect(first.range.isStopped).toBe(false);
  uploads.sent(id("a"));
  expect(drain(uploads)).toEqual(["a 20"]);
  add(uploads, "a", 0, 0, 10);
  const running = uploads.next()!;
  uploads.stop(id("a"), undefined);
  expect(running.range.isStopped).toBe(true);
  uploads.sent(id("a"));
  expect([uploads.waiting, uploads.sending, uploads.next()]).toEqual([0, 0, undefined]);
});
