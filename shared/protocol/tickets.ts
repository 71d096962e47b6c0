import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { MeshError } from "../errors.ts";
import type { PeerId } from "../ids.ts";

/**
 * A ticket lets one peer open a link to another: `[expiry: f64 ms since epoch | HMAC-SHA-256]`. It
 * is signed with a key that the receiving peer shares with the coordinator alone, and it names both
 * ends, so knowing a peer's id is not enough to reach it and a ticket is of no use to others.
 */
const EXPIRY_BYTES = 8;
const TICKET_BYTES = EXPIRY_BYTES + 32;
export const TICKET_VALID_MS = 60_000;

export function signTicket(
  key: Uint8Array,
  pair: { from: PeerId; to: PeerId },
  expiresAtEpochMs: number,
): Uint8Array<ArrayBuffer> {
  const ticket = new Uint8Array(TICKET_BYTES);
  new DataView(ticket.buffer).setFloat64(0, expiresAtEpochMs, true);
  ticket.set(seal(key, pair, ticket.subarray(0, EXPIRY_BYTES)), EXPIRY_BYTES);
  return ticket;
}

/** @throws MeshError `UNAUTHENTICATED` if the ticket is forged, for another pair, or too old. */
export function verifyTicket(
  key: Uint8Array,
  pair: { from: PeerId; to: PeerId },
  ticket: Uint8Array,
  nowEpochMs: number,
): void {
  const refuse = (why: string): never => {
    throw new MeshError("UNAUTHENTICATED", `the ticket of ${pair.from} for ${pair.to} ${why}`);
  };
  if (ticket.length !== TICKET_BYTES) refuse("is malformed");
  const expected = seal(key, pair, ticket.subarray(0, EXPIRY_BYTES));
  let difference = 0;
  for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ ticket[EXPIRY_BYTES + i]!;
  if (difference !== 0) refuse("was not signed by this mesh's coordinator");
  const view = new DataView(ticket.buffer, ticket.byteOffset, ticket.byteLength);
  if (!(view.getFloat64(0, true) > nowEpochMs)) refuse("has expired; ask for a new introduction");
}

function seal(key: Uint8Array, pair: { from: PeerId; to: PeerId }, expiry: Uint8Array): Uint8Array {
  const names = new TextEncoder().encode(`${pair.from}|${pair.to}|`);
  const message = new Uint8Array(names.length + expiry.length);
  message.set(names);
  message.set(expiry, names.length);
  return hmac(sha256, key, message);
}
