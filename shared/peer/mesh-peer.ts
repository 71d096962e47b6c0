import type { Clock } from "../clock.ts";
import type { ObjectId, PeerId } from "../ids.ts";
import type { LocalStore } from "../objects/local-store.ts";
import { pieceDigests } from "../objects/piece-digests.ts";
import type {
  CoordinatorMessage,
  Hello,
  Introduction,
  RelayHeader,
  Welcome,
} from "../protocol/messages.ts";
import type { JobKey } from "../protocol/schema.ts";
import { CoordinatorSession } from "../session/coordinator-session.ts";
import { RelayHub } from "../transport/relay.ts";
import type { Transport } from "../transport/transport.ts";
import { withDeadline } from "./deadline.ts";
import type { Dialer } from "./dialer.ts";
import { Links } from "./links.ts";
import { ObjectExchange } from "./object-exchange.ts";
import { ReadTickets } from "./read-tickets.ts";

/** How long the coordinator may take to introduce a peer. */
const INTRODUCTION_MS_MAX = 10_000;

/** Messages that concern the user of a {@link MeshPeer}; it handles the others itself. */
export type PeerBusiness = Exclude<
  CoordinatorMessage,
  { type: "welcome" | "bye" | "heartbeat-seen" | "introduction" | "peer-left" | "digest-wanted" }
>;

export interface MeshPeerOptions {
  /** An open transport to the coordinator. */
  readonly transport: Transport;
  readonly hello: Omit<Hello, "type" | "protocolVersions">;
  readonly clock: Clock;
  readonly store: LocalStore;
  /** Ways to reach other peers, better than the relay, best first. */
  dialers(welcome: Welcome, accept: (transport: Transport) => void): readonly Dialer[];
  /** This peer fetched a copy that it had not. */
  onCopy?(object: ObjectId): void;
}

interface Introducing {
  readonly result: Promise<Introduction>;
  arrived(introduction: Introduction): void;
}

/**
 * One peer's place in the mesh: its session with the coordinator, its links to other peers by the
 * best path that works, and the exchange of objects with them. Workers and drivers are built on it.
 */
export class MeshPeer {
  readonly self: PeerId;
  readonly session: CoordinatorSession;
  readonly links: Links;
  readonly exchange: ObjectExchange;
  /** Of the own job; unset with an older coordinator. */
  readonly jobKey: JobKey | undefined;
  readonly #relay: RelayHub;
  readonly #clock: Clock;
  readonly #store: LocalStore;
  #digesting: Promise<void> = Promise.resolve();
  /** What the coordinator was asked for and has not answered. */
  readonly #introductions = new Map<PeerId, Introducing>();

  /** @throws MeshError what the coordinator refused this peer for. */
  static async join(options: MeshPeerOptions): Promise<MeshPeer> {
    const { transport, store, clock } = options;
    const hello = { storeBytesMax: store.bytesMax, ...options.hello };
    const session = await CoordinatorSession.open(transport, hello, clock);
    return new MeshPeer(session, options);
  }

  private constructor(session: CoordinatorSession, options: MeshPeerOptions) {
    const { clock, store } = options;
    const { welcome } = session;
    this.self = welcome.peer;
    this.session = session;
    this.#clock = clock;
    this.#store = store;
    this.#relay = new RelayHub({
      send: (header, payload) => session.sendRelay(header, payload),
      onOpen: (from, transport) => this.links.accept(transport, from),
    });
    const epoch = epochOf(welcome, clock);
    this.links = new Links({
      self: welcome.peer,
      ticketKey: welcome.ticketKey,
      clock,
      ...epoch,
      dialers: [
        ...options.dialers(welcome, (transport) => this.links.accept(transport)),
        relayDialer(this.#relay),
      ],
      introduce: (peer) => this.#introduce(peer),
    });
    const { jobKey: key, job, peer: self } = welcome;
    this.jobKey = key && { job, key };
    this.exchange = new ObjectExchange({
      links: this.links,
      store,
      clock,
      // A coordinator that tells no keys would have everybody refused.
      ...(key
        ? { tickets: new ReadTickets({ self, nowEpochMs: () => Date.now(), ...epoch }) }
        : {}),
      onTrespass: (object, peer) => session.send({ type: "reader-fault", object, peer }),
      onMissing: (object) => session.send({ type: "copy-lost", object }),
      onPartial: (object, isHere) =>
        session.send({ type: isHere ? "copy-started" : "copy-stopped", object }),
      onFault: (object, peer, fault) => session.send({ type: "source-fault", object, peer, fault }),
      ...(options.onCopy ? { onCopy: options.onCopy } : {}),
    });
    void session.ended.then(() => {
      this.#relay.closeAll({ code: "failed", detail: "the coordinator is gone" });
      this.links.closeAll({ code: "failed", detail: "this peer lost its coordinator" });
    });
  }

  /** Start to receive. Call it once, when whoever handles the messages is ready. */
  start(onBusiness: (message: PeerBusiness) => void): void {
    this.session.start({
      onMessage: (message) => {
        if (message.type === "introduction") {
          this.#introductions.get(message.peer)?.arrived(message);
        } else if (message.type === "digest-wanted") this.#digestWanted(message.object);
        else if (message.type === "peer-left") this.#peerLeft(message.peer);
        else onBusiness(message);
      },
      onRelay: (header: RelayHeader, payload) => this.#relay.receive(header, payload),
    });
  }

  /** Leave politely. */
  leave(reason: string): void {
    this.links.closeAll({ code: "done", detail: reason });
    this.session.close(reason);
  }

  /** All who ask while the coordinator has not answered share its answer, or its silence. */
  #introduce(peer: PeerId): Promise<Introduction> {
    const asked = this.#introductions.get(peer);
    if (asked) return asked.result;
    let arrived!: (introduction: Introduction) => void;
    const arrival = new Promise<Introduction>((resolve) => (arrived = resolve));
    const result = withDeadline(arrival, {
      clock: this.#clock,
      deadlineMs: INTRODUCTION_MS_MAX,
      what: `the coordinator's introduction to ${peer}`,
    }).finally(() => this.#introductions.delete(peer));
    this.#introductions.set(peer, { result, arrived });
    this.session.send({ type: "introduce-me", peer });
    return result;
  }

  /** One after the other: each stays in memory while it is hashed. */
  #digestWanted(object: ObjectId): void {
    this.#digesting = this.#digesting.then(() => this.#tellDigest(object));
  }

  async #tellDigest(object: ObjectId): Promise<void> {
    const store = this.#store;
    const stored = store.open(object);
    if (!stored) return this.session.send({ type: "copy-lost", object });
    const { sizeBytes } = stored;
    const read = (offset: number, length: number) => {
      // It can be read after it was freed; but then nobody wants the hash.
      if (!store.has(object)) throw new Error(`${object} was freed`);
      return stored.read(offset, length);
    };
    try {
      const digest = await pieceDigests({ sizeBytes, read });
      this.session.send({ type: "object-digest", object, digest });
    } catch {
      this.session.send({ type: "copy-lost", object });
    } finally {
      stored.close();
    }
  }

  #peerLeft(peer: PeerId): void {
    this.#relay.peerLeft(peer);
    this.links.peerLeft(peer);
  }
}

/** The coordinator's time goes on from what its welcome said; an older one does not say. */
function epochOf({ epochMs }: Welcome, clock: Clock): { nowEpochMs?: () => number } {
  if (epochMs === undefined) return {};
  const offsetMs = epochMs - clock.nowMs();
  return { nowEpochMs: () => clock.nowMs() + offsetMs };
}

/** The path that is always there: through the coordinator. */
const relayDialer = (relay: RelayHub): Dialer => ({
  path: "relay",
  obstacle: () => undefined,
  dial: (introduction) => Promise.resolve(relay.open(introduction.peer)),
});
