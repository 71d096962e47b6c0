import { MeshError } from "../errors.ts";
import { decodeBatch } from "../protocol/batch.ts";
import { decodeFrame, encodeFrame, isFrame } from "../protocol/frame.ts";
import {
  coordinatorMessages,
  relayHeaders,
  type CoordinatorMessage,
  type Hello,
  type PeerMessage,
  type RelayHeader,
  type Welcome,
} from "../protocol/messages.ts";
import { Outbox } from "../protocol/outbox.ts";
import { PROTOCOL_VERSIONS } from "../protocol/versions.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { Clock } from "../clock.ts";
import type { Transport } from "../transport/transport.ts";

/** How long the coordinator may take to answer `hello`. */
const WELCOME_MS_MAX = 10_000;

/**
 * Heartbeats in a row that nothing came back for, until the coordinator is given up. Counted when
 * the next one is sent, not by a timer: a tab that was suspended does not take its own pause for
 * the coordinator's.
 */
const UNANSWERED_MAX = 3;

export interface SessionHandlers {
  onMessage(
    message: Exclude<CoordinatorMessage, { type: "welcome" | "bye" | "heartbeat-seen" }>,
  ): void;
  onRelay(header: RelayHeader, payload: Uint8Array<ArrayBuffer>): void;
}

/**
 * A peer's connection to the coordinator, after `hello` and `welcome`. Messages of one event-loop
 * turn leave as one batch.
 */
export class CoordinatorSession {
  readonly welcome: Welcome;
  /** Resolves with the reason when the session is over. Never rejects. */
  readonly ended: Promise<MeshError>;
  readonly #transport: Transport;
  readonly #outbox: Outbox<PeerMessage>;
  readonly #clock: Clock;
  #unanswered = 0;
  /** What the transport had received by the last heartbeat, and when that was more than before. */
  #arrivals: number;
  #heardMs: number;
  #handlers: SessionHandlers | undefined;
  #early: CoordinatorMessage[] = [];
  #end!: (reason: MeshError) => void;

  /**
   * Introduce this peer over an open transport.
   * @throws MeshError what the coordinator refused it for (`UNAUTHENTICATED`, `FORBIDDEN`,
   *   `VERSION_MISMATCH`), `TIMEOUT`, or `DISCONNECTED`.
   */
  static async open(
    transport: Transport,
    hello: Omit<Hello, "type" | "protocolVersions">,
    clock: Clock,
  ): Promise<CoordinatorSession> {
    let session: CoordinatorSession | undefined;
    const welcome = await new Promise<Welcome>((resolve, reject) => {
      const cancelDeadline = clock.after(WELCOME_MS_MAX, () => {
        transport.close({ code: "timeout" });
        reject(new MeshError("TIMEOUT", `no welcome from the coordinator in ${WELCOME_MS_MAX} ms`));
      });
      void transport.closed.then((reason) => {
        cancelDeadline();
        reject(disconnected(reason.detail ?? reason.code));
      });
      transport.onMessage = (bytes) => {
        if (session) return session.#receive(bytes);
        cancelDeadline();
        try {
          const [first, ...rest] = decodeBatch(bytes) as CoordinatorMessage[];
          if (first && coordinatorMessages.accepts(first) && first.type === "welcome") {
            session = new CoordinatorSession(transport, first, clock);
            session.#early = rest;
            resolve(first);
          } else if (first && coordinatorMessages.accepts(first) && first.type === "bye") {
            reject(fromWireError(first.error));
          } else {
            reject(new MeshError("PROTOCOL_VIOLATION", "the coordinator did not say welcome"));
          }
        } catch (error) {
          reject(error);
        }
      };
      const outbox = new Outbox<PeerMessage>(transport);
      outbox.push({ type: "hello", protocolVersions: [...PROTOCOL_VERSIONS], ...hello });
      outbox.flush();
    });
    return session ?? new CoordinatorSession(transport, welcome, clock);
  }

  private constructor(transport: Transport, welcome: Welcome, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
    this.#arrivals = transport.arrivals;
    this.#heardMs = clock.nowMs();
    this.#outbox = new Outbox(transport);
    this.welcome = welcome;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    void transport.closed.then((reason) => this.#end(disconnected(reason.detail ?? reason.code)));
  }

  /** Start to deliver messages; those that came before are delivered now. */
  start(handlers: SessionHandlers): void {
    this.#handlers = handlers;
    const early = this.#early;
    this.#early = [];
    for (const message of early) this.#deliver(message);
  }

  /** @param valueBytes size of the values inside the message. */
  send(message: PeerMessage, valueBytes = 0): void {
    if (message.type === "heartbeat") this.#countHeartbeat();
    this.#outbox.push(message, valueBytes);
  }

  flush(): void {
    this.#outbox.flush();
  }

  /** Resolves when the connection wants more. */
  get ready(): Promise<void> {
    return this.#outbox.ready;
  }

  sendRelay(header: RelayHeader, payload: Uint8Array): Promise<void> {
    this.#outbox.flush();
    return this.#transport.send(encodeFrame(header, payload));
  }

  /** Say goodbye and close. */
  close(reason: string): void {
    this.send({ type: "goodbye", reason });
    this.flush();
    this.#end(new MeshError("DISCONNECTED", `this side has closed the connection: ${reason}`));
    this.#transport.close({ code: "done", detail: reason });
  }

  /** Ends the session if the heartbeats before this one are all unanswered. */
  #countHeartbeat(): void {
    const { arrivals } = this.#transport;
    const nowMs = this.#clock.nowMs();
    if (arrivals > this.#arrivals) {
      this.#arrivals = arrivals;
      this.#unanswered = 0;
      this.#heardMs = nowMs;
    } else if (this.#unanswered >= UNANSWERED_MAX) {
      const quietSeconds = Math.round((nowMs - this.#heardMs) / 1_000);
      const detail = `nothing heard from the coordinator for over ${quietSeconds} s`;
      this.#end(disconnected(`${detail}; ${this.#unanswered} heartbeats were not answered`));
      this.#transport.close({ code: "timeout", detail });
    }
    this.#unanswered++;
  }

  #receive(bytes: Uint8Array<ArrayBuffer>): void {
    try {
      if (!isFrame(bytes)) {
        for (const message of decodeBatch(bytes)) this.#deliver(message);
        return;
      }
      const { header, payload } = decodeFrame(bytes);
      if (relayHeaders.accepts(header)) this.#handlers?.onRelay(header, payload);
    } catch (error) {
      if (!MeshError.is(error) || error.code !== "PROTOCOL_VIOLATION") throw error;
      this.#end(error);
      this.#transport.close({ code: "protocol-violation", detail: error.message });
    }
  }

  #deliver(message: unknown): void {
    if (!this.#handlers) {
      this.#early.push(message as CoordinatorMessage);
      return;
    }
    if (!coordinatorMessages.accepts(message)) {
      throw new MeshError("PROTOCOL_VIOLATION", coordinatorMessages.complaint(message));
    }
    if (message.type === "bye") this.#end(fromWireError(message.error));
    else if (message.type !== "welcome" && message.type !== "heartbeat-seen") {
      this.#handlers.onMessage(message);
    }
  }
}

const disconnected = (why: string): MeshError =>
  new MeshError(
    "DISCONNECTED",
    `the connection to the coordinator ended (${why}); check that it runs, then connect again`,
  );
