import { SOCKET_WINDOW_BYTES } from "../protocol/limits.ts";

/** From here on what a connection carries is what it has on its way, and not what the machine can. */
const LONG_WAY_MS = 10;

/**
 * A Chromium socket buffers 64 KiB; a longer burst from afar overflows it, and SCTP takes the loss for
 * a full network. With so much on its way per connection it is twice as fast at 50 ms as with megabytes.
 */
const LONG_WAY_WINDOW_BYTES = 128 * 1024;

/** What a browser that receives over a way so long should have on its way, per connection. */
export const browserWindowBytes = (roundTripMs: number): number =>
  roundTripMs < LONG_WAY_MS ? SOCKET_WINDOW_BYTES : LONG_WAY_WINDOW_BYTES;
