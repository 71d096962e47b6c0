import type { CoordinatorMessage, PeerMessage } from "../../shared/protocol/messages.ts";
import type { World } from "./world.ts";

export interface WireEnd<Message> {
  receive(message: Message): void;
  /** The connection is over; nothing arrives any more. */
  closed(): void;
}

const NOTICED_BY_PEER_MS_MAX = 3_000;
/** Much later than the peer: it may be back before the coordinator knows that it was gone. */
const NOTICED_BY_COORDINATOR_MS_MAX = 20_000;

/** What the far end may be told twice without harm: orders, as opposed to answers. */
const REPEATABLE = new Set([
  "run",
  "cancel-run",
  "recall-runs",
  "drain",
  "free-objects",
  "stop-actor",
  "define",
]);

/**
 * A virtual WebSocket between a peer and the coordinator: late, but in order; a message is lost only
 * with the whole connection, and the two ends hear of that at different times.
 */
export class Wire {
  readonly #world: World;
  readonly #server: WireEnd<PeerMessage>;
  readonly #client: WireEnd<CoordinatorMessage>;
  #isBroken = false;
  #serverAtMs = 0;
  #clientAtMs = 0;

  constructor(world: World, server: WireEnd<PeerMessage>, client: WireEnd<CoordinatorMessage>) {
    this.#world = world;
    this.#server = server;
    this.#client = client;
  }

  toServer(message: PeerMessage): void {
    this.#serverAtMs = Math.max(this.#serverAtMs, this.#world.nowMs + this.#world.latencyMs());
    const isRepeatable = message.type !== "hello" && message.type !== "query";
    this.#carry(this.#serverAtMs, isRepeatable, () => this.#server.receive(message));
  }

  toClient(message: CoordinatorMessage): void {
    this.#clientAtMs = Math.max(this.#clientAtMs, this.#world.nowMs + this.#world.latencyMs());
    const isRepeatable = REPEATABLE.has(message.type);
    this.#carry(this.#clientAtMs, isRepeatable, () => this.#client.receive(message));
  }

  /** Nothing gets through for so long; then all that was sent meanwhile arrives, in order. */
  cut(forMs: number): void {
    const { nowMs } = this.#world;
    this.#serverAtMs = Math.max(this.#serverAtMs, nowMs + forMs);
    this.#clientAtMs = Math.max(this.#clientAtMs, nowMs + forMs);
  }

  /** What is under way is lost. A half-open connection is never noticed by the coordinator. */
  break({ isHalfOpen }: { readonly isHalfOpen: boolean }): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const world = this.#world;
    world.losses += 1;
    world.after(1 + world.below(NOTICED_BY_PEER_MS_MAX), () => this.#client.closed());
    if (isHalfOpen) return;
    world.after(1 + world.below(NOTICED_BY_COORDINATOR_MS_MAX), () => this.#server.closed());
  }

  /** End it in order: what was sent before still arrives. */
  close(): void {
    const world = this.#world;
    const bothAtMs = Math.max(this.#clientAtMs, this.#serverAtMs, world.nowMs + 1);
    world.at(bothAtMs, () => {
      if (this.#isBroken) return;
      this.#isBroken = true;
      this.#client.closed();
      this.#server.closed();
    });
  }

  #carry(atMs: number, isRepeatable: boolean, arrive: () => void): void {
    if (this.#isBroken) return;
    const world = this.#world;
    const { breakPermille, duplicatePermille } = world.scenario;
    if (world.strikes(breakPermille)) return this.break({ isHalfOpen: false });
    const copies = isRepeatable && world.strikes(duplicatePermille) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      world.at(atMs, () => {
        if (!this.#isBroken) arrive();
      });
    }
  }
}
