import { MeshError } from "../../shared/errors.ts";
import type { PeerId } from "../../shared/ids.ts";
import { decodeBatch } from "../../shared/protocol/batch.ts";
import { decodeFrame, encodeFrame, isFrame } from "../../shared/protocol/frame.ts";
import {
  driverMessages,
  relayHeaders,
  workerMessages,
  type CoordinatorMessage,
  type PeerMessage,
  type RelayHeader,
  type Role,
} from "../../shared/protocol/messages.ts";
import { RELAY_WINDOW_BYTES } from "../../shared/protocol/limits.ts";
import { Outbox } from "../../shared/protocol/outbox.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { toWireError } from "../../shared/protocol/wire-error.ts";
import type { Transport } from "../../shared/transport/transport.ts";

/** Bad messages a peer may send before it is dropped: enough to show it what is wrong. */
const STRIKES_MAX = 8;

/** Bytes waiting for a peer that does not read before it is given up. */
const BACKLOG_BYTES_MAX = 256 * 2 ** 20;

/** Relayed bytes of one sender that may wait for a peer: several links' worth. */
const RELAYED_BYTES_MAX = 16 * RELAY_WINDOW_BYTES;

export interface PeerSessionHandlers {
  /** @throws MeshError what is wrong with the message; the peer is told. */
  onMessage(message: PeerMessage): void;
  onRelay(header: RelayHeader, payload: Uint8Array<ArrayBuffer>): void;
  /** The transport has closed, or the peer was dropped. Called once. */
  onEnded(why: string): void;
}

/** The coordinator's end of one peer's connection, after its `hello` was accepted. */
export class PeerSession {
  readonly peer: PeerId;
  readonly #transport: Transport;
  readonly #outbox: Outbox<CoordinatorMessage>;
  readonly #accepts: (message: unknown) => boolean;
  readonly #complaint: (message: unknown) => string;
  readonly #handlers: PeerSessionHandlers;
  /** Relayed bytes that wait for this peer since it last wanted more, by sender. */
  readonly #relayedBytes = new Map<PeerId, number>();
  #strikes = 0;
  #backlogBytes = 0;
  #ended = false;

  constructor(
    identity: { readonly peer: PeerId; readonly role: Role },
    transport: Transport,
    handlers: PeerSessionHandlers,
  ) {
    this.peer = identity.peer;
    this.#transport = transport;
    this.#outbox = new Outbox(transport);
    const check = identity.role === "worker" ? workerMessages : driverMessages;
    this.#accepts = check.accepts;
    this.#complaint = check.complaint;
    this.#handlers = handlers;
    void transport.closed.then((reason) => this.#end(reason.detail ?? reason.code));
  }

  send(message: CoordinatorMessage, valueBytes: number): void {
    if (this.#ended) return;
    this.#outbox.push(message, valueBytes);
    this.#account(valueBytes);
  }

  /**
   * Pass on a frame from another peer. Nobody waits here: the two ends of a relayed link keep at
   * most RELAY_WINDOW_BYTES on the way.
   * @returns false if so much of that peer's waits for this one that it cannot be keeping to that.
   */
  sendRelay(header: RelayHeader, payload: Uint8Array): boolean {
    if (this.#ended) return true;
    const waitingBytes = this.#relayedBytes.get(header.peer) ?? 0;
    if (waitingBytes > RELAYED_BYTES_MAX) return false;
    this.#outbox.flush();
    const ready = this.#transport.send(encodeFrame(header, payload));
    if (this.#relayedBytes.size === 0) void ready.then(() => this.#relayedBytes.clear());
    this.#relayedBytes.set(header.peer, waitingBytes + payload.byteLength);
    return true;
  }

  /** Say why, and close. */
  drop(error: WireError): void {
    if (this.#ended) return;
    this.#outbox.push({ type: "bye", error });
    this.#outbox.flush();
    this.#transport.close({ code: "refused", detail: error.message });
    this.#end(error.message);
  }

  /** One message of the transport: a batch of messages, or a frame for another peer. */
  receive(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#ended) return;
    try {
      if (isFrame(bytes)) this.#receiveFrame(bytes);
      else for (const message of decodeBatch(bytes)) this.#receiveMessage(message);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #receiveMessage(message: unknown): void {
    if (this.#ended) return;
    try {
      if (!this.#accepts(message)) {
        throw new MeshError("PROTOCOL_VIOLATION", this.#complaint(message));
      }
      const accepted = message as PeerMessage;
      if (accepted.type === "heartbeat") this.send({ type: "heartbeat-seen" }, 0);
      this.#handlers.onMessage(accepted);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #receiveFrame(bytes: Uint8Array<ArrayBuffer>): void {
    const { header, payload } = decodeFrame(bytes);
    if (!relayHeaders.accepts(header)) {
      throw new MeshError("PROTOCOL_VIOLATION", relayHeaders.complaint(header));
    }
    this.#handlers.onRelay(header, payload);
  }

  /** Tell the peer what was wrong with its message; a peer that goes on is dropped. */
  #refuse(error: unknown): void {
    if (!MeshError.is(error)) throw error; // A bug of ours: not the peer's fault, and not to hide.
    this.#strikes += 1;
    if (this.#strikes < STRIKES_MAX) {
      this.send({ type: "refused", error: toWireError(error) }, 0);
      return;
    }
    const message = `dropped after ${STRIKES_MAX} bad messages; the last one: ${error.message}`;
    this.drop({ code: "PROTOCOL_VIOLATION", message });
  }

  #account(valueBytes: number): void {
    if (this.#backlogBytes === 0) {
      void this.#outbox.ready.then(() => (this.#backlogBytes = 0));
    }
    this.#backlogBytes += valueBytes + 64;
    if (this.#backlogBytes < BACKLOG_BYTES_MAX) return;
    const message = `${this.peer} does not read: over ${BACKLOG_BYTES_MAX} bytes wait for it`;
    this.drop({ code: "QUOTA_EXCEEDED", message });
  }

  #end(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handlers.onEnded(why);
  }
}
