import { expect, test } from "vitest";
import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import { encodeBatch } from "../protocol/batch.ts";
import type { LinkMessage } from "../protocol/link-messages.ts";
import { WindowedTransport } from "../transport/windowed-transport.ts";
import { Link } from "./link.ts";
import { ManualClock, nextTurn } from "./test-mesh.ts";

const actor = "x.a" as ActorId;
const bytes = new Uint8Array(INLINE_BYTES_MAX);
const LIMIT_BYTES = 128 * 2 ** 20;
const MESSAGES = (1.5 * LIMIT_BYTES) / bytes.length;

const answer = (sequence: number): LinkMessage => ({
  type: "call-done",
  actor,
  lane: 0,
  sequence,
  sizeBytes: bytes.length,
  inline: bytes,
});
const call = (sequence: number): LinkMessage => ({
  type: "call",
  actor,
  lane: 0,
  sequence,
  acknowledged: 0,
  method: "m",
  args: bytes,
  result: "x.1" as ObjectId,
});

/** A link to a peer whose transport takes everything, and says that it was read if `reads`. */
function linkTo({ reads }: { reads: boolean }) {
  let sentBytes = 0;
  const transport: WindowedTransport = new WindowedTransport("relay", {
    send(message) {
      sentBytes += message.length;
      const total = sentBytes;
      if (reads) queueMicrotask(() => transport.acknowledged(total));
      return message.length;
    },
    acknowledge: () => {},
    close: () => {},
  });
  const receiver = { onMessage: () => {}, onChunk: () => {} };
  const options = {
    peer: "eve" as PeerId,
    reason: undefined,
    receiver,
    account: undefined,
    name: undefined,
    clock: new ManualClock(),
    openLane: undefined,
  };
  const link = new Link({ ...options, transport });
  const hear = (message: LinkMessage) => link.receive(encodeBatch([message]));
  return { link, transport, hear, sentBytes: () => sentBytes };
}

/** A batch leaves at the end of its turn. */
const sent = () => new Promise<void>((resolve) => nextTurn(resolve));

test("a peer that asks and never reads the answers is cut off, and the reason says so", async () => {
  const { link, transport } = linkTo({ reads: false });
  for (let n = 0; n < MESSAGES; n++) link.send(answer(n));
  expect(await link.closed).toEqual({
    code: "failed",
    detail: `eve does not read: over ${LIMIT_BYTES} bytes of answers wait`,
  });
  expect(transport.unreadBytes).toBeLessThan(1.1 * LIMIT_BYTES);
});

test("a peer that reads gets as many answers as it asks for, however far behind it stays", async () => {
  const { link } = linkTo({ reads: true });
  for (let n = 0; n < MESSAGES; n++) {
    link.send(answer(n));
    if (n % 1_000 === 0) await Promise.resolve();
  }
  expect(link.isOpen).toBe(true);
});

test("this side's own calls do not blame the peer that has not read them yet", () => {
  const { link } = linkTo({ reads: false });
  for (let n = 0; n < MESSAGES; n++) link.send(call(n));
  link.send(answer(0));
  expect(link.isOpen).toBe(true);
});

test.each([
  ["pings", { type: "link-ping", atMs: 1, answeredChunks: 0 }],
  ["what pieces there are", { type: "pieces", object: "x.1" as ObjectId, ranges: [[0, 1]] }],
] satisfies [string, LinkMessage][])(
  "small answers count too: a peer that asks with %s and never reads is cut off",
  async (_asked, message) => {
    const { link, transport } = linkTo({ reads: false });
    for (let n = 0; n < LIMIT_BYTES / bytes.length - 8; n++) link.send(answer(n));
    await sent();
    expect(link.isOpen).toBe(true);
    for (let n = 0; n < 150_000; n++) {
      link.send(message);
      if (n % 1_000 === 0) await sent();
    }
    expect(link.isOpen).toBe(false);
    expect(transport.unreadBytes).toBeLessThan(1.01 * LIMIT_BYTES);
  },
);

test("a peer that answers what was not asked is not asked again for each answer", async () => {
  const { link, hear, sentBytes } = linkTo({ reads: true });
  const object = "x.1" as ObjectId;
  void link.sendChunk({ type: "chunk", object, offset: 0, totalBytes: 1 }, Uint8Array.of(1));
  void link.delivered();
  await sent();
  const askedBytes = sentBytes();
  for (let n = 0; n < 1_000; n++) void hear({ type: "link-ping", atMs: 7, answeredChunks: 0 });
  await sent();
  expect(sentBytes()).toBe(askedBytes);
});
