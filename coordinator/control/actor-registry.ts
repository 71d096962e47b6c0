import type { ActorId, PeerId } from "../../shared/ids.ts";
import type { CoordinatorMessage } from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { ActorRecord, ActorTable } from "./types.ts";

/** Ended actors that are remembered, so that a late caller hears why. */
const ENDED_MAX = 10_000;

/** Where actors live, and who wants to know. Callers talk to the actor's worker directly. */
export class ActorRegistry {
  readonly #actors: ActorTable = new Map();
  readonly #ended: ActorId[] = [];
  readonly #send: (to: PeerId, message: CoordinatorMessage) => void;
  #living = 0;

  constructor(send: (to: PeerId, message: CoordinatorMessage) => void) {
    this.#send = send;
  }

  /** How many live now. */
  get living(): number {
    return this.#living;
  }

  livingOn(worker: PeerId): number {
    let actors = 0;
    for (const record of this.#actors.values()) if (record.worker === worker) actors += 1;
    return actors;
  }

  workerOf(actor: ActorId): PeerId | undefined {
    return this.#actors.get(actor)?.worker;
  }

  /** Whether it is, or was not long ago, an actor. */
  knows(actor: ActorId): boolean {
    return this.#actors.has(actor);
  }

  /** It was submitted and will live, or fail. */
  expect(actor: ActorId): void {
    if (this.#actors.has(actor)) return;
    this.#actors.set(actor, { worker: undefined, error: undefined, watchers: new Set() });
  }

  located(actor: ActorId, worker: PeerId): void {
    const record = this.#actors.get(actor);
    if (!record || record.error) return;
    if (!record.worker) this.#living += 1;
    record.worker = worker;
    this.#tell(actor, record);
  }

  ended(actor: ActorId, error: WireError): void {
    const record = this.#actors.get(actor);
    if (!record || record.error) return;
    if (record.worker) this.#living -= 1;
    record.worker = undefined;
    record.error = error;
    this.#tell(actor, record);
    record.watchers.clear();
    this.#ended.push(actor);
    if (this.#ended.length > ENDED_MAX) this.#actors.delete(this.#ended.shift()!);
  }

  /** Tell `peer` where the actor lives, as soon as it does, and when it ends. */
  watch(actor: ActorId, peer: PeerId): void {
    const record = this.#actors.get(actor);
    if (!record) {
      const message = `there is no actor ${actor}; it ended long ago, or its id is wrong`;
      this.#send(peer, { type: "actor-located", actor, error: { code: "ACTOR_DIED", message } });
      return;
    }
    if (!record.error) record.watchers.add(peer);
    if (record.worker || record.error) this.#send(peer, locatedMessage(actor, record));
  }

  peerLeft(peer: PeerId): void {
    for (const record of this.#actors.values()) record.watchers.delete(peer);
  }

  #tell(actor: ActorId, record: ActorRecord): void {
    for (const watcher of record.watchers) this.#send(watcher, locatedMessage(actor, record));
  }
}

function locatedMessage(actor: ActorId, record: ActorRecord): CoordinatorMessage {
  if (record.error) return { type: "actor-located", actor, error: record.error };
  return { type: "actor-located", actor, worker: record.worker! };
}
