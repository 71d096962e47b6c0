import { MeshError } from "../errors.ts";
import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import type { Call, CallDone } from "../protocol/link-messages.ts";
import type { WireError } from "../protocol/schema.ts";
import { toWireError } from "../protocol/wire-error.ts";
import { CalleeLedger } from "./call-ledger.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";

/** What became of a call: a value, in the store if it is not inline, or an error. */
export interface CallOutcome {
  readonly sizeBytes: number;
  readonly inline?: Uint8Array<ArrayBuffer>;
  readonly error?: WireError;
  readonly contained?: readonly ObjectId[];
  /** There is no answer, because this life of the actor is over. */
  readonly over?: "not-run" | "may-have-run";
}

export interface ActorHostOptions {
  readonly links: Links;
  /**
   * Run a call. Called in the order of each caller's calls, without waiting for those before; actors
   * decide further down how many run at a time.
   */
  execute(call: Call, from: PeerId, done: (outcome: CallOutcome) => void): void;
  /** A caller gave up a call that runs or waits to run. It is answered nevertheless. */
  cancel(from: PeerId, result: ObjectId): void;
}

/** Lives that are remembered, with answers that their callers may not have got yet. */
const ENDED_MAX = 1_024;

/** One caller's calls to one actor. */
interface Lane {
  readonly caller: PeerId;
  readonly number: number;
  readonly ledger: CalleeLedger;
  /** Where answers go. */
  link: Link;
}

interface Hosted {
  readonly life: number;
  /** It takes no more calls: it ended, or is about to move. */
  isOver: boolean;
  readonly lanes: Map<PeerId, Lane>;
}

/** Receives the calls of actors that live on this peer, and answers them. */
export class ActorHost {
  readonly #options: ActorHostOptions;
  readonly #actors = new Map<ActorId, Hosted>();
  readonly #ended = new Map<ActorId, Hosted>();

  constructor(options: ActorHostOptions) {
    this.#options = options;
    const { links } = options;
    links.onMessage("call", (link, call) => this.#onCall(link, call));
    links.onMessage("call-ack", (link, { actor, lane: number, acknowledged }) => {
      const lane = this.#find(actor)?.lanes.get(link.peer);
      if (lane?.number === number) lane.ledger.acknowledge(acknowledged);
    });
    links.onMessage("call-cancel", (link, { actor, lane: number, sequence, result }) => {
      const lane = this.#find(actor)?.lanes.get(link.peer);
      if (lane?.number === number && lane.ledger.giveUp(sequence)) {
        options.cancel(link.peer, result);
      }
    });
    links.onDown((link) => this.#onDown(link));
    links.onPeerLeft((peer) => {
      for (const { lanes } of this.#everyActor()) lanes.delete(peer);
    });
  }

  /** The actor lives here from now on. Call it before anyone can learn of that. */
  add(actor: ActorId, life: number): void {
    this.#ended.delete(actor);
    this.#actors.set(actor, { life, isOver: false, lanes: new Map() });
  }

  /** The actor is about to move: what it runs is still answered, later calls are for its next life. */
  suspend(actor: ActorId): void {
    const hosted = this.#actors.get(actor);
    if (hosted) hosted.isOver = true;
  }

  /** This life of the actor is over. Who waits for an answer, or calls later, is told so. */
  remove(actor: ActorId): void {
    const hosted = this.#actors.get(actor);
    if (!hosted) return;
    this.#actors.delete(actor);
    hosted.isOver = true;
    for (const lane of hosted.lanes.values()) {
      for (const sequence of lane.ledger.unanswered()) {
        answer(lane, { actor, sequence }, { sizeBytes: 0, over: "may-have-run" });
      }
    }
    this.#ended.set(actor, hosted);
    for (const oldest of this.#ended.keys()) {
      if (this.#ended.size <= ENDED_MAX) break;
      this.#ended.delete(oldest);
    }
  }

  #onCall(link: Link, call: Call): void {
    const hosted = this.#find(call.actor);
    if (hosted?.life !== (call.life ?? 0)) return link.send(unknown(call));
    const lane = laneOf(hosted, link, call.lane);
    if (lane.number > call.lane) return;
    lane.link = link;
    const verdict = lane.ledger.receive(call.sequence, call.acknowledged);
    if (verdict === "run") {
      if (hosted.isOver) answer(lane, call, { sizeBytes: 0, over: "not-run" });
      else this.#execute(lane, call);
    } else if (verdict === "violation") {
      throw new MeshError(
        "PROTOCOL_VIOLATION",
        `call ${call.sequence} of actor ${call.actor} cannot be: too many before it are open (from ` +
          `${call.acknowledged} on)`,
      );
    } else if (verdict !== "ignore") {
      link.send(verdict);
    }
  }

  #execute(lane: Lane, call: Call): void {
    try {
      this.#options.execute(call, lane.caller, (outcome) => answer(lane, call, outcome));
    } catch (error) {
      answer(lane, call, { sizeBytes: 0, error: toWireError(error) });
    }
  }

  /**
   * Answers may have been lost with the link, even of lanes whose calls come by another one now. If
   * one is open they go again; if not, the caller will open one and ask again.
   */
  #onDown(link: Link): void {
    const other = this.#options.links.openTo(link.peer);
    if (!other) return;
    for (const { lanes } of this.#everyActor()) {
      const lane = lanes.get(link.peer);
      if (!lane) continue;
      if (lane.link === link) lane.link = other;
      for (const done of lane.ledger.kept()) other.send(done);
    }
  }

  #find(actor: ActorId): Hosted | undefined {
    return this.#actors.get(actor) ?? this.#ended.get(actor);
  }

  *#everyActor(): Iterable<Hosted> {
    yield* this.#actors.values();
    yield* this.#ended.values();
  }
}

/** That life of the actor is not here, or not any more: whether the call ran in it is not known. */
const unknown = ({ actor, lane, sequence }: Call): CallDone => ({
  type: "call-done",
  actor,
  lane,
  sequence,
  sizeBytes: 0,
  over: "not-here",
});

/** A higher number means that the caller started to count anew; what it asked before, it gave up. */
function laneOf({ lanes }: Hosted, link: Link, number: number): Lane {
  const known = lanes.get(link.peer);
  if (known && known.number >= number) return known;
  const lane: Lane = { caller: link.peer, number, ledger: new CalleeLedger(), link };
  lanes.set(link.peer, lane);
  return lane;
}

function answer(
  lane: Lane,
  { actor, sequence }: Pick<Call, "actor" | "sequence">,
  { sizeBytes, inline, error, contained, over }: CallOutcome,
): void {
  const done: CallDone = { type: "call-done", actor, lane: lane.number, sequence, sizeBytes };
  if (inline) done.inline = inline;
  if (error) done.error = error;
  if (over) done.over = over;
  if (contained && contained.length > 0) done.contained = [...contained];
  if (lane.ledger.answered(done)) lane.link.send(done);
}
