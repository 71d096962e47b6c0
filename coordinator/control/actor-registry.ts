import { MeshError } from "../../shared/errors.ts";
import type { ActorId, PeerId } from "../../shared/ids.ts";
import { callOptionsOf } from "../../shared/protocol/actor-options.ts";
import type { ActorName, CoordinatorMessage, Define } from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import type { ActorRecord, ActorTable } from "./types.ts";

/** Ended actors that are remembered, so that a late caller hears why. */
const ENDED_MAX = 10_000;
/** Names that an error lists. */
const NAMES_TOLD_MAX = 5;

/** Where actors live, by what names they are known, and who wants to know. */
export class ActorRegistry {
  readonly #actors: ActorTable = new Map();
  readonly #names = new Map<string, ActorId>();
  readonly #ended: ActorId[] = [];
  readonly #livingOn = new Map<PeerId, number>();
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
    return this.#livingOn.get(worker) ?? 0;
  }

  workerOf(actor: ActorId): PeerId | undefined {
    return this.#actors.get(actor)?.worker;
  }

  /** What is known of it; also of one that ended not long ago. */
  get(actor: ActorId): ActorRecord | undefined {
    return this.#actors.get(actor);
  }

  /** Whether it is, or was not long ago, an actor. */
  knows(actor: ActorId): boolean {
    return this.#actors.has(actor);
  }

  /** Whether others than its driver may end it: they can get at it without a handle. */
  isPublic(actor: ActorId): boolean {
    const { name, define } = this.#actors.get(actor) ?? {};
    return name !== undefined || define?.actor?.isDetached === true;
  }

  /** Those that have not ended, oldest first. */
  *unended(): Iterable<readonly [ActorId, ActorRecord]> {
    for (const entry of this.#actors) if (!entry[1].error && !entry[1].sameAs) yield entry;
  }

  /** Who has that name now. */
  named(name: ActorName): ActorId | undefined {
    return this.#names.get(keyOf(name));
  }

  /** @throws MeshError `NOT_FOUND` with the names that there are. */
  expectNamed(name: ActorName): ActorId {
    const actor = this.named(name);
    if (actor) return actor;
    const namespace = namespaceOf(name);
    const others = [...this.unended()].flatMap(([, { name: other }]) =>
      other && namespaceOf(other) === namespace ? [other.name] : [],
    );
    const listed = others.slice(0, NAMES_TOLD_MAX).join(", ");
    const there = others.length > 0 ? `these are there: ${listed}` : "nobody has a name there";
    const text = `no actor named "${name.name}" lives in the namespace "${namespace}"; ${there}`;
    throw new MeshError("NOT_FOUND", text);
  }

  /** It was submitted and will live, or fail. */
  expect(actor: ActorId, define: Define, name?: ActorName): void {
    if (this.#actors.has(actor)) return;
    this.#actors.set(actor, {
      worker: undefined,
      life: -1,
      error: undefined,
      sameAs: undefined,
      watchers: undefined,
      define,
      name,
    });
    if (name) this.#names.set(keyOf(name), actor);
  }

  /** `actor` was to be made only if `other` did not exist: it is another name of that one. */
  alias(actor: ActorId, other: ActorId): void {
    const { define } = this.#actors.get(other)!;
    this.expect(actor, define);
    const record = this.#actors.get(actor)!;
    record.sameAs = other;
    this.#remember(actor);
  }

  located(actor: ActorId, worker: PeerId, life: number): void {
    const record = this.#actors.get(actor);
    if (!record || record.error) return;
    this.#settleAt(record, worker);
    record.life = life;
    this.#tell(actor, record);
  }

  /** It lives nowhere for now. Its callers hear of it when it lives again. */
  restarting(actor: ActorId): void {
    const record = this.#actors.get(actor);
    if (record && !record.error) this.#settleAt(record, undefined);
  }

  ended(actor: ActorId, error: WireError): void {
    const record = this.#actors.get(actor);
    if (!record || record.error) return;
    this.#settleAt(record, undefined);
    record.error = error;
    if (record.name && this.named(record.name) === actor) this.#names.delete(keyOf(record.name));
    this.#tell(actor, record);
    record.watchers = undefined;
    this.#remember(actor);
  }

  /** Tell `peer` where the actor lives, as soon as it does, whenever it moves, and when it ends. */
  watch(actor: ActorId, peer: PeerId): void {
    const record = this.#actors.get(actor);
    if (!record) {
      const message = `there is no actor ${actor}; it ended long ago, or its id is wrong`;
      this.#send(peer, { type: "actor-located", actor, error: { code: "ACTOR_DIED", message } });
      return;
    }
    if (!record.error && !record.sameAs) (record.watchers ??= new Set()).add(peer);
    if (record.worker || record.error || record.sameAs) {
      this.#send(peer, locatedMessage(actor, record));
    }
  }

  peerLeft(peer: PeerId): void {
    for (const record of this.#actors.values()) record.watchers?.delete(peer);
  }

  #settleAt(record: ActorRecord, worker: PeerId | undefined): void {
    if (record.worker) {
      const left = this.livingOn(record.worker) - 1;
      if (left > 0) this.#livingOn.set(record.worker, left);
      else this.#livingOn.delete(record.worker);
      this.#living -= 1;
    }
    record.worker = worker;
    if (!worker) return;
    this.#livingOn.set(worker, this.livingOn(worker) + 1);
    this.#living += 1;
  }

  /** For a while. */
  #remember(actor: ActorId): void {
    this.#ended.push(actor);
    if (this.#ended.length > ENDED_MAX) this.#actors.delete(this.#ended.shift()!);
  }

  #tell(actor: ActorId, record: ActorRecord): void {
    if (!record.watchers) return;
    for (const watcher of record.watchers) this.#send(watcher, locatedMessage(actor, record));
  }
}

function locatedMessage(actor: ActorId, record: ActorRecord): CoordinatorMessage {
  const { error, worker, life, sameAs, define } = record;
  if (error) return { type: "actor-located", actor, error };
  if (sameAs) return { type: "actor-located", actor, sameAs };
  const calls = define.actor && callOptionsOf(define.actor);
  return { type: "actor-located", actor, worker: worker!, life, ...(calls ? { calls } : {}) };
}

const namespaceOf = ({ namespace }: ActorName): string => namespace ?? "default";

/** Neither can contain a line break: see the schema. */
const keyOf = (name: ActorName): string => `${namespaceOf(name)}\n${name.name}`;
