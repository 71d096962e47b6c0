import type { Clock } from "../clock.ts";
import type { LocalStore } from "../objects/local-store.ts";
import type { PeerMessage } from "../protocol/messages.ts";
import type { CoordinatorSession } from "../session/coordinator-session.ts";
import type { Links } from "./links.ts";

const LINKS_MAX = 4_096;
/** News that does not wait for its turn may not come more often than this. */
const SOON_MS = 200;

export interface HeartbeatsOptions {
  readonly session: CoordinatorSession;
  readonly links: Links;
  readonly store: LocalStore;
  readonly clock: Clock;
  /** What a worker has and has not finished; a driver has nothing. */
  tasks(): Extract<PeerMessage, { type: "heartbeat" }>["tasks"];
  /** What heartbeats tell may have changed. */
  onBeat?(): void;
}

/** Tells the coordinator, as often as it asked for, that this peer lives, and what it has. */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  #cancel = (): void => {};
  #cancelSoon: (() => void) | undefined;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#later();
  }

  /** Objects were freed. That the last one is gone is told soon: somebody may wait for it. */
  freed(): void {
    const { store, clock } = this.#options;
    if (this.#cancelSoon || store.storedBytes > 0) return;
    this.#cancelSoon = clock.after(SOON_MS, () => {
      this.#cancelSoon = undefined;
      this.#send();
    });
  }

  stop(): void {
    this.#cancel();
    this.#cancelSoon?.();
  }

  #later(): void {
    const { session, clock, onBeat } = this.#options;
    this.#cancel = clock.after(session.welcome.heartbeatEveryMs, () => {
      this.#send();
      onBeat?.();
      this.#later();
    });
  }

  #send(): void {
    const { session, links, store, tasks } = this.#options;
    session.send({
      type: "heartbeat",
      tasks: tasks(),
      links: links.counters().slice(0, LINKS_MAX),
      storedBytes: store.storedBytes,
      spilledBytes: store.usage().spilledBytes,
    });
  }
}
