import type { Clock } from "../clock.ts";
import { invariant, MeshError } from "../errors.ts";
import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import type { CallDone } from "../protocol/link-messages.ts";
import type { ActorPlace, Whereabouts } from "./actor-locator.ts";
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
   * Asks the coordinator where an actor is; resolves when it lives a life later than `after`.
   * Rejects with `ACTOR_DIED` if it will not live any more.
   */
  locate(actor: ActorId, after: number): Promise<Whereabouts>;
  /** Unanswered calls, of all actors together. */
  readonly pendingMax?: number;
  /** Bytes of their arguments. */
  readonly pendingBytesMax?: number;
}

const PENDING_MAX = 100_000;
const PENDING_BYTES_MAX = 256 * 2 ** 20;

/** Calls whose caller has ended, that are made nevertheless. */
const DISOWNED_MAX = 10_000;

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
  /** Of its present life: the next one begins a new one (C6). */
  ledger: CallerLedger<Waiter>;
  place?: ActorPlace;
  link?: Link;
  /** The life it lived at `place` is over: calls wait for the next one. */
  isOver: boolean;
  isConnecting: boolean;
  /** Nobody here refers to the actor any more: the lane goes when its calls are answered. */
  isForgotten: boolean;
  troubles: number;
  lastTroubleMs: number;
}

/**
 * Calls methods of actors, directly on the peer where they live: in order per actor, each at most
 * once in each life. A broken link is opened again and unanswered calls are sent again; the callee
 * tells apart what it has seen. When the actor lives again elsewhere, calls follow it (C7).
 */
export class ActorCaller {
  readonly #options: ActorCallerOptions;
  readonly #lanes = new Map<ActorId, Lane>();
  /** Actors that turned out to be other names of older ones. */
  readonly #sameAs = new Map<ActorId, ActorId>();
  readonly #pendingMax: number;
  readonly #pendingBytesMax: number;
  #lanesMade = 0;
  #pending = 0;
  #pendingBytes = 0;
  #disowned = 0;

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
    const lane = this.#laneOf(request.actor);
    lane.isForgotten = false;
    const laneMax = lane.place?.calls?.maxPendingCalls;
    if (laneMax !== undefined && lane.ledger.size >= laneMax) {
      return Promise.reject(this.#tooManyOf(request, laneMax));
    }
    return new Promise((resolve, reject) => {
      const { actor } = lane;
      const asked = actor === request.actor ? request : { ...request, actor };
      const pending = lane.ledger.add(asked, { resolve, reject });
      this.#pending++;
      this.#pendingBytes += argsBytes;
      if (request.timeoutMs !== undefined) this.#watch(lane, pending, request.timeoutMs);
      if (lane.link?.isOpen) {
        pending.deliveries = 1;
        lane.link.send(pending.call);
      } else if (!lane.isConnecting) {
        void this.#connect(lane);
      }
    });
  }

  /**
   * Give up a call: who waits for it gets `TASK_CANCELLED`. What is queued at the actor does not begin,
   * what runs is told.
   * @returns false if it was answered already.
   */
  cancel(asked: ActorId, result: ObjectId): boolean {
    const lane = this.#lanes.get(this.#sameAs.get(asked) ?? asked);
    const pending = lane?.ledger.findResult(result);
    if (!lane || !pending || !lane.ledger.giveUpOne(pending)) return false;
    if (pending.deliveries > 0 && lane.link?.isOpen) {
      const { actor, lane: number, sequence } = pending.call;
      lane.link.send({ type: "call-cancel", actor, lane: number, sequence, result });
    }
    const why = new Error(
      "it was cancelled; if it runs and does not heed its signal, only mesh.kill of its actor ends it",
    );
    this.#giveUp([pending], "TASK_CANCELLED", why);
    this.#deleteIfForgotten(lane);
    return true;
  }

  /**
   * Whoever made these has ended. They are made nevertheless, but do not count among those that may be
   * pending, up to a limit: beyond it they are given up.
   */
  disown(isTheirs: (result: ObjectId) => boolean): void {
    for (const lane of this.#lanes.values()) {
      for (const pending of lane.ledger.pending()) {
        if (pending.isDisowned || !isTheirs(pending.request.result)) continue;
        if (this.#disowned >= DISOWNED_MAX) {
          this.cancel(pending.request.actor, pending.request.result);
          continue;
        }
        this.#settled(pending);
        pending.isDisowned = true;
        this.#disowned++;
      }
    }
  }

  /** The coordinator says that the actor has ended: whoever waits for it gets to know why. */
  actorEnded(actor: ActorId, error: MeshError): void {
    const lane = this.#lanes.get(actor);
    if (!lane) return;
    this.#lanes.delete(actor);
    this.#giveUp(lane.ledger.giveUp(), error.code, error);
  }

  /** The coordinator says where the actor lives, unasked: it may live again. */
  actorMoved(actor: ActorId, place: ActorPlace): void {
    const lane = this.#lanes.get(actor);
    if (!lane?.place || place.life <= lane.place.life) return;
    this.#moveTo(lane, place);
    if (lane.ledger.size > 0 && !lane.isConnecting) void this.#connect(lane);
  }

  /** Nobody here refers to the actor any more. Calls under way are still answered. */
  forget(actor: ActorId): void {
    const lane = this.#lanes.get(this.#sameAs.get(actor) ?? actor);
    this.#sameAs.delete(actor);
    if (!lane) return;
    lane.isForgotten = true;
    this.#deleteIfForgotten(lane);
  }

  /** Calls that wait for an answer. */
  get pending(): number {
    return this.#pending;
  }

  #laneOf(asked: ActorId): Lane {
    const actor = this.#sameAs.get(asked) ?? asked;
    const known = this.#lanes.get(actor);
    if (known) return known;
    const lane: Lane = {
      actor,
      ledger: new CallerLedger(this.#lanesMade++),
      isOver: false,
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
    const { actor } = lane;
    try {
      while (this.#isCurrent(lane) && !lane.link && lane.ledger.size > 0) {
        const { place: known, isOver } = lane;
        const after = known ? known.life - (isOver ? 0 : 1) : -1;
        const found = await this.#options.locate(actor, after);
        if ("sameAs" in found) return this.#merge(lane, found.sameAs);
        invariant(found.life > after, `life ${found.life} of ${actor} is known to be over`);
        this.#moveTo(lane, found);
        const { place } = lane;
        const link = await this.#linkTo(lane, place!.worker);
        // It may have moved on meanwhile.
        if (!link || lane.place !== place || lane.isOver) continue;
        lane.link = link;
        for (const call of lane.ledger.takeForResend()) link.send(call);
      }
    } catch (error) {
      if (!this.#isCurrent(lane)) return;
      this.#lanes.delete(actor);
      const code = MeshError.is(error) ? error.code : "INTERNAL";
      this.#giveUp(lane.ledger.giveUp(), code, error);
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

  /** It lives here now. If that is another life than before, calls go over to it (C7). */
  #moveTo(lane: Lane, place: ActorPlace): void {
    const before = lane.place;
    if (before && place.life < before.life) return;
    lane.place = place;
    if (before?.life === place.life) return;
    lane.isOver = false;
    if (!before) return void (lane.ledger.life = place.life);
    delete lane.link;
    const pending = lane.ledger.giveUp();
    lane.ledger = new CallerLedger(this.#lanesMade++);
    lane.ledger.life = place.life;
    const lost: PendingCall<Waiter>[] = [];
    for (const one of pending) {
      const mayHaveRun = one.deliveries > 0;
      if (mayHaveRun && !hasRetry(one, place)) {
        lost.push(one);
        continue;
      }
      if (mayHaveRun) one.retries++;
      lane.ledger.adopt(one);
    }
    const why = new Error(
      `it was lost on ${before.worker} and lives again on ${place.worker}; ` +
        "call again if that does no harm, or give such calls retriesMax",
    );
    this.#giveUp(lost, "ACTOR_UNAVAILABLE", why);
  }

  /** The actor was not made because there was one of that name: its calls are for that one. */
  #merge(lane: Lane, actor: ActorId): void {
    this.#lanes.delete(lane.actor);
    this.#sameAs.set(lane.actor, actor);
    const target = this.#laneOf(actor);
    for (const one of lane.ledger.giveUp()) {
      one.request = { ...one.request, actor };
      target.ledger.adopt(one);
    }
    if (target.link) {
      // They came after those that were sent there, so all of them stay in order.
      for (const call of target.ledger.takeUnsent()) target.link.send(call);
    } else if (target.ledger.size > 0 && !target.isConnecting) {
      void this.#connect(target);
    }
  }

  /** The caller does not wait for ever. */
  #watch(lane: Lane, pending: PendingCall<Waiter>, timeoutMs: number): void {
    const cancel = this.#options.clock.after(timeoutMs, () => {
      const current = this.#lanes.get(pending.request.actor) ?? lane;
      if (!current.ledger.giveUpOne(pending)) return;
      this.#giveUp([pending], "TIMEOUT", new Error(`${timeoutMs} ms have passed`));
      this.#deleteIfForgotten(current);
    });
    pending.waiter = withEnd(pending.waiter, cancel);
  }

  #answered(link: Link, done: CallDone): void {
    const lane = this.#lanes.get(done.actor);
    if (!lane || link.peer !== lane.place?.worker) return;
    if (done.over) return this.#lifeIsOver(lane, done);
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

  /** The callee says so of one call; what became of the others is asked of the coordinator. */
  #lifeIsOver(lane: Lane, done: CallDone): void {
    const pending = lane.ledger.find(done);
    if (!pending) return;
    if (done.over === "not-run") pending.deliveries = 0;
    else if (done.over === "not-here") pending.deliveries--;
    lane.isOver = true;
    delete lane.link;
    if (!lane.isConnecting) void this.#connect(lane);
  }

  #settled({ call, isDisowned }: PendingCall<Waiter>): void {
    if (isDisowned) return void this.#disowned--;
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
      const fate =
        pending.deliveries > 0
          ? "the call was sent, so it may have run"
          : "the call was never sent, so it has not run";
      const message = `no answer to ${method}() of actor ${actor}${times}: ${reasonOf(cause)}; ${fate}`;
      pending.waiter.reject(new MeshError(code, message, { actor, sequence }, behind(cause)));
    }
  }

  #isCurrent(lane: Lane): boolean {
    return this.#lanes.get(lane.actor) === lane;
  }

  #deleteIfForgotten(lane: Lane): void {
    if (!lane.isForgotten || lane.ledger.size > 0 || lane.isConnecting) return;
    if (this.#isCurrent(lane)) this.#lanes.delete(lane.actor);
  }

  #tooManyOf({ actor, method }: CallRequest, pendingMax: number): MeshError {
    return new MeshError(
      "QUOTA_EXCEEDED",
      `${method}() of actor ${actor} was not called: ${pendingMax} calls of this caller wait for ` +
        `answers, as many as its maxPendingCalls allows; await some of them first`,
      { actor, pending: pendingMax },
    );
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

/** The message says what an error of ours says: of use to the user is what their own code threw. */
const behind = (cause: unknown): { cause?: unknown } => {
  if (!MeshError.is(cause)) return { cause };
  return cause.cause === undefined ? {} : { cause: cause.cause };
};

/** Whether a call that may have run may run once more: its own wish, the method's, the actor's. */
function hasRetry({ request, retries }: PendingCall<unknown>, { calls }: ActorPlace): boolean {
  const ofMethod = calls?.methodRetries?.find(([name]) => name === request.method)?.[1];
  const retriesMax = request.retriesMax ?? ofMethod ?? calls?.retriesMax ?? 0;
  return retriesMax < 0 || retries < retriesMax;
}

/** The same waiter, which also stops the watch. */
const withEnd = (waiter: Waiter, end: () => void): Waiter => ({
  resolve(answer) {
    end();
    waiter.resolve(answer);
  },
  reject(error) {
    end();
    waiter.reject(error);
  },
});
