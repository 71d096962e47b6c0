import type { JobId, PeerId } from "../ids.ts";
import { decodeBatch, encodeBatch } from "../protocol/batch.ts";
import { decodeFrame, encodeFrame, isFrame } from "../protocol/frame.ts";
import {
  relayHeaders,
  workerMessages,
  type CoordinatorMessage,
  type PeerMessage,
} from "../protocol/messages.ts";
import { signTicket } from "../protocol/tickets.ts";
import { memoryTransportPair } from "../transport/memory.ts";
import type { Transport } from "../transport/transport.ts";

export const WORKER = "nworker" as PeerId;
export const DRIVER = "ndriver" as PeerId;
const KEYS = { [WORKER]: new Uint8Array(32).fill(1), [DRIVER]: new Uint8Array(32).fill(2) };

/** The coordinator's end of the wire: it welcomes, introduces and relays, and tests play the rest. */
export class Mesh {
  readonly heard: PeerMessage[] = [];
  heartbeatEveryMs = 20;
  readonly #ends = new Map<PeerId, Transport>();
  readonly #listeners = new Set<() => void>();

  connect(peer: PeerId): Transport {
    const [theirs, ours] = memoryTransportPair();
    this.#ends.set(peer, ours);
    ours.onMessage = (bytes) => this.#receive(peer, bytes);
    return theirs;
  }

  send(message: CoordinatorMessage, to = WORKER): void {
    void this.#ends.get(to)!.send(encodeBatch([message]));
  }

  cut(peer: PeerId): void {
    this.#ends.get(peer)!.close({ code: "failed", detail: "the wire was cut" });
  }

  /** The first message of a kind, once it is there. */
  async hears<Type extends PeerMessage["type"]>(
    type: Type,
    more: Partial<Extract<PeerMessage, { type: Type }>> = {},
  ): Promise<Extract<PeerMessage, { type: Type }>> {
    for (;;) {
      const found = this.heard.find(
        (message) =>
          message.type === type &&
          Object.entries(more).every(([key, value]) => message[key as never] === value),
      );
      if (found) return found as Extract<PeerMessage, { type: Type }>;
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  #receive(from: PeerId, bytes: Uint8Array<ArrayBuffer>): void {
    if (isFrame(bytes)) {
      const { header, payload } = decodeFrame(bytes);
      if (!relayHeaders.accepts(header)) throw new Error("not a relay frame");
      void this.#ends.get(header.peer)!.send(encodeFrame({ ...header, peer: from }, payload));
      return;
    }
    for (const message of decodeBatch(bytes)) {
      if (!workerMessages.accepts(message)) throw new Error(workerMessages.complaint(message));
      if (message.type === "hello") this.#welcome(from);
      else if (message.type === "introduce-me") this.#introduce(from, message.peer);
      else if (from === WORKER) this.heard.push(message);
    }
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  #welcome(peer: PeerId): void {
    const welcome: CoordinatorMessage = {
      type: "welcome",
      protocolVersion: 1,
      peer,
      job: "j1" as JobId,
      heartbeatEveryMs: this.heartbeatEveryMs,
      ticketKey: KEYS[peer]!,
      signalKey: "",
      iceServers: [],
    };
    this.send(welcome, peer);
  }

  #introduce(from: PeerId, peer: PeerId): void {
    const ticket = signTicket(KEYS[peer]!, { from, to: peer }, Date.now() + 10_000);
    this.send({ type: "introduction", peer, ticket, runtime: "node", webrtc: false }, from);
  }
}
