import { expect, test } from "vitest";
import type { PeerId } from "../ids.ts";
import { RELAY_PIECE_BYTES, RELAY_WINDOW_BYTES } from "../protocol/limits.ts";
import { relayHeaders, type RelayHeader } from "../protocol/messages.ts";
import { transportContract } from "./contract.ts";
import { RelayHub, relayRefusal } from "./relay.ts";
import { RelayLink } from "./relay-link.ts";
import type { Transport } from "./transport.ts";

const [ada, bob, eve] = ["ada", "bob", "eve"] as PeerId[] as [PeerId, PeerId, PeerId];

/** What the coordinator does: pass a frame on to `peer`, with the sender in its place. */
class Forwarder {
  readonly hubs = new Map<PeerId, RelayHub>();
  readonly opened = new Map<PeerId, Transport[]>();
  readonly frames: { from: PeerId; header: RelayHeader; payloadBytes: number }[] = [];
  /** While it is set, the control connections take no more frames. */
  blocked: Promise<void> | undefined;

  join(peer: PeerId): RelayHub {
    const opened: Transport[] = [];
    const hub = new RelayHub({
      send: (header, payload) => this.#forward(peer, header, payload),
      onOpen: (_from, transport) => opened.push(transport),
    });
    this.hubs.set(peer, hub);
    this.opened.set(peer, opened);
    return hub;
  }

  async #forward(from: PeerId, header: RelayHeader, payload: Uint8Array<ArrayBuffer>) {
    expect(relayHeaders.complaint(header)).toBe("relay is malformed");
    expect(relayHeaders.accepts(header)).toBe(true);
    this.frames.push({ from, header, payloadBytes: payload.length });
    const copy = payload.slice();
    queueMicrotask(() => {
      const target = this.hubs.get(header.peer);
      if (target) target.receive({ ...header, peer: from }, copy);
      else this.hubs.get(from)?.receive(relayRefusal(header, { code: "peer-left" }), copy);
    });
    await this.blocked;
  }
}

function connected(): [Transport, Transport, Forwarder] {
  const forwarder = new Forwarder();
  const left = forwarder.join(ada);
  const right = forwarder.join(bob);
  const atLeft = left.open(bob);
  const header: RelayHeader = { type: "relay", peer: ada, consumedBytes: 0, bare: true };
  right.receive({ ...header, link: 1, byOpener: true, open: true }, new Uint8Array(0));
  return [atLeft, forwarder.opened.get(bob)![0]!, forwarder];
}

transportContract("relay", {
  connect: async () => {
    const [left, right] = connected();
    return [left, right];
  },
  windowBytes: RELAY_WINDOW_BYTES,
});

test("a sender that does not wait still has no more than a window at the coordinator", async () => {
  const [left, right, forwarder] = connected();
  right.onMessage = () => new Promise(() => {});
  for (let index = 0; index < 16; index++) void left.send(new Uint8Array(RELAY_PIECE_BYTES));
  await new Promise((resolve) => setTimeout(resolve, 0));
  const sentBytes = forwarder.frames.reduce((sum, frame) => sum + frame.payloadBytes, 0);
  expect(sentBytes).toBe(RELAY_WINDOW_BYTES);
});

test("messages that come in pieces wait for their reader like others", async () => {
  const [left, right, forwarder] = connected();
  right.onMessage = () => new Promise(() => {});
  const message = new Uint8Array(8 * RELAY_PIECE_BYTES + 1);
  for (let index = 0; index < 10; index++) void left.send(message);
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  const last = forwarder.frames.filter(({ header, payloadBytes }) => payloadBytes && !header.more);
  expect(last).toHaveLength(1);
});

test("a sender that heeds no window is cut off by the size of its messages, not of their last pieces", () => {
  const link = new RelayLink(false, () => {});
  link.transport.onMessage = () => new Promise(() => {});
  const payload = new Uint8Array(RELAY_PIECE_BYTES);
  for (let message = 1; message <= 4; message++) {
    expect(link.transport.isClosed).toBe(false);
    for (let index = 0; index < 63; index++) {
      link.receive({ header: { consumedBytes: 0, more: true }, payload });
    }
    link.receive({ header: { consumedBytes: 0 }, payload });
  }
  expect(link.transport.isClosed).toBe(true);
});

test("a small message on one link overtakes a big one on another", async () => {
  const forwarder = new Forwarder();
  const hub = forwarder.join(ada);
  forwarder.join(bob);
  let unblock!: () => void;
  forwarder.blocked = new Promise((resolve) => (unblock = resolve));
  const big = hub.open(bob);
  const small = hub.open(bob);
  void big.send(new Uint8Array(3 * RELAY_PIECE_BYTES));
  void small.send(new Uint8Array(1));
  unblock();
  await new Promise((resolve) => setTimeout(resolve, 0));
  const payloads = forwarder.frames.map((frame) => frame.payloadBytes).filter((bytes) => bytes > 0);
  expect(payloads.slice(0, 3)).toContain(1);
  expect(payloads).toHaveLength(4);
});

test("two peers that open a link to each other at once get two links", async () => {
  const forwarder = new Forwarder();
  const fromAda = forwarder.join(ada).open(bob);
  const fromBob = forwarder.join(bob).open(ada);
  await fromAda.send(Uint8Array.of(1));
  await fromBob.send(Uint8Array.of(2));
  await new Promise((resolve) => setTimeout(resolve, 0));
  const atBob = forwarder.opened.get(bob)![0]!;
  const atAda = forwarder.opened.get(ada)![0]!;
  const [[one], [two]] = (await Promise.all(
    [atBob, atAda].map(
      (transport) => new Promise<Uint8Array>((resolve) => (transport.onMessage = resolve)),
    ),
  )) as [Uint8Array, Uint8Array];
  expect([one, two]).toEqual([1, 2]);
});

test("a link to a peer that is not there ends with what the coordinator says", async () => {
  const forwarder = new Forwarder();
  expect(await forwarder.join(ada).open(eve).closed).toEqual({ code: "peer-left" });
});

test("when a peer leaves, its links end and those of others go on", async () => {
  const forwarder = new Forwarder();
  const hub = forwarder.join(ada);
  forwarder.join(bob);
  forwarder.join(eve);
  const toBob = hub.open(bob);
  const toEve = hub.open(eve);
  hub.peerLeft(bob);
  expect(await toBob.closed).toEqual({ code: "peer-left" });
  await toEve.send(Uint8Array.of(7));
  hub.closeAll({ code: "failed", detail: "coordinator gone" });
  expect(await toEve.closed).toEqual({ code: "failed", detail: "coordinator gone" });
});

test("frames of a link that nobody opened are ignored", () => {
  const hub = new Forwarder().join(ada);
  const header: RelayHeader = { type: "relay", peer: eve, consumedBytes: 0, link: 9 };
  expect(() => hub.receive(header, new Uint8Array(5))).not.toThrow();
});

test("an acknowledgement of what was never sent ends the link as a violation", async () => {
  const [left, , forwarder] = connected();
  const header: RelayHeader = { type: "relay", peer: bob, consumedBytes: 99_999_999, bare: true };
  forwarder.hubs.get(ada)!.receive({ ...header, link: 1 }, new Uint8Array(0));
  expect((await left.closed).code).toBe("protocol-violation");
});

test("a message that never ends is cut off at its limit", async () => {
  const [left, right, forwarder] = connected();
  const header: RelayHeader = { type: "relay", peer: ada, consumedBytes: 0, more: true };
  for (let index = 0; index < 80; index++) {
    const piece = new Uint8Array(RELAY_PIECE_BYTES);
    forwarder.hubs.get(bob)!.receive({ ...header, link: 1, byOpener: true }, piece);
  }
  expect((await right.closed).code).toBe("protocol-violation");
  await left.closed;
});
