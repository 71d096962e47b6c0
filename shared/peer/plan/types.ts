import type { PeerId } from "../../ids.ts";
import type { SourceFault } from "../../protocol/copy-messages.ts";
import type { PieceRange, PieceSet } from "./pieces.ts";

export type PieceStatus =
  | "missing"
  /** All of it has arrived and is being compared with the hash that its maker announced. */
  | "unchecked"
  | "done";

export interface Piece {
  status: PieceStatus;
  /** Bytes of it that are here, from its start on: the next source goes on there. */
  filledBytes: number;
  /** Who is asked for it now: one, or two when the first was slow. */
  readonly askedOf: PeerId[];
  /** Who sent bytes of it that are here. */
  readonly filledBy: PeerId[];
  /** It was wrong, and nobody knows by whose fault: it comes from one source alone now. */
  isAlone: boolean;
  /** Peers that a source said to ask instead of itself, and when. */
  referredTo: readonly PeerId[];
  referredMs: number;
}

export interface Source {
  readonly peer: PeerId;
  /** It has all of it, as far as the coordinator knows; the others have what they say. */
  isWhole: boolean;
  phase: "fresh" | "connecting" | "linked" | "failed";
  readonly pieces: PieceSet;
  /** What it is asked for, in this order, and since when. */
  readonly asked: Map<number, number>;
  /** Pieces that it wants to be asked of others. */
  readonly refers: Set<number>;
  /** How often the link to it failed. */
  failures: number;
  /** When it last delivered a piece or was asked anew; and how long a piece takes it. */
  sinceMs: number;
  msPerPiece: number | undefined;
}

export interface Plan {
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
  readonly sources: Map<PeerId, Source>;
  /** How many of the partial sources have each piece: the rarest are asked for first. */
  readonly copies: Uint16Array;
  /** Whether pieces are compared with hashes. */
  readonly isChecked: boolean;
  /** Pieces are asked for from here on, so that receivers have different ones to trade. */
  readonly firstPiece: number;
  doneCount: number;
  receivedBytes: number;
  /** When something last arrived that was new, or a new source was found. */
  progressMs: number;
  outcome: "running" | "done" | "failed";
  /** What was tried, for people. */
  readonly story: string[];
  /** Complaints left out of the story. */
  untold: number;
}

export type PlanEvent = { readonly nowMs: number } & (
  | {
      readonly type: "sources-found";
      readonly whole: readonly PeerId[];
      readonly partial: readonly PeerId[];
    }
  | { readonly type: "linked"; readonly peer: PeerId }
  /** `again`: a new link to it may do better. */
  | {
      readonly type: "unlinked";
      readonly peer: PeerId;
      readonly why: string;
      readonly again: boolean;
    }
  /** One link to it ended and another is open: what was asked on the first has to be asked again. */
  | { readonly type: "moved"; readonly peer: PeerId }
  /** It has these pieces now. */
  | { readonly type: "pieces-told"; readonly peer: PeerId; readonly ranges: readonly PieceRange[] }
  | {
      readonly type: "chunk-arrived";
      readonly peer: PeerId;
      readonly offset: number;
      readonly byteLength: number;
      readonly totalBytes: number;
    }
  | {
      readonly type: "refused";
      readonly peer: PeerId;
      /** Unset: all of the object. */
      readonly piece: number | undefined;
      readonly why: string;
      /** Others that have this piece, and should be asked first. */
      readonly elsewhere: readonly PeerId[];
      /** It does not have what it should have. */
      readonly isMissing: boolean;
      /** It has it, and may send it another time. */
      readonly again?: boolean;
    }
  | { readonly type: "piece-checked"; readonly piece: number; readonly isRight: boolean }
  /** Time passes. `heardMs`: when each source last sent anything, of whatever object. */
  | { readonly type: "tick"; readonly heardMs: ReadonlyMap<PeerId, number> }
);

export type PlanEffect =
  | { readonly type: "connect"; readonly peer: PeerId }
  /** Tell a partial source what is here, and thereby ask what is there. */
  | { readonly type: "introduce"; readonly peer: PeerId }
  | {
      readonly type: "ask";
      readonly peer: PeerId;
      readonly offset: number;
      readonly endOffset: number;
      /** Those it refers to were of no help. */
      readonly insists: boolean;
    }
  /** It need not send this piece any more. */
  | { readonly type: "stop"; readonly peer: PeerId; readonly piece: number }
  /** Nothing more is wanted of it. */
  | { readonly type: "leave"; readonly peer: PeerId }
  /** Keep the last `byteLength` bytes of the chunk that arrived, at `offset` of the object. */
  | { readonly type: "write"; readonly offset: number; readonly byteLength: number }
  | { readonly type: "check"; readonly piece: number }
  /** This piece is here for good. */
  | { readonly type: "announce"; readonly piece: number }
  /** It broke the rules or its word: others should know. */
  | { readonly type: "report"; readonly peer: PeerId; readonly fault: SourceFault }
  | { readonly type: "done" }
  | { readonly type: "failed" };
