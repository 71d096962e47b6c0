import { sha256 } from "@noble/hashes/sha2.js";
import { PIECE_BYTES, PIECE_DIGEST_BYTES } from "../protocol/limits.ts";
import type { StoredBytes, StoredObject } from "./local-store.ts";

/** The engine's own hash works off the thread, where there is one: pages have it in secure contexts. */
const subtle = (globalThis as { crypto?: { subtle?: SubtleHash } }).crypto?.subtle;

interface SubtleHash {
  digest(algorithm: "SHA-256", bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
}

export async function digestPiece(bytes: StoredBytes): Promise<Uint8Array<ArrayBuffer>> {
  if (!subtle) return sha256(bytes).slice(0, PIECE_DIGEST_BYTES);
  // It refuses memory that is shared.
  const own = bytes.buffer instanceof ArrayBuffer ? bytes : bytes.slice();
  const digest = await subtle.digest("SHA-256", own as Uint8Array<ArrayBuffer>);
  return new Uint8Array(digest, 0, PIECE_DIGEST_BYTES);
}

/**
 * The hash of an object is that of each of its pieces, one behind the other: so a wrong piece is found
 * when it arrives, not when everything has. Reads one piece at a time.
 */
export async function pieceDigests({
  sizeBytes,
  read,
}: Pick<StoredObject, "sizeBytes" | "read">): Promise<Uint8Array<ArrayBuffer>> {
  const pieces = Math.max(1, Math.ceil(sizeBytes / PIECE_BYTES));
  const digests = new Uint8Array(pieces * PIECE_DIGEST_BYTES);
  for (let piece = 0; piece < pieces; piece++) {
    const offset = piece * PIECE_BYTES;
    const bytes = await read(offset, Math.min(PIECE_BYTES, sizeBytes - offset));
    digests.set(await digestPiece(bytes), piece * PIECE_DIGEST_BYTES);
  }
  return digests;
}

/** Whether this is the piece that `digests` speaks of. */
export async function isPiece(
  bytes: StoredBytes,
  piece: number,
  digests: Uint8Array,
): Promise<boolean> {
  const digest = await digestPiece(bytes);
  const at = piece * PIECE_DIGEST_BYTES;
  return digest.every((byte, i) => byte === digests[at + i]);
}
