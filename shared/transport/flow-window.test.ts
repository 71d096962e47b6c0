import fc from "fast-check";
import { expect, test } from "vitest";
import { ReceiveWindow, SendWindow, windowCost } from "./flow-window.ts";

/** Whether a promise is settled once the microtasks that are queued now have run. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol();
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

test("a sender waits from a full window until enough of it is acknowledged", async () => {
  const window = new SendWindow(100);
  window.sent(99);
  expect(await isSettled(window.whenOpen())).toBe(true);
  window.sent(50);
  const waiting = window.whenOpen();
  expect(window.acknowledge(49)).toBe(true);
  expect(await isSettled(waiting)).toBe(false);
  expect(window.acknowledge(50)).toBe(true);
  expect(await isSettled(waiting)).toBe(true);
});

test("an acknowledgement never opens the window beyond what was sent", () => {
  const window = new SendWindow(100);
  window.sent(200);
  for (const total of [201, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(window.acknowledge(total)).toBe(false);
  }
  expect(window.acknowledge(150)).toBe(true);
  expect(window.acknowledge(149)).toBe(false);
  expect(window.inFlightBytes).toBe(50);
});

test("release lets everyone who waits go on", async () => {
  const window = new SendWindow(1);
  window.sent(10);
  const waiting = window.whenOpen();
  window.release();
  expect(await isSettled(waiting)).toBe(true);
});

test("a reader that keeps up never leaves the sender waiting, whatever the sizes", () => {
  const sizes = fc.array(fc.nat(3_000), { minLength: 1 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), sizes, (windowBytes, lengths) => {
      const sender = new SendWindow(windowBytes);
      const receiver = new ReceiveWindow(windowBytes);
      for (const length of lengths) {
        sender.sent(windowCost(length));
        if (receiver.consumed(windowCost(length), () => 0)) {
          expect(sender.acknowledge(receiver.consumedBytes)).toBe(true);
        }
        expect(sender.isOpen).toBe(true);
      }
    }),
  );
});

test("a sender keeps to the window that its receiver asks for, within bounds", async () => {
  const window = new SendWindow(4 * 2 ** 20);
  window.sent(2 ** 20);
  expect(window.isOpen).toBe(true);
  window.resize(128 * 1024);
  expect(window.isOpen).toBe(false);
  const opening = window.whenOpen();
  window.acknowledge(2 ** 20 - 100_000);
  await opening;
  window.resize(0);
  expect(window.isOpen).toBe(false);
  window.acknowledge(2 ** 20);
  window.sent(60_000);
  expect(window.isOpen).toBe(true);
  window.resize(2 ** 30);
  window.sent(4 * 2 ** 20);
  expect(window.isOpen).toBe(false);
});

test("a receiver acknowledges each quarter of the window that it asked for", () => {
  const window = new ReceiveWindow(4 * 2 ** 20);
  const consumed = (costBytes: number) => window.consumed(costBytes, () => 0);
  expect(consumed(2 ** 20)).toBe(true);
  expect(consumed(32 * 1024)).toBe(false);
  window.resize(128 * 1024);
  expect([consumed(1), consumed(16 * 1024), consumed(16 * 1024)]).toEqual([true, false, true]);
});

test("a slow receiver acknowledges a part of that each second, and nothing for a few small messages", () => {
  const window = new ReceiveWindow(4 * 2 ** 20);
  let nowMs = 0;
  const consumed = (costBytes: number) => window.consumed(costBytes, () => nowMs);
  expect(consumed(2 ** 20)).toBe(true);
  nowMs = 999;
  expect(consumed(64 * 1024)).toBe(false);
  nowMs = 1_000;
  expect(consumed(64 * 1024)).toBe(true);
  nowMs = 60_000;
  expect(consumed(1_000)).toBe(false);
});
