import type { ObjectId } from "../ids.ts";
import type { Provenance } from "../objects/local-store.ts";
import { INLINE_BYTES_MAX } from "../protocol/limits.ts";
import type { WireError } from "../protocol/schema.ts";
import { boundedError, toWireError } from "../protocol/wire-error.ts";
import type { ObjectBytes } from "./executor-api.ts";
import type { Outcome } from "./machine/types.ts";
import type { ObjectSupply } from "./object-supply.ts";

/** An outcome as messages carry it: the value rides along, or it is in this worker's store. */
export type Result =
  | { readonly error: WireError; readonly value?: never }
  | {
      readonly error?: never;
      readonly value: {
        sizeBytes: number;
        inline?: Uint8Array<ArrayBuffer>;
        contained?: ObjectId[];
      };
    };

const NOTHING: NonNullable<Outcome["value"]> = { bytes: new Uint8Array(0), contained: [] };

/**
 * @param object the id of the value; it is stored under it if it is big.
 */
export function resultOf(
  outcome: Outcome,
  object: ObjectId,
  supply: ObjectSupply,
  provenance: Provenance,
): Result {
  if (outcome.error) return { error: boundedError(outcome.error) };
  const { bytes, contained } = outcome.value ?? NOTHING;
  const value: NonNullable<Result["value"]> = { sizeBytes: bytes.byteLength };
  if (contained.length > 0) value.contained = [...contained];
  try {
    if (bytes.byteLength <= INLINE_BYTES_MAX) value.inline = unshared(bytes);
    else supply.keep(object, bytes, provenance);
  } catch (error) {
    return { error: toWireError(error) };
  }
  return { value };
}

export const unshared = (bytes: ObjectBytes): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
