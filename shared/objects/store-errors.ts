import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import { OBJECT_BYTES_MAX } from "../protocol/limits.ts";
import type { StoreUsage } from "./store-entry.ts";

/** @throws MeshError `OBJECT_TOO_LARGE` for what would not fit if the store were empty. */
export function assertNotTooLarge(object: ObjectId, sizeBytes: number, bytesMax: number): void {
  const limitBytes = Math.min(bytesMax, OBJECT_BYTES_MAX);
  if (sizeBytes <= limitBytes) return;
  throw new MeshError(
    "OBJECT_TOO_LARGE",
    `object ${object} has ${sizeBytes} bytes, this peer's store takes at most ${limitBytes} for ` +
      `one object; split the value, or give the peer a larger store`,
    { object, sizeBytes, limitBytes },
  );
}

/** @param why what stands in the way besides the objects that are there, if anything does. */
export function storeFull(
  { object, sizeBytes }: { readonly object: ObjectId; readonly sizeBytes: number },
  { memoryBytes, pinnedBytes, expectedBytes, objects }: StoreUsage,
  { bytesMax, why }: { readonly bytesMax: number; readonly why?: string | undefined },
): MeshError {
  const used = pinnedBytes > 0 ? `, ${pinnedBytes} of them in use by running work` : "";
  const expected = expectedBytes > 0 ? `, ${expectedBytes} are promised to others` : "";
  return new MeshError(
    "STORE_FULL",
    `no room for object ${object} of ${sizeBytes} bytes: ${memoryBytes} of ${bytesMax} bytes are ` +
      `taken by ${objects} objects${used}${expected}${why ? `; ${why}` : ""}; release refs that ` +
      `are no longer needed, or give the peer a larger store`,
    { object, sizeBytes, usedBytes: memoryBytes, bytesMax },
  );
}
