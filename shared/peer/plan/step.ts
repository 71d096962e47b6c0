import type { PeerId } from "../../ids.ts";
import { PIECE_BYTES } from "../../protocol/limits.ts";
import { assign } from "./assign.ts";
import { pieceAt, pieceCountOf, pieceLengthOf, PieceSet } from "./pieces.ts";
import { failSource, release } from "./sources.ts";
import type { Plan, PlanEffect, PlanEvent, Source } from "./types.ts";

/**
 * How one object gets here from several peers at once: who is asked for which piece. PURE: what
 * happened in, what to do out, the time is in the event. So the fuzz test runs a thousand broadcasts
 * a second in which sources die, stall, lie and slow down.
 *
 * Whole sources have every piece; partial ones are receiving it themselves and tell what they have.
 * A source that has sent a piece to somebody already may refer to them (`refused` with `elsewhere`):
 * that is what keeps the source of a broadcast from sending n copies. A reference is believed for a
 * while, then the source is asked again and must give it.
 */

/** A source that is asked and sends nothing for so long is given up for now. */
const STALLED_MS_MAX = 15_000;
/** Partial sources that have nothing new for so long may be waiting for each other. */
const WAIT_FOR_PIECES_MS_MAX = 5_000;
/** Peers of each kind that one transfer knows of: others may name partial ones that do not exist. */
const SOURCES_KNOWN_MAX = 256;

export function emptyPlan(
  sizeBytes: number,
  options: { readonly nowMs: number; readonly startAt: number; readonly isChecked: boolean },
): Plan {
  const pieceCount = pieceCountOf(sizeBytes);
  return {
    sizeBytes,
    pieces: Array.from({ length: pieceCount }, () => ({
      status: "missing" as const,
      filledBytes: 0,
      askedOf: [],
      filledBy: [],
      isAlone: false,
      referredTo: [],
      referredMs: 0,
    })),
    sources: new Map(),
    copies: new Uint16Array(pieceCount),
    isChecked: options.isChecked,
    firstPiece: options.startAt % pieceCount,
    doneCount: 0,
    receivedBytes: 0,
    progressMs: options.nowMs,
    outcome: "running",
    story: [],
    untold: 0,
  };
}

type Handler<Type> = (
  plan: Plan,
  event: Extract<PlanEvent, { type: Type }>,
  effects: PlanEffect[],
) => void;

const handlers: { readonly [Type in PlanEvent["type"]]: Handler<Type> } = {
  "sources-found"(plan, { whole, partial, nowMs }) {
    for (const peer of whole) addSource(plan, peer, true, nowMs);
    for (const peer of partial) addSource(plan, peer, false, nowMs);
  },

  linked(plan, { peer, nowMs }, effects) {
    const source = plan.sources.get(peer);
    if (source?.phase !== "connecting") return;
    source.phase = "linked";
    source.sinceMs = nowMs;
    if (!source.isWhole) effects.push({ type: "introduce", peer });
  },

  unlinked(plan, { peer, why, again }, effects) {
    const source = plan.sources.get(peer);
    if (source) failSource(plan, source, { why, again }, effects);
  },

  moved(plan, { peer }) {
    const source = plan.sources.get(peer);
    if (!source) return;
    for (const piece of source.asked.keys()) release(plan, source, piece);
  },

  "pieces-told"(plan, { peer, ranges, nowMs }) {
    const source = plan.sources.get(peer);
    if (!source || source.isWhole) return;
    for (const [from, to] of ranges) {
      for (let piece = from; piece < Math.min(to, plan.pieces.length); piece++) {
        if (!source.pieces.add(piece)) continue;
        plan.copies[piece]! += 1;
        if (plan.pieces[piece]!.status === "missing") plan.progressMs = nowMs;
      }
    }
  },

  "chunk-arrived": takeChunk,

  refused(plan, { peer, piece, why, elsewhere, isMissing, again = false, nowMs }, effects) {
    const source = plan.sources.get(peer);
    if (!source || source.phase === "failed") return;
    if (piece === undefined || (source.isWhole && elsewhere.length === 0)) {
      if (source.isWhole && isMissing) effects.push({ type: "report", peer, fault: "missing" });
      return failSource(plan, source, { why: `it refused: ${why}`, again }, effects);
    }
    const asked = plan.pieces[piece];
    if (!asked) return;
    release(plan, source, piece);
    source.refers.add(piece);
    if (elsewhere.length === 0) return forgetPiece(plan, source, piece);
    for (const other of elsewhere) addSource(plan, other, false, nowMs);
    asked.referredTo = elsewhere;
    asked.referredMs = nowMs;
  },

  "piece-checked"(plan, { piece: index, isRight, nowMs }, effects) {
    const piece = plan.pieces[index];
    if (piece?.status !== "unchecked") return;
    if (isRight) return finish(plan, index, nowMs, effects);
    const [peer] = piece.filledBy;
    const source = plan.sources.get(peer!);
    if (piece.filledBy.length > 1 || !source) piece.isAlone = true;
    else {
      const why = `piece ${index} from it is not what the object's maker announced (wrong hash)`;
      effects.push({ type: "report", peer: source.peer, fault: "wrong-bytes" });
      failSource(plan, source, { why, again: false }, effects);
    }
    plan.receivedBytes -= piece.filledBytes;
    piece.status = "missing";
    piece.filledBytes = 0;
    piece.filledBy.length = 0;
  },

  tick(plan, { nowMs, heardMs }, effects) {
    for (const source of plan.sources.values()) {
      if (source.phase !== "linked" || source.asked.size === 0) continue;
      const quietMs = nowMs - Math.max(source.sinceMs, heardMs.get(source.peer) ?? 0);
      if (quietMs < STALLED_MS_MAX) continue;
      const why = `it sent nothing for ${quietMs} ms`;
      failSource(plan, source, { why, again: true }, effects);
    }
  },
};

/** Advance the transfer by one event. After `done` and `failed` nothing has an effect any more. */
export function step(plan: Plan, event: PlanEvent, effects: PlanEffect[] = []): PlanEffect[] {
  if (plan.outcome !== "running") return effects;
  const { doneCount } = plan;
  const before = effects.length;
  (handlers[event.type] as Handler<PlanEvent["type"]>)(plan, event, effects);
  // Most chunks end no piece, and change nothing about who should be asked.
  const isDull =
    event.type === "chunk-arrived" &&
    plan.doneCount === doneCount &&
    effects.slice(before).every(({ type }) => type === "write");
  if (isDull) return effects;
  if (plan.doneCount < plan.pieces.length) assign(plan, event.nowMs, effects);
  settle(plan, event.nowMs, effects);
  return effects;
}

function addSource(plan: Plan, peer: PeerId, isWhole: boolean, nowMs: number): void {
  const known = plan.sources.get(peer);
  if (known) {
    if (isWhole && !known.isWhole && known.phase !== "failed") becomeWhole(plan, known);
    return;
  }
  const alike = [...plan.sources.values()].filter((source) => source.isWhole === isWhole);
  if (alike.length >= SOURCES_KNOWN_MAX) return;
  plan.progressMs = nowMs;
  plan.sources.set(peer, {
    peer,
    isWhole,
    phase: "fresh",
    pieces: new PieceSet(plan.pieces.length),
    asked: new Map(),
    refers: new Set(),
    failures: 0,
    sinceMs: nowMs,
    msPerPiece: undefined,
  });
}

function becomeWhole(plan: Plan, source: Source): void {
  for (let piece = 0; piece < plan.pieces.length; piece++) forgetPiece(plan, source, piece);
  source.isWhole = true;
}

function forgetPiece(plan: Plan, source: Source, piece: number): void {
  if (!source.pieces.has(piece)) return;
  source.pieces.delete(piece);
  plan.copies[piece]! -= 1;
}

function takeChunk(
  plan: Plan,
  event: Extract<PlanEvent, { type: "chunk-arrived" }>,
  effects: PlanEffect[],
): void {
  const { peer, offset, byteLength, totalBytes, nowMs } = event;
  const source = plan.sources.get(peer);
  if (!source || source.phase === "failed") return;
  const lie = lieIn(plan, event);
  if (lie) {
    effects.push({ type: "report", peer, fault: "wrong-size" });
    return failSource(plan, source, { why: lie, again: false }, effects);
  }
  // What is at the very end can only be the nothing of an object of no bytes.
  const index = pieceAt(Math.min(offset, Math.max(0, totalBytes - 1)));
  const piece = plan.pieces[index]!;
  if (piece.status !== "missing" || (piece.isAlone && piece.askedOf[0] !== peer)) return;
  const start = offset - index * PIECE_BYTES;
  const newBytes = start + byteLength - piece.filledBytes;
  const length = pieceLengthOf(plan.sizeBytes, index);
  if (start > piece.filledBytes || (newBytes <= 0 && length > 0)) return;
  if (!piece.filledBy.includes(peer)) piece.filledBy.push(peer);
  effects.push({
    type: "write",
    offset: index * PIECE_BYTES + piece.filledBytes,
    byteLength: newBytes,
  });
  piece.filledBytes += newBytes;
  plan.receivedBytes += newBytes;
  plan.progressMs = nowMs;
  if (piece.filledBytes < length) return;
  const tookMs = nowMs - source.sinceMs;
  source.msPerPiece =
    source.msPerPiece === undefined ? tookMs : (3 * source.msPerPiece + tookMs) / 4;
  source.sinceMs = nowMs;
  for (const other of piece.askedOf.slice()) {
    release(plan, plan.sources.get(other)!, index);
    if (other !== peer) effects.push({ type: "stop", peer: other, piece: index });
  }
  if (!plan.isChecked) return finish(plan, index, nowMs, effects);
  piece.status = "unchecked";
  effects.push({ type: "check", piece: index });
}

/** What no honest source sends. */
function lieIn(
  { sizeBytes }: Plan,
  { offset, byteLength, totalBytes }: Extract<PlanEvent, { type: "chunk-arrived" }>,
): string | undefined {
  if (totalBytes !== sizeBytes) {
    return `it claims ${totalBytes} bytes where ${sizeBytes} are known`;
  }
  const endOffset = offset + byteLength;
  if (endOffset > sizeBytes) return `it sent bytes up to ${endOffset}`;
  if (byteLength > 0 && pieceAt(offset) !== pieceAt(endOffset - 1)) {
    return `it sent bytes ${offset} to ${endOffset}, which are of two pieces`;
  }
  return undefined;
}

function finish(plan: Plan, index: number, nowMs: number, effects: PlanEffect[]): void {
  plan.pieces[index]!.status = "done";
  plan.doneCount++;
  plan.progressMs = nowMs;
  effects.push({ type: "announce", piece: index });
}

/** Is it over? */
function settle(plan: Plan, nowMs: number, effects: PlanEffect[]): void {
  if (plan.doneCount === plan.pieces.length) return end(plan, "done", effects);
  let hasPartial = false;
  for (const { phase, isWhole } of plan.sources.values()) {
    if (phase === "connecting" || (phase === "linked" && isWhole)) return;
    hasPartial ||= phase === "linked";
  }
  const isMoving = plan.pieces.some(
    ({ status, askedOf }) => status === "unchecked" || askedOf.length > 0,
  );
  if (isMoving) return;
  const quietMs = nowMs - plan.progressMs;
  if (hasPartial && quietMs < WAIT_FOR_PIECES_MS_MAX) return;
  if (hasPartial) {
    const missing = plan.pieces.filter(({ status }) => status === "missing").length;
    const why = `others that are fetching it too have none of the ${missing} missing pieces`;
    plan.story.push(`for ${quietMs} ms nobody with a whole copy was there, and ${why}`);
  }
  end(plan, "failed", effects);
}

function end(plan: Plan, outcome: "done" | "failed", effects: PlanEffect[]): void {
  plan.outcome = outcome;
  for (const { peer, phase, asked, isWhole } of plan.sources.values()) {
    if (phase === "linked" && (asked.size > 0 || !isWhole)) effects.push({ type: "leave", peer });
  }
  effects.push({ type: outcome });
}
