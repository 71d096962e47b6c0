import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ActorId, PeerId } from "../ids.ts";
import type { CallDone } from "../protocol/link-messages.ts";
import { CallerLedger, type CallRequest, type PendingCall } from "./call-ledger.ts";
import { reasonOf } from "./deadline.ts";
import type { Link } from "./link.ts";
import type { Links } from "./links.ts";

export type { CallRequest } from "./call-ledger.ts";

/** The answer to a call. `error` is what the method threw, or why it did not run. */
export type AnsweredCall = CallDone & {
  /** Who answered: a value that is not inline is in that peer's store. */
  readonly worker: PeerId;
};

export interface ActorCallerOptions {
  readonly links: Links;
  readonly clock: Clock;
  /**
   * Asks the coordinator where an actor is; resolves when it lives.
   * Rejects with `ACTOR_DIED` if it does not live any more.
   */
  locate(actor: ActorId): Promise<PeerId>;
  /** Unanswered calls, of all actors together. */
  readonly pendingMax?: number;
  /** Bytes of their arguments. */
  readonly pendingBytesMax?: number;
}

const PENDING_MAX = 100_000;
const PENDING_BYTES_MAX = 256 * 2 ** 20;

/** A worker that could not be linked, or whose link broke, so often without an answer is given up. */
const TROUBLES_MAX = 8;
/** After so long without trouble, the count starts again. */
const TROUBLE_FORGOTTEN_MS = 60_000;

interface Waiter {
  resolve(answer: AnsweredCall): void;
  reject(error: MeshError): void;
}

/** All that this peer has to do with one actor. */
interface Lane {
  readonly actor: ActorId;
  readonly ledger: CallerLedger<Waiter>;
  worker?: PeerId;
  link?: Link;
  isConnecting: boolean;
  /** Nobody here refers to the actor any more: the lane goes when its calls are answered. */
  isForgotten: boolean;
  troubles: number;
  lastTroubleMs: number;
}

/**
 * Calls methods of actors, directly on the peer where they live: in order per actor, each at most
 * once. A broken link is opened again and unanswered calls are sent again; the callee tells apart
 * what it has seen.
 */
export class ActorCaller {
  readonly #options: ActorCallerOptions;
  readonly #lanes = new Map<ActorId, Lane>();
  readonly #pendingMax: number;
  readonly #pendingBytesMax: number;
  #lanesMade = 0;
  #pending = 0;
  #pendingBytes = 0;

  constructor(options: ActorCallerOptions) {
    this.#options = options;
    this.#pendingMax = options.pendingMax ?? PENDING_MAX;
    this.#pendingBytesMax = options.pendingBytesMax ?? PENDING_BYTES_MAX;
    options.links.onMessage("call-done", (link, done) => this.#answered(link, done));
    options.links.onDown((link) => {
      for (const lane of this.#lanes.values()) {
        if (lane.link !== link) continue;
        delete lane.link;
        if (lane.ledger.size === 0) continue;
        this.#bearTrouble(lane, `the link to ${link.peer} broke`);
        if (!lane.isConnecting) void this.#connect(lane);
      }
    });
  }

  /**
   * Call a method. Calls of one turn of the event loop leave together.
   * @returns the answer, whether a value or the method's error.
   * @throws MeshError if there will be no answer: `ACTOR_DIED`, or `PEER_UNREACHABLE` after some
   *   tries; the message tells whether the call may have run. `QUOTA_EXCEEDED` if too many wait.
   */
  call(request: CallRequest): Promise<AnsweredCall> {
    const argsBytes = request.args.byteLength;
    if (
      this.#pending >= this.#pendingMax ||
      this.#pendingBytes + argsBytes > this.#pendingBytesMax
    ) {
      return Promise.reject(this.#tooMany(request));
    }
    const lane = this.#lanes.get(request.actor) ?? this.#openLane(request.actor);
    lane.isForgotten = false;
    return new Promise((resolve, reject) => {
      const pending = lane.ledger.add(request, { resolve, reject });
      this.#pending++;
      this.#pendingBytes += argsBytes;
      if (lane.link?.isOpen) {
        pending.isSent = true;
        lane.link.send(pending.call);
      } else if (!lane.isConnecting) {
        void this.#connect(lane);
      }
    });
  }

  /** The coordinator says that the actor has ended: whoever waits for it gets `ACTOR_DIED`. */
  actorEnded(actor: ActorId, error: MeshError): void {
    const lane = this.#lanes.get(actor);
    if (!lane) return;
    this.#lanes.delete(actor);
    this.#giveUp(lane.ledger.giveUp(), "ACTOR_DIED", error);
  }

  /** Nobody here refers to the actor any more. Calls under way are still answered. */
  forget(actor: ActorId): void {
    const lane = this.#lanes.get(actor);
    if (!lane) return;
    lane.isForgotten = true;
    this.#deleteIfForgotten(lane);
  }

  /** Calls that wait for an answer. */
  get pending(): number {
    return this.#pending;
  }

  #openLane(actor: ActorId): Lane {
    const lane: Lane = {
      actor,
      ledger: new CallerLedger(this.#lanesMade++),
      isConnecting: false,
      isForgotten: false,
      troubles: 0,
      lastTroubleMs: -Infinity,
    };
    this.#lanes.set(actor, lane);
    return lane;
  }

  /** Find the actor, open a link to its worker, send what waits. */
  async #connect(lane: Lane): Promise<void> {
    lane.isConnecting = true;
    const { actor, ledger } = lane;
    try {
      while (this.#isCurrent(lane) && !lane.link && ledger.size > 0) {
        const worker = await this.#options.locate(actor);
        if (lane.worker !== undefined && lane.worker !== worker) this.#moved(lane, worker);
        lane.worker = worker;
        const link = await this.#linkTo(lane, worker);
        if (!link) continue;
        lane.link = link;
        for (const call of ledger.takeForResend()) link.send(call);
      }
    } catch (error) {
      if (!this.#isCurrent(lane)) return;
      this.#lanes.delete(actor);
      const code = MeshError.is(error) ? error.code : "INTERNAL";
      this.#giveUp(ledger.giveUp(), code, error);
    } finally {
      lane.isConnecting = false;
      this.#deleteIfForgotten(lane);
    }
  }

  /** @returns an open link; nothing after a failure that the lane may not survive. */
  async #linkTo(lane: Lane, worker: PeerId): Promise<Link | undefined> {
    try {
      const link = await this.#options.links.to(worker);
      if (link.isOpen) return link;
      this.#bearTrouble(lane, `the link to ${worker} broke at once`);
    } catch (error) {
      this.#bearTrouble(lane, error);
    }
    return undefined;
  }

  /** After too many failures without an answer, whoever waits is told. */
  #bearTrouble(lane: Lane, error: unknown): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - lane.lastTroubleMs > TROUBLE_FORGOTTEN_MS) lane.troubles = 0;
    lane.lastTroubleMs = nowMs;
    lane.troubles++;
    if (lane.troubles < TROUBLES_MAX) return;
    lane.troubles = 0;
    this.#giveUp(lane.ledger.giveUp(), "PEER_UNREACHABLE", error, ` ${TROUBLES_MAX} times`);
  }

  /** The actor was started again elsewhere: what may have run there must not run here. */
  #moved(lane: Lane, worker: PeerId): void {
    const why = new Error(`it moved from ${lane.worker} to ${worker}`);
    this.#giveUp(lane.ledger.giveUp("sent"), "ACTOR_DIED", why);
  }

  #answered(link: Link, done: CallDone): void {
    const lane = this.#lanes.get(done.actor);
    if (!lane || link.peer !== lane.worker) return;
    const pending = lane.ledger.settle(done);
    if (!pending) return;
    lane.troubles = 0;
    this.#settled(pending);
    const acknowledged = lane.ledger.dueAcknowledgement();
    if (acknowledged !== undefined) {
      const { actor, ledger } = lane;
      link.send({ type: "call-ack", actor, lane: ledger.lane, acknowledged });
    }
    this.#deleteIfForgotten(lane);
    pending.waiter.resolve({ ...done, worker: link.peer });
  }

  #settled({ call }: PendingCall<Waiter>): void {
    this.#pending--;
    this.#pendingBytes -= call.args.byteLength;
  }

  #giveUp(
    given: readonly PendingCall<Waiter>[],
    code: MeshError["code"],
    cause: unknown,
    times = "",
  ): void {
    for (const pending of given) {
      this.#settled(pending);
      const { actor, method, sequence } = pending.call;
      const fate = pending.isSent
        ? "the call was sent, so it may have run"
        : "the call was never sent, so it has not run";
      const message = `no answer to ${method}() of actor ${actor}${times}: ${reasonOf(cause)}; ${fate}`;
      pending.waiter.reject(new MeshError(code, message, { actor, sequence }, { cause }));
    }
  }

  #isCurrent(lane: Lane): boolean {
    return this.#lanes.get(lane.actor) === lane;
  }

  #deleteIfForgotten(lane: Lane): void {
    if (!lane.isForgotten || lane.ledger.size > 0 || lane.isConnecting) return;
    if (this.#isCurrent(lane)) this.#lanes.delete(lane.actor);
  }

  #tooMany({ actor, method }: CallRequest): MeshError {
    return new MeshError(
      "QUOTA_EXCEEDED",
      `${method}() of actor ${actor} was not called: ${this.#pending} calls with ` +
        `${this.#pendingBytes} bytes of arguments wait for answers already; await some of them first`,
      { actor, pending: this.#pending },
    );
  }
}
