import type { PeerId } from "../ids.ts";
import type { LinkCounters, Path } from "../protocol/messages.ts";

/** What a heartbeat may name. The pair that was used longest ago is forgotten first. */
const PAIRS_MAX = 4_096;

/** Object bytes moved, per peer and path, over all the links there were. */
export class LinkLedger {
  readonly #counters = new Map<string, LinkCounters>();

  /** @returns adds to the counters of `peer` on `path`; with the reason for the latest link. */
  counterOf(
    peer: PeerId,
    path: Path,
    reason: string | undefined,
  ): (sentBytes: number, receivedBytes: number) => void {
    const key = `${peer} ${path}`;
    const counters = this.#counters.get(key) ?? { peer, path, sentBytes: 0, receivedBytes: 0 };
    if (reason === undefined) delete counters.reason;
    else counters.reason = reason;
    this.#counters.delete(key);
    this.#counters.set(key, counters);
    for (const oldest of this.#counters.keys()) {
      if (this.#counters.size <= PAIRS_MAX) break;
      this.#counters.delete(oldest);
    }
    return (sentBytes, receivedBytes) => {
      counters.sentBytes += sentBytes;
      counters.receivedBytes += receivedBytes;
    };
  }

  list(): LinkCounters[] {
    return [...this.#counters.values()].map((counters) => ({ ...counters }));
  }
}
