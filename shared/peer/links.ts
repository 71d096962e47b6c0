import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { IdSequence, type LinkName, type PeerId } from "../ids.ts";
import type { ChunkHeader, LinkHello } from "../protocol/link-messages.ts";
import type { Introduction, LinkCounters } from "../protocol/messages.ts";
import { verifyTicket } from "../protocol/tickets.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { CloseReason, Transport } from "../transport/transport.ts";
import { Attempt } from "./attempt.ts";
import { openTransport, type Dialer } from "./dialer.ts";
import { expectHello, refuse, sayHello, type Greeted } from "./handshake.ts";
import { LinkLedger } from "./link-counters.ts";
import { Link, pathOf, type ServiceMessage } from "./link.ts";
import { loopTransport } from "./loop-transport.ts";
import { PathRunner } from "./race-paths.ts";

export interface LinksOptions {
  readonly self: PeerId;
  /** Shared by this peer and the coordinator (the welcome carries it); checks inbound tickets. */
  readonly ticketKey: Uint8Array;
  /** Best first. */
  readonly dialers: readonly Dialer[];
  /** Asks the coordinator. Rejects with `TIMEOUT` if it does not answer. */
  introduce(peer: PeerId): Promise<Introduction>;
  readonly clock: Clock;
  /** The coordinator's idea of the time, which tickets are dated in. Default: this machine's. */
  nowEpochMs?(): number;
  /** Called for each link that opens, whoever dialled. */
  onLink?(link: Link): void;
}

/** A peer may keep this many links to this one, when both dial at once or an old one seems alive. */
const LINKS_PER_PEER_MAX = 4;
/** Inbound transports that have not said hello yet, from nobody knows whom. */
const STRANGERS_MAX = 256;
/** The same from one peer by the relay, where the coordinator says who it is: others have room. */
const STRANGERS_PER_PEER_MAX = 4;
/** Wait before the next attempt after the n-th failure in a row: doubles from the first to the last. */
const BACK_OFF_MS_MIN = 100;
const BACK_OFF_MS_MAX = 10_000;

interface Peer {
  /** Open links, oldest first. */
  readonly links: Link[];
  attempt?: Attempt;
  /** Goes on when the attempt has a link, if a better path may still open. */
  race?: PathRunner;
  failures: number;
  /** No attempt before this time. */
  notBeforeMs: number;
}

type Handler<Message> = (link: Link, message: Message) => void;
type ChunkHandler = (link: Link, header: ChunkHeader, payload: Uint8Array<ArrayBuffer>) => void;

/**
 * This peer's links to others, opened on demand by the best path that works. Two peers may dial each
 * other at once and end up with two links: each is good, and services stay on the one they began with.
 */
export class Links {
  readonly self: PeerId;
  readonly #options: LinksOptions;
  readonly #peers = new Map<PeerId, Peer>();
  readonly #ledger = new LinkLedger();
  readonly #names: IdSequence;
  readonly #handlers = new Map<string, Handler<never>>();
  readonly #downHandlers: ((link: Link, reason: CloseReason) => void)[] = [];
  readonly #leftHandlers: ((peer: PeerId) => void)[] = [];
  #onChunk: ChunkHandler | undefined;
  /** Inbound transports that have not said hello yet, by the peer that opened them, if known. */
  readonly #strangers = new Map<PeerId | undefined, number>();
  #isClosed = false;

  constructor(options: LinksOptions) {
    this.self = options.self;
    this.#options = options;
    this.#names = new IdSequence(options.self);
  }

  /** A link to `peer`: one that is open, or the one that is being opened, or a new one.
   * @throws MeshError `PEER_UNREACHABLE` that lists every path that was tried and why it failed. */
  to(peer: PeerId): Promise<Link> {
    const open = this.openTo(peer);
    if (open) return Promise.resolve(open);
    if (this.#isClosed) return Promise.reject(unreachable(peer, "this peer is leaving the mesh"));
    if (peer === this.self) return Promise.resolve(this.#loop());
    const state = this.#peerOf(peer);
    if (state.attempt) return state.attempt.link;
    const attempt = new Attempt();
    state.attempt = attempt;
    void this.#dial(peer, state, attempt);
    return attempt.link;
  }

  /** An open link to `peer`, if there is one now. */
  openTo(peer: PeerId): Link | undefined {
    return this.#peers.get(peer)?.links.find((link) => link.isOpen);
  }

  /**
   * Take an inbound transport. It becomes a link if it says hello with a valid ticket in time.
   * @param from who opened it, if the coordinator vouches for that.
   */
  accept(transport: Transport, from?: PeerId): void {
    const waiting = this.#strangers.get(from) ?? 0;
    const waitingMax = from === undefined ? STRANGERS_MAX : STRANGERS_PER_PEER_MAX;
    if (this.#isClosed || waiting >= waitingMax) {
      const why = this.#isClosed
        ? `${this.self} is leaving the mesh`
        : `${waiting} connections ${from === undefined ? "" : `of ${from} `}wait to be greeted by ` +
          `${this.self}; try again later`;
      return refuse(transport, new MeshError("QUOTA_EXCEEDED", why));
    }
    this.#strangers.set(from, waiting + 1);
    expectHello(transport, this.#options.clock, (hello) => this.#admit(transport, hello))
      // Whoever dialled was told why.
      .catch(() => undefined)
      .finally(() => this.#greeted(from));
  }

  /** The coordinator says that `peer` is gone: its links close, whoever waits for one is told. */
  peerLeft(peer: PeerId): void {
    const state = this.#peers.get(peer);
    this.#peers.delete(peer);
    state?.race?.stop();
    state?.attempt?.fail(unreachable(peer, "it has left the mesh"));
    for (const link of state?.links ?? []) link.close({ code: "peer-left" });
    for (const handler of this.#leftHandlers) handler(peer);
  }

  /** Close every link, and open no more. */
  closeAll(reason: CloseReason = { code: "done" }): void {
    this.#isClosed = true;
    for (const [peer, state] of this.#peers) {
      state.race?.stop();
      state.attempt?.fail(unreachable(peer, "this peer is leaving the mesh"));
      for (const link of state.links) link.close(reason);
    }
  }

  /** Object bytes moved so far, per peer and path. */
  counters(): LinkCounters[] {
    return this.#ledger.list();
  }

  /** Each type of message has one service that receives it. */
  onMessage<Type extends ServiceMessage["type"]>(
    type: Type,
    handler: Handler<Extract<ServiceMessage, { type: Type }>>,
  ): void {
    this.#handlers.set(type, handler);
  }

  /** One service receives the parts of objects. */
  onChunk(handler: ChunkHandler): void {
    this.#onChunk = handler;
  }

  /** A link ended. Others to the same peer may be open still. */
  onDown(handler: (link: Link, reason: CloseReason) => void): void {
    this.#downHandlers.push(handler);
  }

  /** A peer has left the mesh and will not come back under this id. */
  onPeerLeft(handler: (peer: PeerId) => void): void {
    this.#leftHandlers.push(handler);
  }

  async #dial(peer: PeerId, state: Peer, attempt: Attempt): Promise<void> {
    const { clock, dialers } = this.#options;
    try {
      await attempt.pause(clock, state.notBeforeMs - clock.nowMs());
      if (attempt.isSettled) return;
      const introduction = await this.#options.introduce(peer);
      if (introduction.error) throw fromWireError(introduction.error);
      if (attempt.isSettled) return;
      state.race?.stop();
      const race = new PathRunner({
        clock,
        dialers,
        introduction,
        greet: (transport, reason) => this.#greet(transport, introduction, reason),
      });
      state.race = race;
      const link = await Promise.race([race.link, attempt.link]);
      state.failures = 0;
      if (attempt.isSettled) return;
      attempt.succeed(link);
    } catch (error) {
      if (attempt.isSettled) return;
      state.failures++;
      const backOffMs = Math.min(BACK_OFF_MS_MIN * 2 ** (state.failures - 1), BACK_OFF_MS_MAX);
      state.notBeforeMs = clock.nowMs() + backOffMs;
      attempt.fail(error);
    } finally {
      if (state.attempt === attempt) delete state.attempt;
    }
  }

  #greeted(from: PeerId | undefined): void {
    const waiting = (this.#strangers.get(from) ?? 0) - 1;
    if (waiting > 0) this.#strangers.set(from, waiting);
    else this.#strangers.delete(from);
  }

  /** Say hello on a transport that this peer opened. */
  #greet(
    transport: Transport,
    { peer, ticket }: Introduction,
    reason: string | undefined,
  ): Promise<Link> {
    if (!ticket) throw new MeshError("INTERNAL", `no ticket in the introduction to ${peer}`);
    const name = this.#names.next<LinkName>();
    const hello: LinkHello = { type: "link-hello", from: this.self, ticket, link: name };
    if (reason !== undefined) hello.reason = reason;
    return sayHello(transport, hello, this.#options.clock, () => {
      const link = this.#register(peer, transport, { reason, name });
      link.ping();
      return link;
    });
  }

  #admit(transport: Transport, { from, ticket, reason, link: name, laneOf }: LinkHello): Greeted {
    const nowEpochMs = this.#options.nowEpochMs?.() ?? Date.now();
    verifyTicket(this.#options.ticketKey, { from, to: this.self }, ticket, nowEpochMs);
    if (laneOf !== undefined) return this.#linkOfLane(from, laneOf).addLane(transport);
    const link = this.#register(from, transport, { reason, name });
    // It will do for those who wait while this peer dials.
    const state = this.#peers.get(from);
    state?.attempt?.succeed(link);
    state?.race?.admitted(link);
    return link;
  }

  #linkOfLane(from: PeerId, name: LinkName): Link {
    const link = this.#peers.get(from)?.links.find((it) => it.isOpen && it.name === name);
    if (link) return link;
    throw new MeshError("NOT_FOUND", `the link ${name} of ${from}, for one more lane, is not open`);
  }

  /** Dial once more by the path of a link, as one more lane of it. */
  async #openLane({ peer, path, name }: Link): Promise<Transport> {
    const { clock, dialers } = this.#options;
    const introduction = await this.#options.introduce(peer);
    if (introduction.error) throw fromWireError(introduction.error);
    const { ticket } = introduction;
    const dialer = dialers.find((it) => it.path === path);
    const obstacle = dialer?.laneObstacle?.() ?? dialer?.obstacle(introduction);
    if (!dialer || !ticket || obstacle !== undefined) throw unreachable(peer, obstacle ?? path);
    const transport = await openTransport(dialer, introduction, clock);
    const hello: LinkHello = { type: "link-hello", from: this.self, ticket, laneOf: name! };
    // Nothing comes on it: each end sends on lanes of its own.
    const nothing = () => {
      transport.close({ code: "protocol-violation", detail: "something came by a one-way lane" });
    };
    await sayHello(transport, hello, clock, () => ({
      deliver: (messages) => messages.length > 0 && nothing(),
      receive: nothing,
    }));
    return transport;
  }

  #register(
    peer: PeerId,
    transport: Transport,
    { reason, name }: { reason?: string | undefined; name?: LinkName | undefined },
  ): Link {
    const path = pathOf(transport.path);
    const canStripe = path === "webrtc" && name !== undefined;
    const link = new Link({
      peer,
      transport,
      reason,
      name,
      clock: this.#options.clock,
      openLane: canStripe ? (it) => this.#openLane(it) : undefined,
      account: peer === this.self ? undefined : this.#ledger.open(peer, path),
      receiver: {
        onMessage: (from, message) =>
          (this.#handlers.get(message.type) as Handler<ServiceMessage> | undefined)?.(
            from,
            message,
          ),
        onChunk: (from, header, payload) => this.#onChunk?.(from, header, payload),
      },
    });
    const { links } = this.#peerOf(peer);
    links.push(link);
    const open = links.filter((other) => other.isOpen);
    if (open.length > LINKS_PER_PEER_MAX) {
      open[0]?.close({ code: "done", detail: "there are newer links to this peer" });
    }
    void link.closed.then((why) => this.#down(link, why));
    if (this.#isClosed) link.close({ code: "done" });
    else this.#options.onLink?.(link);
    return link;
  }

  #down(link: Link, reason: CloseReason): void {
    const links = this.#peers.get(link.peer)?.links ?? [];
    const index = links.indexOf(link);
    if (index >= 0) links.splice(index, 1);
    for (const handler of this.#downHandlers) handler(link, reason);
  }

  #loop(): Link {
    const transport = loopTransport();
    const link = this.#register(this.self, transport, {});
    transport.onMessage = (bytes, tail) => link.receive(bytes, tail);
    return link;
  }

  #peerOf(peer: PeerId): Peer {
    let state = this.#peers.get(peer);
    if (!state) {
      state = { links: [], failures: 0, notBeforeMs: -Infinity };
      this.#peers.set(peer, state);
    }
    return state;
  }
}

const unreachable = (peer: PeerId, why: string): MeshError =>
  new MeshError("PEER_UNREACHABLE", `${peer} cannot be reached: ${why}`, { peer });
