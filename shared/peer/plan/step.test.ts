import { expect, test } from "vitest";
import { invariant } from "../../errors.ts";
import type { PeerId } from "../../ids.ts";
import { Prng } from "../../prng.ts";
import { PIECE_BYTES } from "../../protocol/limits.ts";
import { pieceAt } from "./pieces.ts";
import { emptyPlan, step } from "./step.ts";
import type { Plan, PlanEffect, PlanEvent } from "./types.ts";

/** Transfers from a seed: sources appear, die, stall, lie, refer to others and slow down. */

const HALF = PIECE_BYTES / 2;

interface Behaviour {
  readonly kind: "honest" | "liar" | "mute" | "empty" | "referrer" | "corrupt";
  readonly msPerHalf: number;
}

class TransferSimulation {
  readonly plan: Plan;
  readonly faults: string[] = [];
  readonly #prng: Prng;
  readonly #behaviours = new Map<PeerId, Behaviour>();
  readonly #queue: { readonly atMs: number; readonly run: () => void }[] = [];
  /** Bytes as the shell would have them: who wrote each half piece, if anyone. */
  readonly #written = new Map<number, string>();
  readonly #links = new Map<PeerId, number>();
  /** Whose links failed, at some time. */
  readonly #downs = new Set<PeerId>();
  readonly #wanted = new Map<PeerId, Set<number>>();
  nowMs = 0;
  outcome: string | undefined;

  constructor(seed: number) {
    this.#prng = new Prng(seed);
    const pieces = 1 + this.#prng.below(24);
    this.plan = emptyPlan(pieces * PIECE_BYTES - this.#prng.below(2) * HALF, {
      nowMs: 0,
      startAt: this.#prng.below(1000),
      isChecked: this.#prng.chance(1, 2),
    });
  }

  run(): void {
    const count = 1 + this.#prng.below(6);
    const peers = Array.from({ length: count }, (_, n) => `p${n}` as PeerId);
    for (const peer of peers) this.#behaviours.set(peer, this.#behaviour());
    const whole = peers.filter((_, n) => n % 3 !== 2);
    const partial = peers.filter((_, n) => n % 3 === 2);
    this.#later(0, () => this.#step({ type: "sources-found", whole, partial, nowMs: this.nowMs }));
    for (const peer of peers) {
      if (!this.#prng.chance(1, 3)) continue;
      this.#later(this.#prng.below(2_000), () => this.#down(peer));
    }
    for (let second = 1; second < 400; second++) {
      this.#later(second * 1_000, () =>
        this.#step({ type: "tick", heardMs: new Map(), nowMs: this.nowMs }),
      );
    }
    while (!this.outcome && this.#queue.length > 0) {
      this.#queue.sort((a, b) => a.atMs - b.atMs);
      const { atMs, run } = this.#queue.shift()!;
      this.nowMs = atMs;
      run();
    }
  }

  /** Whoever has everything and tells the truth is given up only when its links fail. */
  hasUnusedHonestSource(): boolean {
    return [...this.plan.sources.values()].some(
      ({ peer, isWhole, phase }) =>
        isWhole &&
        this.#behaviours.get(peer)?.kind === "honest" &&
        (phase !== "failed" || !this.#downs.has(peer)),
    );
  }

  /** Every byte is there and right, if somebody checks; else at least every byte is there. */
  isRight(): boolean {
    const halves = Math.ceil(this.plan.sizeBytes / HALF);
    for (let half = 0; half < halves; half++) {
      const by = this.#written.get(half);
      if (by === undefined) return false;
      if (this.plan.isChecked && by === "corrupt") return false;
    }
    return true;
  }

  #behaviour(): Behaviour {
    const kinds = ["honest", "honest", "honest", "liar", "mute", "empty", "referrer", "corrupt"];
    const kind = kinds[this.#prng.below(kinds.length)] as Behaviour["kind"];
    return { kind, msPerHalf: this.#prng.chance(1, 4) ? 500 : 1 + this.#prng.below(10) };
  }

  #later(delayMs: number, run: () => void): void {
    this.#queue.push({ atMs: this.nowMs + delayMs, run });
  }

  #step(event: PlanEvent): void {
    if (this.outcome) return;
    const effects = step(this.plan, event);
    this.#check();
    for (const effect of effects) this.#perform(effect, event);
  }

  #perform(effect: PlanEffect, event: PlanEvent): void {
    switch (effect.type) {
      case "connect": {
        const { peer } = effect;
        this.#links.set(peer, (this.#links.get(peer) ?? 0) + 1);
        return this.#later(this.#prng.below(50), () =>
          this.#step({ type: "linked", peer, nowMs: this.nowMs }),
        );
      }
      case "introduce":
        return this.#later(5, () =>
          this.#step({
            type: "pieces-told",
            peer: effect.peer,
            ranges: [[this.#prng.below(4), 4 + this.#prng.below(30)]],
            nowMs: this.nowMs,
          }),
        );
      case "ask":
        return this.#asked(effect);
      case "stop":
        return void this.#wanted.get(effect.peer)?.delete(effect.piece);
      case "leave":
        return void this.#wanted.delete(effect.peer);
      case "write": {
        invariant(event.type === "chunk-arrived", "only chunks are written");
        invariant(effect.byteLength <= event.byteLength, "not more than arrived");
        const kind = this.#behaviours.get(event.peer)!.kind;
        for (let at = effect.offset; at < effect.offset + effect.byteLength; at += HALF) {
          this.#written.set(at / HALF, kind);
        }
        return;
      }
      case "check": {
        const { piece } = effect;
        return this.#later(3, () => {
          const halves = [2 * piece, 2 * piece + 1].map((half) => this.#written.get(half));
          const isRight = !halves.includes("corrupt");
          this.#step({ type: "piece-checked", piece, isRight, nowMs: this.nowMs });
        });
      }
      case "report":
        this.faults.push(`${this.#behaviours.get(effect.peer)!.kind} ${effect.fault}`);
        return;
      case "announce":
        return;
      case "done":
      case "failed":
        this.outcome = effect.type;
    }
  }

  #asked({ peer, offset, endOffset, insists }: Extract<PlanEffect, { type: "ask" }>): void {
    const { kind, msPerHalf } = this.#behaviours.get(peer)!;
    const piece = pieceAt(offset);
    const wanted = this.#wanted.get(peer) ?? new Set();
    this.#wanted.set(peer, wanted.add(piece));
    const link = this.#links.get(peer);
    const elsewhere = kind === "referrer" && !insists ? [`p${this.#prng.below(6)}` as PeerId] : [];
    if (kind === "mute") return;
    if (kind === "empty" || elsewhere.length > 0) {
      for (const other of elsewhere) {
        if (!this.#behaviours.has(other)) this.#behaviours.set(other, { kind: "mute", msPerHalf });
      }
      return this.#later(2, () =>
        this.#step({
          type: "refused",
          peer,
          piece: kind === "empty" ? undefined : piece,
          why: "no",
          elsewhere: elsewhere.filter((other) => other !== peer),
          isMissing: true,
          nowMs: this.nowMs,
        }),
      );
    }
    const totalBytes = this.plan.sizeBytes + (kind === "liar" ? 1 : 0);
    let delayMs = 0;
    for (let at = offset; at < endOffset; at += HALF) {
      delayMs += msPerHalf;
      const byteLength = Math.min(HALF, endOffset - at);
      this.#later(delayMs, () => {
        if (this.#links.get(peer) !== link || !this.#wanted.get(peer)?.has(piece)) return;
        this.#step({
          type: "chunk-arrived",
          peer,
          offset: at,
          byteLength,
          totalBytes,
          nowMs: this.nowMs,
        });
      });
    }
  }

  #down(peer: PeerId): void {
    this.#links.set(peer, -this.nowMs);
    this.#downs.add(peer);
    const again = this.#prng.chance(1, 2);
    this.#step({ type: "unlinked", peer, why: "its link ended", again, nowMs: this.nowMs });
  }

  #check(): void {
    const { plan } = this;
    let asked = 0;
    for (const source of plan.sources.values()) {
      asked += source.asked.size;
      invariant(source.phase === "linked" || source.asked.size === 0, "only linked ones are asked");
      for (const piece of source.asked.keys()) {
        invariant(
          plan.pieces[piece]!.askedOf.includes(source.peer),
          "both sides know of a request",
        );
      }
    }
    invariant(asked <= 32, "what may arrive at once is bounded");
    let received = 0;
    for (const piece of plan.pieces) {
      received += piece.filledBytes;
      invariant(piece.askedOf.length <= 2, "at most two are asked for one piece");
      invariant(
        piece.status === "missing" || piece.askedOf.length === 0,
        "nobody is asked in vain",
      );
    }
    invariant(received === plan.receivedBytes, "every received byte is counted once");
    const done = plan.pieces.filter(({ status }) => status === "done").length;
    invariant(done === plan.doneCount, "every done piece is counted once");
    for (const [piece, copies] of plan.copies.entries()) {
      const sources = [...plan.sources.values()].filter(({ pieces }) => pieces.has(piece));
      invariant(sources.length === copies, "copies of a piece are counted");
    }
  }
}

const SEEDS = 1_500;

test("whatever sources do, a transfer ends: whole, or with a reason for each that failed", () => {
  const outcomes = { done: 0, failed: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const simulation = new TransferSimulation(seed);
    simulation.run();
    const { outcome, plan } = simulation;
    expect(outcome, `seed ${seed} ends by itself`).toBeDefined();
    if (outcome === "done") {
      outcomes.done++;
      expect(simulation.isRight(), `seed ${seed} has every byte`).toBe(true);
    } else {
      outcomes.failed++;
      expect(simulation.hasUnusedHonestSource(), `seed ${seed} used every source`).toBe(false);
      expect(plan.story.length, `seed ${seed} tells why`).toBeGreaterThan(0);
    }
    for (const fault of simulation.faults) expect(fault, `seed ${seed}`).not.toContain("honest");
  }
  expect(outcomes.done).toBeGreaterThan(SEEDS / 4);
  expect(outcomes.failed).toBeGreaterThan(SEEDS / 50);
});

const at = (nowMs: number) => ({ nowMs });
const plan = (pieces: number) =>
  emptyPlan(pieces * PIECE_BYTES, { nowMs: 0, startAt: 0, isChecked: false });
const asks = (effects: readonly PlanEffect[]) =>
  effects.flatMap((effect) =>
    effect.type === "ask" ? [`${effect.peer} ${pieceAt(effect.offset)}`] : [],
  );

test("a source that has nothing left to do takes over what a slow one has not begun", () => {
  const slow = plan(8);
  const [a, b] = ["a", "b"] as PeerId[];
  step(slow, { type: "sources-found", whole: [a!, b!], partial: [], ...at(0) });
  expect(asks(step(slow, { type: "linked", peer: a!, ...at(0) }))).toEqual(
    [0, 1, 2, 3, 4, 5].map((piece) => `a ${piece}`),
  );
  expect(asks(step(slow, { type: "linked", peer: b!, ...at(0) }))).toEqual(["b 6", "b 7"]);
  const arrives = (piece: number, nowMs: number) =>
    step(slow, {
      type: "chunk-arrived",
      peer: b!,
      offset: piece * PIECE_BYTES,
      byteLength: PIECE_BYTES,
      totalBytes: 8 * PIECE_BYTES,
      nowMs,
    });
  arrives(6, 100);
  const effects = arrives(7, 200);
  expect(effects).toContainEqual({ type: "stop", peer: "a", piece: 5 });
  expect(asks(effects)).toEqual(["b 5"]);
});

test("a reference to others is believed for a while, then the source has to give the piece", () => {
  const referred = plan(1);
  const [a, b] = ["a", "b"] as [PeerId, PeerId];
  step(referred, { type: "sources-found", whole: [a], partial: [], ...at(0) });
  step(referred, { type: "linked", peer: a, ...at(0) });
  const refusal = { type: "refused", peer: a, piece: 0, why: "ask b", isMissing: false } as const;
  const effects = step(referred, { ...refusal, elsewhere: [b], ...at(0) });
  expect(effects).toEqual([{ type: "connect", peer: b }]);
  expect(step(referred, { type: "tick", heardMs: new Map(), ...at(1_000) })).toEqual([]);
  expect(step(referred, { type: "tick", heardMs: new Map(), ...at(2_000) })).toMatchObject([
    { type: "ask", peer: a, insists: true },
  ]);
});

test("the rarest pieces are asked for first", () => {
  const rare = plan(4);
  const [a, b, c] = ["a", "b", "c"] as [PeerId, PeerId, PeerId];
  step(rare, { type: "sources-found", whole: [], partial: [a, b, c], ...at(0) });
  step(rare, { type: "pieces-told", peer: a, ranges: [[0, 3]], ...at(0) });
  step(rare, { type: "pieces-told", peer: b, ranges: [[0, 4]], ...at(0) });
  expect(asks(step(rare, { type: "linked", peer: b, ...at(0) }))[0]).toBe("b 3");
});

test("names of peers that do not exist take no room from whole sources", () => {
  const crowded = plan(1);
  const [a, b] = ["a", "b"] as [PeerId, PeerId];
  step(crowded, { type: "sources-found", whole: [a], partial: [], ...at(0) });
  step(crowded, { type: "linked", peer: a, ...at(0) });
  const elsewhere = Array.from({ length: 1_000 }, (_, n) => `ghost${n}` as PeerId);
  const refusal = {
    type: "refused",
    peer: a,
    piece: 0,
    why: "ask them",
    isMissing: false,
  } as const;
  step(crowded, { ...refusal, elsewhere, ...at(0) });
  expect(crowded.sources.size).toBeLessThan(300);
  step(crowded, { type: "sources-found", whole: [b], partial: [], ...at(0) });
  expect(crowded.sources.get(b)?.isWhole).toBe(true);
});

test("a source that failed while it was connected to stays so when the link opens", () => {
  const late = plan(1);
  const [a, b] = ["a", "b"] as [PeerId, PeerId];
  step(late, { type: "sources-found", whole: [a, b], partial: [], ...at(0) });
  step(late, { type: "unlinked", peer: a, why: "it has left", again: false, ...at(0) });
  expect(asks(step(late, { type: "linked", peer: a, ...at(0) }))).toEqual([]);
  expect(late.sources.get(a)?.phase).toBe("failed");
});
