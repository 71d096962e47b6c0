import { systemClock, type Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { PeerId } from "../ids.ts";
import { carries } from "./connection-path.ts";
import { dataChannelTransport, type DataChannelLike } from "./data-channel.ts";
import type {
  DataConnectionLike,
  IceServer,
  PeerConnectionLike,
  PeerConstructor,
  PeerLike,
} from "./peerjs-api.ts";
import type { Transport } from "./transport.ts";

export { connectionPath, type ConnectionPath } from "./connection-path.ts";

export interface PeerJsOptions {
  /** The constructor of PeerJS: from `peerjs` in a page, from `loadPeerJs` in Node. */
  readonly Peer: PeerConstructor;
  /** The coordinator's base URL. */
  readonly url: string;
  readonly peer: PeerId;
  /** From `welcome`: lets this peer, and nobody else, use its id on the signalling server. */
  readonly signalKey: string;
  readonly iceServers: readonly IceServer[];
  /** Another peer has connected. It has not proved yet who it is: only signalling says so. */
  onTransport(remote: PeerId, transport: Transport): void;
  readonly clock?: Clock;
}

/**
 * ICE calls a connection disconnected after some seconds without an answer, and failed after half a
 * minute. In between it may come back by itself; but other paths take over in less than two seconds.
 */
const DISCONNECTED_MS_MAX = 2_000;

/**
 * Connections of one peer at a time. Chromium has 500 for a page, and gives those that were closed back
 * only when garbage is collected.
 */
const CONNECTIONS_MAX = 128;
/** The others are kept for links: one connection to a new peer is worth more than one more to an old one. */
const CONNECTIONS_BEFORE_LANES_MAX = CONNECTIONS_MAX / 2;

interface Dial {
  readonly remote: PeerId;
  /** Begin, or begin again: what was under way may have been lost with the signalling socket. */
  start(): void;
  fail(why: string): void;
}

/** Waits before signalling is tried again: doubled each time, from the first to the last. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 10_000;

/** How long a connection that another peer began may take to open, and how many may be opening. */
const ACCEPT_MS_MAX = 30_000;
const ACCEPTING_MAX = CONNECTIONS_MAX / 4;
/** The same of one peer, so that none can keep the others out with connections that never open. */
const ACCEPTING_PER_PEER_MAX = 4;

/**
 * WebRTC connections of one peer, with PeerJS for signalling and set-up. Adds what PeerJS lacks:
 * signalling that reconnects, dials that end, and PeerConnections that are closed when a dial fails.
 * Links outlive the signalling connection; every link has a PeerConnection of its own.
 */
export class PeerJsEndpoint {
  readonly #options: PeerJsOptions;
  readonly #clock: Clock;
  readonly #dials = new Set<Dial>();
  /** Each open one, and when its PeerConnection is closed. */
  readonly #transports = new Map<Transport, Promise<void>>();
  #signalling: PeerLike;
  #signallingError = "not connected yet";
  #retryMs = RETRY_MS_MIN;
  readonly #accepting: PeerId[] = [];
  #isClosed = false;
  #cancelRetry: () => void = () => {};

  constructor(options: PeerJsOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#signalling = this.#connect();
  }

  /** Why no new connection can be had now, if that is so. */
  get obstacle(): string | undefined {
    if (this.#connections < CONNECTIONS_MAX) return undefined;
    return `all ${CONNECTIONS_MAX} WebRTC connections of ${this.#options.peer} are in use`;
  }

  /** The same for one that would only make an open link faster. */
  get laneObstacle(): string | undefined {
    const connections = this.#connections;
    if (connections < CONNECTIONS_BEFORE_LANES_MAX) return undefined;
    return (
      `${connections} of the ${CONNECTIONS_MAX} WebRTC connections of ${this.#options.peer} are in ` +
      `use, and the rest is kept for links to others`
    );
  }

  get #connections(): number {
    return this.#transports.size + this.#dials.size + this.#accepting.length;
  }

  /**
   * Open a link to a peer.
   * @throws MeshError `PEER_UNREACHABLE` if it is not open after `deadlineMs`, with the state that
   *   ICE reached; earlier if signalling says that the peer is not there.
   */
  dial(remote: PeerId, deadlineMs: number): Promise<Transport> {
    return new Promise((resolve, reject) => {
      let connection: DataConnectionLike | undefined;
      let peerConnection: PeerConnectionLike | null = null;
      const settle = (): boolean => {
        cancelDeadline();
        return this.#dials.delete(dial);
      };
      const dial: Dial = {
        remote,
        start: () => {
          connection?.close();
          const attempt = this.#signalling.connect(remote, {
            serialization: "raw",
            reliable: true,
          });
          connection = attempt;
          if (!attempt) return;
          peerConnection = attempt.peerConnection;
          const failed = (why: string) => {
            if (connection === attempt) dial.fail(why);
          };
          attempt.on("error", (error) => failed((error as Error).message));
          this.#adopt(
            attempt,
            (transport) => {
              if (settle()) resolve(transport);
            },
            () => failed("ICE or DTLS failed"),
          );
        },
        fail: (why) => {
          if (!settle()) return;
          reject(this.#unreachable(remote, why, peerConnection));
          connection?.close();
        },
      };
      const cancelDeadline = this.#clock.after(deadlineMs, () => {
        dial.fail(`it was not open after ${deadlineMs} ms`);
      });
      this.#dials.add(dial);
      if (this.#isClosed) dial.fail("this peer has closed its WebRTC endpoint");
      else if (this.#signalling.open) dial.start();
    });
  }

  /** End every link and the signalling connection. Resolves when nothing of it is left. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancelRetry();
    for (const dial of this.#dials) dial.fail("this peer has closed its WebRTC endpoint");
    const released = [...this.#transports.values()];
    for (const transport of this.#transports.keys()) transport.close({ code: "done" });
    await Promise.all(released);
    this.#signalling.destroy();
  }

  #connect(): PeerLike {
    const { Peer, url, peer, signalKey, iceServers } = this.#options;
    const { protocol, hostname, port, pathname } = new URL(url);
    const secure = protocol === "https:" || protocol === "wss:";
    const signalling = new Peer(peer, {
      host: hostname,
      port: Number(port) || (secure ? 443 : 80),
      path: `${pathname.replace(/\/$/, "")}/signal`,
      secure,
      key: encodeURIComponent(signalKey),
      // The same for each attempt, so that a new connection replaces one that hangs.
      token: encodeURIComponent(signalKey),
      config: { iceServers },
    });
    signalling.on("open", () => {
      this.#retryMs = RETRY_MS_MIN;
      for (const dial of this.#dials) dial.start();
    });
    signalling.on("connection", (connection) => this.#accept(connection as DataConnectionLike));
    signalling.on("error", (error) => {
      const { message, type } = error as Error & { type?: string };
      this.#signallingError = message;
      if (type === "peer-unavailable") this.#peerUnavailable(message);
    });
    signalling.on("disconnected", () => this.#retry());
    signalling.on("close", () => this.#retry());
    return signalling;
  }

  /** PeerJS gives up when its socket drops, and for good if the first attempt was refused. */
  #retry(): void {
    if (this.#isClosed) return;
    this.#cancelRetry();
    this.#cancelRetry = this.#clock.after(this.#retryMs, () => {
      if (this.#signalling.destroyed) this.#signalling = this.#connect();
      else if (!this.#signalling.open) this.#signalling.reconnect();
    });
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
  }

  #peerUnavailable(message: string): void {
    for (const dial of this.#dials) {
      if (message.endsWith(` ${dial.remote}`)) dial.fail("it is not connected to signalling");
    }
  }

  #accept(connection: DataConnectionLike): void {
    // Not at once: PeerJS is still busy with this connection when it says so.
    const remote = connection.peer as PeerId;
    const isFull =
      this.obstacle !== undefined ||
      this.#accepting.length >= ACCEPTING_MAX ||
      this.#accepting.filter((peer) => peer === remote).length >= ACCEPTING_PER_PEER_MAX;
    if (this.#isClosed || isFull) {
      queueMicrotask(() => connection.close());
      return;
    }
    this.#accepting.push(remote);
    let isOpening = true;
    const opened = () => {
      if (isOpening) this.#accepting.splice(this.#accepting.indexOf(remote), 1);
      isOpening = false;
      cancelDeadline();
    };
    const failed = () => {
      opened();
      connection.close();
    };
    const cancelDeadline = this.#clock.after(ACCEPT_MS_MAX, failed);
    connection.on("error", failed);
    this.#adopt(
      connection,
      (transport) => {
        opened();
        this.#options.onTransport(remote, transport);
      },
      failed,
    );
  }

  /** Make a transport of a connection, from its first byte on, and hand it over once it is open. */
  #adopt(
    connection: DataConnectionLike,
    onOpen: (transport: Transport) => void,
    onFailed: () => void,
  ): void {
    const { peerConnection } = connection;
    if (!peerConnection) return;
    let cancelSilence = (): void => {};
    let transportOf: Transport | undefined;
    peerConnection.addEventListener("connectionstatechange", () => {
      cancelSilence();
      const { connectionState } = peerConnection;
      if (connectionState === "disconnected") {
        cancelSilence = this.#clock.after(DISCONNECTED_MS_MAX, () => {
          const detail = `the network to ${connection.peer} fell silent`;
          transportOf?.close({ code: "failed", detail });
          connection.close();
        });
      }
      // PeerJS looks at ICE only; this is ICE and DTLS.
      if (!["failed", "closed"].includes(connectionState)) return;
      onFailed();
      connection.close();
    });
    const start = (channel: DataChannelLike) => {
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      const transport = dataChannelTransport(channel, {
        messageBytesMax: () => peerConnection.sctp?.maxMessageSize,
        // Only node-datachannel's polyfill has such a field.
        isBrowser: !("selectedCandidatePair" in peerConnection),
        onClose: () => {
          connection.close();
          release();
        },
        clock: this.#clock,
      });
      transportOf = transport;
      void transport.closed.then(() => cancelSilence());
      carries(peerConnection, transport);
      connection.on("close", () => {
        const detail = `the connection to ${connection.peer} is gone`;
        transport.close({ code: "peer-left", detail });
      });
      connection.on("open", () => {
        this.#transports.set(transport, released);
        void released.then(() => this.#transports.delete(transport));
        onOpen(transport);
      });
    };
    if (connection.dataChannel) start(connection.dataChannel);
    else {
      peerConnection.addEventListener("datachannel", (event) => {
        start((event as unknown as { channel: DataChannelLike }).channel);
      });
    }
  }

  #unreachable(remote: PeerId, why: string, connection: PeerConnectionLike | null): MeshError {
    const { peer } = this.#options;
    const iceState = connection?.iceConnectionState ?? "new";
    const reached =
      connection?.signalingState === "stable"
        ? `ICE reached "${iceState}": peers behind strict networks need a TURN server, or the relay`
        : this.#signalling.open
          ? `ICE is "${iceState}", because the peer did not answer`
          : `ICE is "${iceState}", because signalling is down (${this.#signallingError})`;
    const message = `no WebRTC connection from ${peer} to ${remote}: ${why}; ${reached}`;
    return new MeshError("PEER_UNREACHABLE", message, { peer: remote, iceState });
  }
}
