import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { MeshError } from "../../shared/errors.ts";
import type { JobId, PeerId } from "../../shared/ids.ts";
import { decodeBatch, encodeBatch } from "../../shared/protocol/batch.ts";
import { signTicket, TICKET_VALID_MS } from "../../shared/protocol/tickets.ts";
import {
  driverMessages,
  type CoordinatorMessage,
  type Hello,
  type Role,
  type Runtime,
  type Welcome,
} from "../../shared/protocol/messages.ts";
import { negotiateVersion } from "../../shared/protocol/versions.ts";
import { toWireError } from "../../shared/protocol/wire-error.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Transport } from "../../shared/transport/transport.ts";
import { ControlPlane } from "../control/control-plane.ts";
import { nextWakeMs } from "../scheduler/resting.ts";
import { PeerSession } from "./peer-session.ts";
import { RelayDesk } from "./relay-desk.ts";
import type { RelayLimits } from "./relay-quota.ts";
import type { TokenRole, Tokens } from "./tokens.ts";
import type { Quota } from "../scheduler/policy/fairness.ts";

/** How long a new connection may take to say hello. */
const HELLO_MS_MAX = 10_000;
const HEARTBEAT_EVERY_MS = 5_000;
const TICK_EVERY_MS = 1_000;
/** Long, because a script that computes for minutes without a pause cannot send heartbeats. */
const DRIVER_SILENCE_MS_MAX = 300_000;

/** Which tokens let a peer join as what. */
const ROLE_TOKENS: Record<Role, readonly TokenRole[]> = {
  driver: ["submit"],
  worker: ["contribute"],
};

export interface GatewayOptions {
  readonly tokens: Tokens;
  readonly clock: Clock;
  readonly iceServers: Welcome["iceServers"];
  /** What one peer may send through the relay. */
  readonly relayLimits: RelayLimits;
  readonly peersMax: number;
  /** For tests that are to come out the same each time. Default: ids that nobody can guess. */
  newPeerId?(hello: Hello): PeerId;
  readonly jobQuota?: Quota | undefined;
  log(line: string): void;
}

interface Member {
  readonly role: Role;
  readonly session: PeerSession;
  readonly ticketKey: Uint8Array<ArrayBuffer>;
  readonly signalKey: string;
  heardMs: number;
}

/**
 * The shell around the control plane: turns connections into sessions, sessions' messages into
 * events, and what the control plane decides into messages.
 */
export class Gateway {
  readonly plane: ControlPlane;
  readonly #options: GatewayOptions;
  readonly #relay: RelayDesk;
  readonly #members = new Map<PeerId, Member>();
  /** Made anew with each coordinator, and so are all jobs. */
  readonly #secret = randomBytes(32);
  #cancelTick: () => void = () => {};
  #cancelWake: () => void = () => {};
  #wakesMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.plane = new ControlPlane({
      send: (to, message, valueBytes) => this.#members.get(to)?.session.send(message, valueBytes),
      drop: (peer, error) => this.#members.get(peer)?.session.drop(error),
      signTicket: (from, to) => {
        const key = this.#members.get(to)!.ticketKey;
        return signTicket(key, { from, to }, Date.now() + TICKET_VALID_MS);
      },
      jobSecret: (job) => this.#jobSecret(job),
      jobQuota: options.jobQuota,
    });
    this.#relay = new RelayDesk({
      clock: options.clock,
      limits: options.relayLimits,
      sessionOf: (peer) => this.#members.get(peer)?.session,
      onQuota: (peer, text) => {
        const record = this.plane.peers.get(peer);
        if (record) record.relayQuota = text;
      },
    });
    this.#scheduleTick();
  }

  /** Whether this peer may use `id` on the signalling server. */
  maySignal(id: string, key: string): boolean {
    const member = this.#members.get(id as PeerId);
    if (member) return sameSecret(member.signalKey, key);
    // Not one of our peers: a stock PeerJS client, which needs a token of the mesh.
    try {
      this.#options.tokens.require(key, ["submit", "contribute"]);
      return true;
    } catch {
      return false;
    }
  }

  /** Serve a new connection until it ends. */
  accept(transport: Transport): void {
    const cancelDeadline = this.#options.clock.after(HELLO_MS_MAX, () => {
      this.#turnAway(
        transport,
        new MeshError("TIMEOUT", `no hello within ${HELLO_MS_MAX / 1000} s`),
      );
    });
    void transport.closed.then(cancelDeadline);
    transport.onMessage = (bytes) => {
      cancelDeadline();
      try {
        const [hello, ...rest] = decodeBatch(bytes);
        if (!driverMessages.accepts(hello) || hello.type !== "hello") {
          const complaint = driverMessages.complaint(hello);
          throw new MeshError("PROTOCOL_VIOLATION", `expected hello first: ${complaint}`);
        }
        const session = this.#join(transport, hello);
        transport.onMessage = (next) => session.receive(next);
        if (rest.length > 0) session.receive(encodeBatch(rest as object[]));
      } catch (error) {
        this.#turnAway(transport, error);
      }
    };
  }

  close(reason: string): void {
    this.#closed = true;
    this.#cancelTick();
    this.#cancelWake();
    for (const { session } of this.#members.values()) {
      session.drop({ code: "DISCONNECTED", message: reason });
    }
  }

  #join(transport: Transport, hello: Hello): PeerSession {
    const { tokens, peersMax, iceServers } = this.#options;
    const protocolVersion = negotiateVersion(hello.protocolVersions);
    tokens.require(hello.token, ROLE_TOKENS[hello.role]);
    if (hello.role === "worker" && !hello.capacity) {
      throw new MeshError("PROTOCOL_VIOLATION", "a worker must say what it offers (capacity)");
    }
    if (this.#members.size >= peersMax) {
      throw new MeshError("QUOTA_EXCEEDED", `this mesh has its maximum of ${peersMax} peers`);
    }
    const peer = this.#options.newPeerId?.(hello) ?? newPeerId(hello.runtime);
    const ticketKey = new Uint8Array(randomBytes(32));
    const signalKey = randomBytes(24).toString("hex");
    const session = new PeerSession({ peer, role: hello.role }, transport, {
      onMessage: (message) => {
        member.heardMs = this.#nowMs();
        this.plane.receive(peer, message, member.heardMs);
        this.#wakeLater();
      },
      onRelay: (header, payload) => this.#relay.take(peer, header, payload),
      onEnded: (why) => this.#leave(peer, hello.name, why),
    });
    const member: Member = {
      role: hello.role,
      session,
      ticketKey,
      signalKey,
      heardMs: this.#nowMs(),
    };
    this.#members.set(peer, member);
    const job = peer as string as JobId;
    const welcome: CoordinatorMessage = {
      type: "welcome",
      protocolVersion,
      peer,
      job,
      heartbeatEveryMs: HEARTBEAT_EVERY_MS,
      ticketKey,
      jobKey: this.#jobSecret(job),
      signalKey,
      iceServers,
      epochMs: Date.now(),
    };
    session.send(welcome, 0);
    this.plane.peerJoined({ peer, hello: { ...hello, token: "" } }, this.#nowMs());
    this.#options.log(`${hello.role} ${hello.name} (${peer}, ${hello.runtime}) joined`);
    return session;
  }

  #jobSecret(job: JobId): Uint8Array<ArrayBuffer> {
    return new Uint8Array(createHmac("sha256", this.#secret).update(`job ${job}`).digest());
  }

  #leave(peer: PeerId, name: string, why: string): void {
    this.#members.delete(peer);
    this.#relay.peerLeft(peer);
    this.#options.log(`${name} (${peer}) left: ${why}`);
    this.plane.peerLeft(peer, why, this.#nowMs());
    this.#wakeLater();
  }

  /** The control plane watches workers; a driver that vanished must not keep what it holds. */
  /** In whole milliseconds: a fraction would be an object of its own in every record that keeps it. */
  #nowMs(): number {
    return Math.round(this.#options.clock.nowMs());
  }

  #dropSilentDrivers(nowMs: number): void {
    for (const { role, session, heardMs } of this.#members.values()) {
      if (role !== "driver" || nowMs - heardMs <= DRIVER_SILENCE_MS_MAX) continue;
      const message = `nothing was heard of ${session.peer} for ${DRIVER_SILENCE_MS_MAX / 1000} s`;
      session.drop({ code: "DISCONNECTED", message });
    }
  }

  #turnAway(transport: Transport, error: unknown): void {
    if (!MeshError.is(error)) throw error;
    void transport.send(encodeBatch([{ type: "bye", error: toWireError(error) }]));
    transport.close({ code: "refused", detail: error.message });
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.after(TICK_EVERY_MS, () => {
      this.#tick();
      if (!this.#closed) this.#scheduleTick();
    });
  }

  #tick(): void {
    if (this.#closed) return;
    const nowMs = this.#nowMs();
    this.plane.tick(nowMs);
    this.#dropSilentDrivers(nowMs);
    this.#wakeLater();
  }

  /** What rests before it is tried again may not have to wait for the next tick. */
  #wakeLater(): void {
    const wakeMs = nextWakeMs(this.plane.scheduler);
    if (wakeMs === undefined || wakeMs >= this.#wakesMs) return;
    this.#wakesMs = wakeMs;
    this.#cancelWake();
    this.#cancelWake = this.#options.clock.after(Math.max(0, wakeMs - this.#nowMs()), () => {
      this.#wakesMs = Number.POSITIVE_INFINITY;
      this.#tick();
    });
  }
}

/** In constant time: a duration must not tell how much of a guess was right. */
function sameSecret(secret: string, given: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(secret), digest(given));
}

/** Such as `n4k2x9q1b7d0m`: `n` for Node, `b` for a browser, and some 60 random bits. */
function newPeerId(runtime: Runtime): PeerId {
  const random = [...randomBytes(12)].map((byte) => (byte % 36).toString(36)).join("");
  return `${runtime === "node" ? "n" : "b"}${random}` as PeerId;
}
