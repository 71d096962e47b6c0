import { MeshError } from "../errors.ts";
import { REFS_PER_MESSAGE_MAX } from "../protocol/limits.ts";

/** @throws MeshError `NOT_ENCODABLE` if a message has no room for so many refs in one value. */
export function assertCarried(refs: number): void {
  if (refs <= REFS_PER_MESSAGE_MAX) return;
  throw new MeshError(
    "NOT_ENCODABLE",
    `it holds ${refs} refs, and one value can hold ${REFS_PER_MESSAGE_MAX}; return several values`,
  );
}
