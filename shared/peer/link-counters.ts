import type { PeerId } from "../ids.ts";
import type { LinkCounters, Path } from "../protocol/messages.ts";

/** What a heartbeat may name. The pair that was used longest ago is forgotten first. */
const PAIRS_MAX = 4_096;
const REASON_CHARS_MAX = 256;

/** What the links to one peer by one path have moved, and what is known of the latest one. */
export class LinkAccount {
  readonly counters: LinkCounters;

  constructor(peer: PeerId, path: Path) {
    this.counters = { peer, path, sentBytes: 0, receivedBytes: 0 };
  }

  /** Bytes of objects. */
  moved(sentBytes: number, receivedBytes: number): void {
    this.counters.sentBytes += sentBytes;
    this.counters.receivedBytes += receivedBytes;
  }

  /** Why this path and not a better one. */
  because(reason: string | undefined): void {
    if (reason === undefined) delete this.counters.reason;
    else this.counters.reason = reason;
  }

  roundTrip(roundTripMs: number): void {
    this.counters.roundTripMs = roundTripMs;
  }

  lanes(lanes: number, obstacle: string | undefined): void {
    if (lanes > 1) this.counters.lanes = lanes;
    else delete this.counters.lanes;
    if (obstacle === undefined) delete this.counters.lanesReason;
    else this.counters.lanesReason = obstacle.slice(0, REASON_CHARS_MAX);
  }
}

/** Object bytes moved, per peer and path, over all the links there were. */
export class LinkLedger {
  readonly #accounts = new Map<string, LinkAccount>();

  /** A new link to `peer` by `path` goes on with the account of those before. */
  open(peer: PeerId, path: Path): LinkAccount {
    const key = `${peer} ${path}`;
    const account = this.#accounts.get(key) ?? new LinkAccount(peer, path);
    this.#accounts.delete(key);
    this.#accounts.set(key, account);
    for (const oldest of this.#accounts.keys()) {
      if (this.#accounts.size <= PAIRS_MAX) break;
      this.#accounts.delete(oldest);
    }
    return account;
  }

  list(): LinkCounters[] {
    return [...this.#accounts.values()].map(({ counters }) => ({ ...counters }));
  }
}
