import { expect, test } from "vitest";
import type { PeerId } from "../../shared/ids.ts";
import { Prng } from "../../shared/prng.ts";
import type { RelayHeader } from "../../shared/protocol/messages.ts";
import { ManualClock } from "../../shared/peer/test-mesh.ts";
import { RelayDesk } from "./relay-desk.ts";
import { RelayQuota, type RelayLimits } from "./relay-quota.ts";

const LIMITS: RelayLimits = {
  bytesPerSecond: 1_000,
  burstBytes: 5_000,
  sessionBytesMax: 100_000,
  waitingBytesMax: 4_000,
};
const [a, b] = ["a", "b"] as [PeerId, PeerId];

function deskOf(limits: Partial<RelayLimits> = {}) {
  const clock = new ManualClock();
  const passed: string[] = [];
  const refused: string[] = [];
  const closed: string[] = [];
  const said: string[] = [];
  const here = new Set<PeerId>([a, b]);
  const desk = new RelayDesk({
    clock,
    limits: { ...LIMITS, ...limits },
    sessionOf: (peer) =>
      here.has(peer)
        ? {
            sendRelay(header, payload) {
              if (header.close === undefined) passed.push(`${header.peer} ${payload.length}`);
              else closed.push(header.close);
              return true;
            },
            send: (_message) =>
              void refused.push(`${_message.error.code} ${_message.error.message}`),
          }
        : undefined,
    onQuota: (peer, text) => void said.push(`${peer}: ${text}`),
  });
  const send = (bytes: number, more: Partial<RelayHeader> = {}) =>
    desk.take(a, { type: "relay", peer: b, consumedBytes: 0, ...more }, new Uint8Array(bytes));
  return { clock, desk, here, send, passed, refused, closed, said };
}

test("within its quota a peer's frames pass at once", () => {
  const { send, passed, said } = deskOf();
  for (let n = 0; n < 5; n++) send(1_000);
  expect(passed).toHaveLength(5);
  expect(said).toEqual([]);
});

test("above it they are slowed to the quota, in the order they came, and nothing is lost", () => {
  const { clock, send, passed, refused, said } = deskOf();
  send(5_000);
  for (const bytes of [1_000, 500, 0, 1_500]) send(bytes);
  expect(passed).toEqual(["a 5000"]);
  clock.advance(1_000);
  expect(passed).toEqual(["a 5000", "a 1000"]);
  clock.advance(500);
  expect(passed).toEqual(["a 5000", "a 1000", "a 500", "a 0"]);
  clock.advance(1_500);
  expect(passed.at(-1)).toBe("a 1500");
  expect(refused).toEqual([]);
  expect(said).toEqual([
    "a: what it sends by the relay is slowed to its quota of 1000 bytes a second (--relay-rate)",
  ]);
  // Quiet for a while, it may send a burst again.
  clock.advance(5_000);
  send(5_000);
  expect(passed.at(-1)).toBe("a 5000");
  expect(clock.pending).toBe(0);
});

test("who sends on regardless has its link closed, and is told which quota that was and what to do", () => {
  const { send, refused, closed, said } = deskOf();
  send(5_000);
  for (let n = 0; n < 6; n++) send(1_000);
  expect(closed).toHaveLength(2);
  expect(closed[0]).toContain("QUOTA_EXCEEDED");
  expect(refused).toHaveLength(1);
  expect(refused[0]).toMatch(
    /^QUOTA_EXCEEDED the link of a to b by the relay is closed: it sends more than 1000 bytes a second .*--relay-rate.*a direct connection has no such limit/,
  );
  expect(said.at(-1)).toContain("does not slow down");
});

test("what a session may send in all is a quota too", () => {
  const { clock, send, passed, refused } = deskOf({ sessionBytesMax: 6_000 });
  send(5_000);
  clock.advance(10_000);
  send(1_000);
  send(1);
  expect(passed).toEqual(["a 5000", "a 1000"]);
  expect(refused[0]).toMatch(/it has sent 6000 of the 6000 bytes .*--relay-bytes/);
});

test("one peer's quota is not another's", () => {
  const { desk, send, passed } = deskOf();
  send(5_000);
  send(1_000);
  desk.take(b, { type: "relay", peer: a, consumedBytes: 0 }, new Uint8Array(5_000));
  expect(passed).toEqual(["a 5000", "b 5000"]);
});

test("frames that wait go nowhere when their sender leaves; when the receiver does, the sender is told", () => {
  const { clock, desk, here, send, passed, closed } = deskOf();
  send(5_000);
  send(1_000);
  here.delete(b);
  clock.advance(1_000);
  expect(closed).toEqual([expect.stringContaining("b is not connected")]);
  here.add(b);
  send(5_000);
  desk.peerLeft(a);
  clock.advance(10_000);
  expect(passed).toEqual(["a 5000"]);
  expect(clock.pending).toBe(0);
});

test("whatever is sent when: never more than the quota passes in any time, and all of it in the end", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Prng(seed);
    const quota = new RelayQuota({ ...LIMITS, sessionBytesMax: Infinity }, 0);
    const passes: { atMs: number; bytes: number }[] = [];
    let nowMs = 0;
    for (let n = 0; n < 100; n++) {
      nowMs += random.below(900);
      for (const pass of passes.filter(({ atMs }) => atMs <= nowMs)) {
        if (pass.bytes > 0) quota.passed(pass.bytes);
        pass.bytes = 0;
      }
      const bytes = random.below(1_500);
      const verdict = quota.take(bytes, nowMs);
      if (verdict.type === "refuse") continue;
      const waits = verdict.type === "wait";
      passes.push({ atMs: nowMs + verdict.afterMs, bytes: waits ? bytes : 0 });
    }
    const [first] = passes;
    expect(first?.atMs, `seed ${seed}`).toBeGreaterThanOrEqual(0);
    const waiting = passes.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(quota.waitingBytes, `seed ${seed}`).toBe(waiting);
    expect(waiting, `seed ${seed}`).toBeLessThanOrEqual(LIMITS.waitingBytesMax);
    for (let i = 1; i < passes.length; i++) {
      expect(passes[i]!.atMs, `seed ${seed}: in order`).toBeGreaterThanOrEqual(
        passes[i - 1]!.atMs - 1,
      );
    }
  }
});

test("a burst and then the rate is all that passes, however it is asked for", () => {
  for (let seed = 0; seed < 100; seed++) {
    const random = new Prng(seed);
    const quota = new RelayQuota({ ...LIMITS, sessionBytesMax: Infinity, waitingBytesMax: 1e9 }, 0);
    let nowMs = 0;
    let taken = 0;
    let lastMs = 0;
    for (let n = 0; n < 50; n++) {
      nowMs += random.below(500);
      const bytes = random.below(3_000);
      const verdict = quota.take(bytes, nowMs);
      if (verdict.type === "refuse") throw new Error("nothing is refused here");
      taken += bytes;
      lastMs = nowMs + verdict.afterMs;
      const mayMax = LIMITS.burstBytes + (lastMs / 1_000) * LIMITS.bytesPerSecond;
      expect(taken, `seed ${seed}`).toBeLessThanOrEqual(mayMax + 1);
    }
  }
});
