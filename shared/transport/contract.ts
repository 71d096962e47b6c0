import { afterEach, describe, expect, test } from "vitest";
import { HIGH_WATER_BYTES } from "../protocol/limits.ts";
import type { CloseReason, Transport } from "./transport.ts";

export interface ContractOptions {
  /** Two connected ends, fresh for each test. */
  connect(): Promise<[Transport, Transport]>;
  /** The window that T4 is checked against. */
  windowBytes?: number;
}

const MIB = 2 ** 20;

/**
 * Run the contract of {@link Transport} against one implementation. Rule ids are in transport.ts.
 * Imports nothing from Node, so that it runs in a page as well.
 */
export function transportContract(name: string, options: ContractOptions): void {
  const { windowBytes = HIGH_WATER_BYTES } = options;
  const open: Transport[] = [];
  const connect = async () => {
    const pair = await options.connect();
    open.push(...pair);
    return pair;
  };
  afterEach(async () => {
    for (const transport of open) transport.close({ code: "done" });
    await Promise.all(open.splice(0).map((transport) => transport.closed));
  });

  describe(`transport contract: ${name}`, () => {
    test("[T1] messages of any size arrive whole, once and in order, both ways at once", async () => {
      const [left, right] = await connect();
      const lengths = [0, 1, 64, 65_535, 65_536, 65_537, 300_000, 4 * MIB, 3];
      const atRight = collect(right, lengths.length);
      const atLeft = collect(left, lengths.length);
      const sent = lengths.map((length, index) => patterned(length, index));
      await Promise.all(sent.flatMap((message) => [left.send(message), right.send(message)]));
      for (const received of [await atRight, await atLeft]) {
        expect(received.map((message) => message.length)).toEqual(lengths);
        received.forEach((message, index) => expect(same(message, sent[index]!)).toBe(true));
      }
    });

    test("[T1] a thousand small messages arrive in order", async () => {
      const [left, right] = await connect();
      const received = collect(right, 1_000);
      for (let index = 0; index < 1_000; index++) {
        void left.send(Uint8Array.of(index & 255, index >> 8));
      }
      const numbers = (await received).map(([low, high]) => low! | (high! << 8));
      expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
    });

    test("[T1] what arrives starts on a multiple of 8 bytes, so that it can be viewed", async () => {
      const [left, right] = await connect();
      const received = collect(right, 2);
      await left.send(patterned(64, 0));
      await left.send(patterned(200_000, 0));
      for (const message of await received) expect(message.byteOffset % 8).toBe(0);
    });

    test("messages that arrive before there is a receiver wait for it", async () => {
      const [left, right] = await connect();
      await left.send(Uint8Array.of(1));
      await left.send(Uint8Array.of(2));
      await echo(right, left);
      expect((await collect(right, 2)).map(([value]) => value)).toEqual([1, 2]);
    });

    test("the next message waits for the promise that the receiver returned", async () => {
      const [left, right] = await connect();
      const story: string[] = [];
      const done = new Promise<void>((resolve) => {
        right.onMessage = async ([value]) => {
          story.push(`start ${value}`);
          await turn();
          story.push(`end ${value}`);
          if (value === 3) resolve();
        };
      });
      for (const value of [1, 2, 3]) void left.send(Uint8Array.of(value));
      await done;
      expect(story).toEqual(["start 1", "end 1", "start 2", "end 2", "start 3", "end 3"]);
    });

    for (const closer of ["left", "right"] as const) {
      test(`[T2] both ends learn why the ${closer} one closed, and get nothing after it`, async () => {
        const [left, right] = await connect();
        const watched = { left: watch(left), right: watch(right) };
        const reason: CloseReason = { code: "refused", detail: "no room" };
        (closer === "left" ? left : right).close(reason);
        (closer === "left" ? left : right).close({ code: "failed" });
        void left.send(Uint8Array.of(1));
        void right.send(Uint8Array.of(1));
        expect(await left.closed).toEqual(reason);
        expect(await right.closed).toEqual(reason);
        await turn();
        expect(watched).toEqual({
          left: { late: 0, messages: 0 },
          right: { late: 0, messages: 0 },
        });
      });
    }

    test("[T2] a close in the middle of big messages ends both ends, with nothing after it", async () => {
      const [left, right] = await connect();
      const seen = watch(right);
      for (let index = 0; index < 8; index++) void left.send(patterned(4 * MIB, index));
      left.close({ code: "done" });
      expect((await left.closed).code).toBe("done");
      await right.closed;
      await turn();
      expect(seen.late).toBe(0);
    });

    test("[T3] a send after close resolves and delivers nothing", async () => {
      const [left, right] = await connect();
      const seen = watch(right);
      left.close({ code: "done" });
      await left.send(patterned(2 * MIB, 0));
      await right.closed;
      await right.send(patterned(2 * MIB, 0));
      expect(seen.messages).toBe(0);
    });

    test("[T4] a slow reader slows a sender that awaits", async () => {
      const [left, right] = await connect();
      const message = patterned(MIB / 4, 0);
      const messages = (4 * windowBytes) / message.length;
      let sentBytes = 0;
      let takenBytes = 0;
      let aheadBytesMax = 0;
      const all = new Promise<void>((resolve) => {
        right.onMessage = async (received) => {
          await turn();
          takenBytes += received.length;
          if (takenBytes === messages * message.length) resolve();
        };
      });
      for (let index = 0; index < messages; index++) {
        const sending = left.send(message);
        sentBytes += message.length;
        aheadBytesMax = Math.max(aheadBytesMax, sentBytes - takenBytes);
        await sending;
      }
      await all;
      expect(aheadBytesMax).toBeGreaterThan(message.length);
      // The acknowledgement of what was taken may be on its way: that is less than a quarter window.
      expect(aheadBytesMax).toBeLessThanOrEqual(windowBytes + message.length);
    });

    for (const closer of ["left", "right"] as const) {
      test(`[T5] a send that waits is released when the ${closer} end closes`, async () => {
        const [left, right] = await connect();
        right.onMessage = () => new Promise(() => {});
        const message = patterned(65_536, 0);
        let sending = Promise.resolve();
        for (let at = 0; at < 2 * windowBytes; at += message.length) sending = left.send(message);
        let released = false;
        void sending.then(() => (released = true));
        await turn();
        expect(released).toBe(false);
        (closer === "left" ? left : right).close({ code: "done" });
        await sending;
      });
    }
  });
}

/** The next `count` messages. */
function collect(transport: Transport, count: number): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = [];
  return new Promise((resolve) => {
    transport.onMessage = (message) => {
      messages.push(message);
      if (messages.length === count) resolve(messages);
    };
  });
}

/** Counts what arrives, and what arrives after the end. */
function watch(transport: Transport): { messages: number; late: number } {
  const seen = { messages: 0, late: 0 };
  let isOver = false;
  void transport.closed.then(() => (isOver = true));
  transport.onMessage = () => {
    seen.messages += 1;
    if (isOver) seen.late += 1;
  };
  return seen;
}

/** Resolves when a message from `from` has come through to `to`. */
async function echo(from: Transport, to: Transport): Promise<void> {
  const received = collect(to, 1);
  await from.send(Uint8Array.of(0));
  await received;
}

/** Lets everything that is ready now happen. */
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

function patterned(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1 + (index >> 6)) bytes[index] = index + seed;
  return bytes;
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
