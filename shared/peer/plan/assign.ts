import { PIECE_BYTES } from "../../protocol/limits.ts";
import { pieceLengthOf } from "./pieces.ts";
import { release } from "./sources.ts";
import type { Plan, PlanEffect, Source } from "./types.ts";

/** Whole sources that are asked at the same time. */
const WHOLE_SOURCES_MAX = 4;
/** Partial sources that pieces are traded with: enough for the pieces to spread, few enough links. */
const PARTIAL_SOURCES_MAX = 16;
/** Pieces that one source is asked for at a time: they cover a round trip of 50 ms at 100 MB/s. */
const ASKED_PER_SOURCE_MAX = 6;
/** The same of all sources: what may arrive at once. */
const ASKED_MAX = 32;
/** What a source takes for a piece that has not sent one yet. */
const MS_PER_PIECE_GUESS = 50;
/** A source this much slower than another that has nothing to do loses a piece to it. */
const STEAL_FACTOR = 2;
const STEAL_MS_MIN = 20;
/** How long a source's reference to others is believed: while pieces arrive; and when none do. */
const REFERRED_MS_MAX = 10_000;
const REFERRED_QUIET_MS_MAX = 2_000;

/** Connect to sources, and ask them for what is missing. */
export function assign(plan: Plan, nowMs: number, effects: PlanEffect[]): void {
  connect(plan, effects);
  const linked = [...plan.sources.values()].filter(({ phase }) => phase === "linked");
  // Those who pass it on first, so that the source has time for other pieces.
  linked.sort((a, b) => Number(a.isWhole) - Number(b.isWhole) || a.asked.size - b.asked.size);
  let askedCount = linked.reduce((count, { asked }) => count + asked.size, 0);
  let isAsking = true;
  while (isAsking && askedCount < ASKED_MAX) {
    isAsking = false;
    for (const source of linked) {
      if (source.asked.size >= ASKED_PER_SOURCE_MAX || askedCount >= ASKED_MAX) continue;
      const piece = pick(plan, source, nowMs) ?? steal(plan, source, nowMs, effects);
      if (piece === undefined) continue;
      ask(plan, source, { piece, nowMs }, effects);
      askedCount++;
      isAsking = true;
    }
  }
}

function connect(plan: Plan, effects: PlanEffect[]): void {
  const active = { whole: 0, partial: 0 };
  for (const { phase, isWhole } of plan.sources.values()) {
    if (phase === "connecting" || phase === "linked") active[isWhole ? "whole" : "partial"]++;
  }
  const wholeMax = Math.min(WHOLE_SOURCES_MAX, plan.pieces.length);
  for (const source of plan.sources.values()) {
    const kind = source.isWhole ? "whole" : "partial";
    const isFull = active[kind] >= (source.isWhole ? wholeMax : PARTIAL_SOURCES_MAX);
    if (source.phase !== "fresh" || isFull) continue;
    source.phase = "connecting";
    active[kind]++;
    effects.push({ type: "connect", peer: source.peer });
  }
}

function ask(
  plan: Plan,
  source: Source,
  { piece, nowMs }: { readonly piece: number; readonly nowMs: number },
  effects: PlanEffect[],
): void {
  const target = plan.pieces[piece]!;
  if (target.isAlone) {
    plan.receivedBytes -= target.filledBytes;
    target.filledBytes = 0;
    target.filledBy.length = 0;
  }
  if (source.asked.size === 0) source.sinceMs = nowMs;
  source.asked.set(piece, nowMs);
  target.askedOf.push(source.peer);
  const start = piece * PIECE_BYTES;
  effects.push({
    type: "ask",
    peer: source.peer,
    offset: start + target.filledBytes,
    endOffset: start + pieceLengthOf(plan.sizeBytes, piece),
    insists: source.refers.has(piece),
  });
}

/** The rarest missing piece that this source has and nobody is asked for. */
function pick(plan: Plan, source: Source, nowMs: number): number | undefined {
  const { pieces, copies, firstPiece } = plan;
  let best: number | undefined;
  for (let i = 0; i < pieces.length; i++) {
    const index = (firstPiece + i) % pieces.length;
    const piece = pieces[index]!;
    if (piece.status !== "missing" || piece.askedOf.length > 0) continue;
    if (!source.isWhole && !source.pieces.has(index)) continue;
    if (source.refers.has(index) && isReferred(plan, index, nowMs)) continue;
    if (best !== undefined && copies[index]! >= copies[best]!) continue;
    best = index;
    if (copies[index]! <= (source.isWhole ? 0 : 1)) break;
  }
  return best;
}

/** Whether somebody else may still be about to give this piece. */
function isReferred(plan: Plan, index: number, nowMs: number): boolean {
  const { referredTo, referredMs } = plan.pieces[index]!;
  if (!isPatient(plan, referredMs, nowMs)) return false;
  return referredTo.some((peer) => {
    const source = plan.sources.get(peer);
    const isMet = source?.phase === "linked" || source?.phase === "connecting";
    return isMet && !source.refers.has(index);
  });
}

/**
 * Whether what was begun then is still worth waiting for. While other pieces arrive everybody is busy,
 * and to insist would only make the source of a broadcast send what others are about to pass on.
 */
function isPatient({ progressMs }: Plan, sinceMs: number, nowMs: number): boolean {
  const quietMs = nowMs - Math.max(sinceMs, progressMs);
  return quietMs < REFERRED_QUIET_MS_MAX && nowMs - sinceMs < REFERRED_MS_MAX;
}

/**
 * At the end, a source that has nothing to do takes a piece that another would bring much later.
 * What that one has not begun to send it need not send; what it has begun comes from both.
 */
function steal(
  plan: Plan,
  thief: Source,
  nowMs: number,
  effects: PlanEffect[],
): number | undefined {
  if (thief.asked.size > 0) return undefined;
  let longestMs = STEAL_FACTOR * (thief.msPerPiece ?? MS_PER_PIECE_GUESS) + STEAL_MS_MIN;
  let found:
    | { readonly victim: Source; readonly piece: number; readonly isFirst: boolean }
    | undefined;
  for (const victim of plan.sources.values()) {
    if (victim === thief) continue;
    const msPerPiece = Math.max(victim.msPerPiece ?? 0, nowMs - victim.sinceMs);
    let position = 0;
    for (const [piece, askedMs] of victim.asked) {
      position++;
      const waitMs = position * msPerPiece;
      if (waitMs <= longestMs || !mayTake(plan, thief, { piece, askedMs, nowMs })) continue;
      longestMs = waitMs;
      found = { victim, piece, isFirst: position === 1 };
    }
  }
  if (!found) return undefined;
  const { victim, piece, isFirst } = found;
  if (!isFirst) {
    release(plan, victim, piece);
    effects.push({ type: "stop", peer: victim.peer, piece });
  }
  return piece;
}

function mayTake(
  plan: Plan,
  thief: Source,
  asked: { readonly piece: number; readonly askedMs: number; readonly nowMs: number },
): boolean {
  const piece = plan.pieces[asked.piece]!;
  if (piece.status !== "missing" || piece.isAlone || piece.askedOf.length > 1) return false;
  if (!thief.isWhole && !thief.pieces.has(asked.piece)) return false;
  return !thief.refers.has(asked.piece) || !isPatient(plan, asked.askedMs, asked.nowMs);
}
