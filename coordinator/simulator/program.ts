import type { ObjectId } from "../../shared/ids.ts";

/** What a virtual task does. It travels as the task's encoded arguments. */
export interface Program {
  readonly runMs: number;
  readonly result: "small" | "big" | "throws";
  /** Objects it puts, and returns refs to. */
  readonly puts: number;
  /** Refs it was handed inside a value, and returns. */
  readonly passes: readonly ObjectId[];
  /** How many items it gives, if it is a stream. */
  readonly items?: number;
  /** A task that it submits and waits for: the same function again. */
  readonly child?: Program;
}

/** A virtual value: whose value it is, so that a mix-up shows, and the refs inside it. */
export interface Content {
  readonly of: ObjectId;
  readonly refs: readonly ObjectId[];
}

export const BIG_BYTES = 1_000_000;

export function encode(value: Program | Content): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

export const decodeProgram = (bytes: Uint8Array): Program =>
  JSON.parse(new TextDecoder().decode(bytes)) as Program;

export const decodeContent = (bytes: Uint8Array): Content =>
  JSON.parse(new TextDecoder().decode(bytes)) as Content;
