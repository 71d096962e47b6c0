/**
 * How many WebRTC connections one link stripes its bulk over. Chromium keeps about 110 KB in flight
 * per PeerConnection, whatever its channels, so a connection carries 110 KB a round trip: 2 MB/s at
 * 50 ms, where four carry three times as much. On a LAN one is as fast as four.
 */
export const LANES_MAX = 4;

/** From this round trip on, a connection is the limit and not the machine. */
const STRIPE_ROUND_TRIP_MS = 10;
const STRIPE_FULLY_ROUND_TRIP_MS = 20;
/** What goes without a longer pause is worth more lanes when it is so much: a lane costs a dial. */
const BURST_BYTES_MIN = 2 ** 20;
const BURST_PAUSE_MS_MAX = 1_000;
/** After a lane could not be had, the next is tried later: doubles from the first to the last. */
const RETRY_MS_MIN = 5_000;
const RETRY_MS_MAX = 160_000;

/** Decides from what is sent and the round trip how many lanes a link should have. */
export class LanePolicy {
  #burstBytes = 0;
  #sentMs = -Infinity;
  #failures = 0;
  #notBeforeMs = -Infinity;

  /** @returns lanes wanted, the link's own transport among them, now that so much more is sent. */
  sent(bytes: number, nowMs: number, roundTripMs: number | undefined): number {
    if (nowMs - this.#sentMs > BURST_PAUSE_MS_MAX) this.#burstBytes = 0;
    this.#sentMs = nowMs;
    this.#burstBytes += bytes;
    if (this.#burstBytes < BURST_BYTES_MIN || nowMs < this.#notBeforeMs) return 1;
    return lanesFor(roundTripMs);
  }

  opened(): void {
    this.#failures = 0;
  }

  failed(nowMs: number): void {
    this.#notBeforeMs = nowMs + Math.min(RETRY_MS_MIN * 2 ** this.#failures, RETRY_MS_MAX);
    this.#failures++;
  }
}

function lanesFor(roundTripMs: number | undefined): number {
  if (roundTripMs === undefined || roundTripMs < STRIPE_ROUND_TRIP_MS) return 1;
  return roundTripMs < STRIPE_FULLY_ROUND_TRIP_MS ? 2 : LANES_MAX;
}
