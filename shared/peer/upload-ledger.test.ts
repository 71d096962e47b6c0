import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../ids.ts";
import { UploadLedger } from "./upload-ledger.ts";

const object = "x.1" as ObjectId;
const [a, b, c] = ["a", "b", "c"] as [PeerId, PeerId, PeerId];

function ledgerOf(copiesMax: number) {
  const ledger = new UploadLedger();
  const gone = new Set<PeerId>();
  const ask = (piece: number, to: PeerId, nowMs = 0, copies = copiesMax) =>
    ledger.refer(object, piece, to, {
      nowMs,
      copiesMax: copies,
      isUsable: (peer) => !gone.has(peer),
    });
  return { ask, gone };
}

test("each piece leaves as often as it may, then those who ask are referred to those who have it", () => {
  const { ask } = ledgerOf(2);
  expect([ask(0, a), ask(0, b), ask(0, c), ask(1, c)]).toEqual([[], [], [a, b], []]);
});

test("who is asked again by the same peer, or insistently, sends it again", () => {
  const { ask } = ledgerOf(1);
  expect([ask(0, a), ask(0, a), ask(0, b, 0, Infinity)]).toEqual([[], [], []]);
});

test("nobody is referred to a peer that is gone, or to one of long ago", () => {
  const { ask, gone } = ledgerOf(1);
  ask(0, a);
  gone.add(a);
  expect(ask(0, b)).toEqual([]);
  expect(ask(0, c, 9_000)).toEqual([b]);
  expect(ask(0, c, 19_000)).toEqual([]);
});
