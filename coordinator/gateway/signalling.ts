import { randomBytes } from "node:crypto";
import type { WebSocket } from "ws";
import { systemClock, type Clock } from "../../shared/clock.ts";
import { checkForwarded, type SignalMessage } from "./signalling-messages.ts";

export interface SignallingOptions {
  /** Whether the bearer of `key` may be `id`. Compare in constant time. */
  authorize(id: string, key: string): boolean;
  readonly clock?: Clock;
}

/** One message, in bytes. An SDP offer with many candidates has about 10 KiB. */
export const SIGNAL_BYTES_MAX = 64 * 1024;

/** Messages per second that a peer may send on average, and at once. */
const RATE_PER_SECOND = 100;
const RATE_BURST = 1_000;

/** A peer that sends nothing for so long is gone; PeerJS sends a heartbeat every 5 s. */
const IDLE_MS_MAX = 60_000;
/** Hidden tabs may not run timers, but their browser answers pings. */
const SWEEP_EVERY_MS = 20_000;

/** Messages for a peer that is not here (yet, or between two sockets). */
const KEEP_MS_MAX = 5_000;
const KEPT_PER_PEER_MAX = 64;
const KEPT_MAX = 4_096;

/** Malformed messages that get an error before the socket is closed. */
const BAD_MESSAGES_MAX = 3;

/** More bytes than these waiting for one client: it does not read. */
const UNREAD_BYTES_MAX = 2 ** 20;

interface Client {
  readonly id: string;
  readonly token: string;
  readonly socket: WebSocket;
  lastHeardMs: number;
  /** Token bucket: what may be sent now, as of `refilledMs`. */
  allowance: number;
  refilledMs: number;
  badMessages: number;
}

interface Kept {
  readonly messages: SignalMessage[];
  readonly cancelExpiry: () => void;
}

/**
 * The signalling server of PeerJS: passes offers, answers and candidates between peers that set up a
 * WebRTC connection. Speaks the protocol of PeerServer, so the stock PeerJS client connects to it.
 * Unlike PeerServer it lets nobody speak as somebody else, and checks what it passes on.
 */
export class Signalling {
  readonly #authorize: SignallingOptions["authorize"];
  readonly #clock: Clock;
  readonly #clients = new Map<string, Client>();
  readonly #kept = new Map<string, Kept>();
  #keptMessages = 0;
  #cancelSweep: () => void;

  constructor({ authorize, clock = systemClock }: SignallingOptions) {
    this.#authorize = authorize;
    this.#clock = clock;
    this.#cancelSweep = this.#sweepLater();
  }

  /** Connected peers. */
  get size(): number {
    return this.#clients.size;
  }

  /** `GET /signal/:key/id`: an id for a stock client that brings none. It grants nothing. */
  idFor(_key: string): string {
    return randomBytes(16).toString("hex");
  }

  /** `WebSocket /signal/peerjs?key=&id=&token=`, upgraded by the gateway. */
  accept(socket: WebSocket, parameters: URLSearchParams): void {
    socket.on("error", () => socket.terminate());
    const [key, id, token] = ["key", "id", "token"].map((name) => parameters.get(name) ?? "");
    if (!key || !id || !token || id.length > 64 || token.length > 256) {
      refuse(socket, errorMessage("No id, token, or key supplied to websocket server"));
      return;
    }
    if (!this.#authorize(id, key)) {
      refuse(socket, errorMessage("Invalid key provided"));
      return;
    }
    const before = this.#clients.get(id);
    if (before && before.token !== token) {
      refuse(socket, { type: "ID-TAKEN", payload: { msg: "ID is taken" } });
      return;
    }
    // A reload, or a connection that was cut unnoticed: the new socket is the peer now.
    before?.socket.close(1000, "replaced by a newer connection");
    this.#welcome(id, token, socket);
  }

  /** End all connections. */
  close(): void {
    this.#cancelSweep();
    for (const { cancelExpiry } of this.#kept.values()) cancelExpiry();
    this.#kept.clear();
    this.#keptMessages = 0;
    for (const { socket } of this.#clients.values()) socket.close(1001, "signalling ends");
    this.#clients.clear();
  }

  #welcome(id: string, token: string, socket: WebSocket): void {
    const nowMs = this.#clock.nowMs();
    const client: Client = {
      id,
      token,
      socket,
      lastHeardMs: nowMs,
      allowance: RATE_BURST,
      refilledMs: nowMs,
      badMessages: 0,
    };
    this.#clients.set(id, client);
    socket.on("pong", () => (client.lastHeardMs = this.#clock.nowMs()));
    socket.on("close", () => this.#forget(client));
    socket.on("message", (data, isBinary) => {
      if (this.#clients.get(id) !== client) return;
      client.lastHeardMs = this.#clock.nowMs();
      this.#receive(client, isBinary ? undefined : (data as Buffer).toString());
    });
    send(client.socket, { type: "OPEN" });
    const kept = this.#kept.get(id);
    if (!kept) return;
    this.#unkeep(id, kept);
    for (const message of kept.messages) send(socket, message);
  }

  #receive(client: Client, text: string | undefined): void {
    if (!this.#mayReceive(client)) {
      this.#drop(client, "Too many messages");
      return;
    }
    const message = text === undefined ? "a binary message" : parse(text);
    if (typeof message === "string") {
      this.#complain(client, message);
      return;
    }
    if (message.type === "HEARTBEAT") return;
    if (message.type === "LEAVE" && message.dst === undefined) {
      client.socket.close(1000);
      this.#forget(client);
      return;
    }
    const complaint = checkForwarded(message);
    if (complaint) this.#complain(client, complaint);
    else {
      const { type, dst, payload } = message;
      this.#forward({ type, src: client.id, dst, payload });
    }
  }

  #forward(message: SignalMessage): void {
    const target = this.#clients.get(message.dst!);
    if (target) {
      if (target.socket.bufferedAmount > UNREAD_BYTES_MAX) this.#drop(target, "Reads too slowly");
      else send(target.socket, message);
      return;
    }
    // To a peer that comes later a LEAVE means nothing.
    if (message.type !== "LEAVE") this.#keep(message);
  }

  #keep(message: SignalMessage): void {
    const dst = message.dst!;
    let kept = this.#kept.get(dst);
    const isFull = this.#keptMessages >= KEPT_MAX;
    if (isFull || (kept && kept.messages.length >= KEPT_PER_PEER_MAX)) {
      this.#expire(message);
      return;
    }
    if (!kept) {
      const created: Kept = {
        messages: [],
        cancelExpiry: this.#clock.after(KEEP_MS_MAX, () => {
          this.#unkeep(dst, created);
          const senders = new Map(created.messages.map((one) => [one.src, one]));
          for (const one of senders.values()) this.#expire(one);
        }),
      };
      kept = created;
      this.#kept.set(dst, kept);
    }
    kept.messages.push(message);
    this.#keptMessages += 1;
  }

  #unkeep(dst: string, kept: Kept): void {
    kept.cancelExpiry();
    this.#kept.delete(dst);
    this.#keptMessages -= kept.messages.length;
  }

  /** Tell the sender that nobody took its message. */
  #expire({ src, dst }: SignalMessage): void {
    const sender = this.#clients.get(src!);
    if (sender) send(sender.socket, { type: "EXPIRE", src: dst, dst: src });
  }

  #complain(client: Client, why: string): void {
    client.badMessages += 1;
    if (client.badMessages >= BAD_MESSAGES_MAX) this.#drop(client, why);
    else send(client.socket, errorMessage(why));
  }

  #drop(client: Client, why: string): void {
    send(client.socket, errorMessage(why));
    client.socket.close(1008, why.slice(0, 100));
    this.#forget(client);
  }

  #forget(client: Client): void {
    if (this.#clients.get(client.id) === client) this.#clients.delete(client.id);
  }

  #mayReceive(client: Client): boolean {
    const nowMs = this.#clock.nowMs();
    const refill = ((nowMs - client.refilledMs) / 1_000) * RATE_PER_SECOND;
    client.allowance = Math.min(RATE_BURST, client.allowance + refill) - 1;
    client.refilledMs = nowMs;
    return client.allowance >= 0;
  }

  #sweepLater(): () => void {
    return this.#clock.after(SWEEP_EVERY_MS, () => {
      const nowMs = this.#clock.nowMs();
      for (const client of this.#clients.values()) {
        if (nowMs - client.lastHeardMs > IDLE_MS_MAX) {
          client.socket.terminate();
          this.#forget(client);
        } else if (client.socket.readyState === client.socket.OPEN) client.socket.ping();
      }
      this.#cancelSweep = this.#sweepLater();
    });
  }
}

const errorMessage = (msg: string): SignalMessage => ({ type: "ERROR", payload: { msg } });

function send(socket: WebSocket, message: SignalMessage): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
}

function refuse(socket: WebSocket, message: SignalMessage): void {
  send(socket, message);
  socket.close(1008);
}

/** @returns the message, or in words what is wrong with it. */
function parse(text: string): SignalMessage | string {
  if (text.length > SIGNAL_BYTES_MAX) return `a message over ${SIGNAL_BYTES_MAX} bytes`;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("type" in value)) return "no type";
    return value as SignalMessage;
  } catch {
    return "not JSON";
  }
}
