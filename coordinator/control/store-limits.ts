import type { ObjectId, PeerId } from "../../shared/ids.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { DirectoryState } from "../directory/types.ts";
import type { PeerRecord } from "./types.ts";

/** Any store takes this, so nobody is looked at for less. */
const ALWAYS_FITS_BYTES = 2 ** 20;

interface Plane {
  readonly directory: DirectoryState;
  readonly peers: ReadonlyMap<PeerId, PeerRecord>;
}

/**
 * Why no worker could ever have these arguments in its store, if so: said at once, and once, instead
 * of by each worker that tries. Where a store is whose limit is not known, or none, it may fit.
 */
export function tooLargeForAll(
  { directory, peers }: Plane,
  dependencies: readonly ObjectId[],
): WireError | undefined {
  let largest: PeerRecord | undefined;
  for (const object of dependencies) {
    const record = directory.objects.get(object);
    if (!record || record.inline || record.sizeBytes <= ALWAYS_FITS_BYTES) continue;
    for (const peer of largest ? [] : peers.values()) {
      if (peer.role !== "worker") continue;
      if (peer.storeBytesMax === undefined) return undefined;
      if (peer.storeBytesMax > (largest?.storeBytesMax ?? -1)) largest = peer;
    }
    if (!largest || record.sizeBytes <= largest.storeBytesMax!) continue;
    const { sizeBytes } = record;
    const { name, storeBytesMax: limitBytes } = largest;
    return {
      code: "OBJECT_TOO_LARGE",
      message:
        `object ${object} has ${sizeBytes} bytes, and no worker's store takes so large an object: the ` +
        `largest, of ${name}, takes ${limitBytes}. Split the value, or start a worker with a larger ` +
        `store (--store-bytes)`,
      details: { object, sizeBytes, limitBytes: limitBytes! },
    };
  }
  return undefined;
}
