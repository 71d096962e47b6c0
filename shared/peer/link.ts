import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { LinkName, PeerId } from "../ids.ts";
import { decodeBatch, encodeBatch } from "../protocol/batch.ts";
import { decodeFrame, encodeFrameHead, isFrame } from "../protocol/frame.ts";
import {
  chunkHeaders,
  linkMessages,
  type ChunkHeader,
  type LinkMessage,
  type LinkPing,
} from "../protocol/link-messages.ts";
import type { Path } from "../protocol/messages.ts";
import { Outbox } from "../protocol/outbox.ts";
import type { WireError } from "../protocol/schema.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { CloseReason, Transport, TransportPath } from "../transport/transport.ts";
import type { Greeted } from "./handshake.ts";
import { ArrivalOrder } from "./lanes/arrival-order.ts";
import { LANES_MAX } from "./lanes/lane-policy.ts";
import { Lanes } from "./lanes/lanes.ts";
import type { LinkAccount } from "./link-counters.ts";
import { RoundTrip } from "./round-trip.ts";

/** While objects are sent, how often the round trip is measured again. */
const PING_EVERY_MS = 5_000;

/** With so much on its way, an answer tells of the queue and not of the way. */
const LOADED_BYTES_MIN = 16 * 1024;

/** Bad messages a peer may send on one link before the link is closed. */
const VIOLATIONS_MAX = 3;

/**
 * Answers that a peer may leave unread: asking costs it nothing, and they would pile up here without
 * end. Twice what is kept for one caller of one actor, because that much may have to be sent again.
 * This side's own calls do not count: they are limited where they are made.
 */
const UNREAD_ANSWER_BYTES_MAX = 128 * 2 ** 20;
/** What an answer costs besides its values, roughly. */
const ANSWER_BYTES_ESTIMATE = 64;

/** Messages about the link itself. */
type LinkOwn = "link-hello" | "link-welcome" | "link-refused" | "link-reason" | "link-ping";
/** What a service can receive on an open link. */
export type ServiceMessage = Exclude<LinkMessage, { type: LinkOwn }>;

/** Where a link hands over what arrives. A handler that throws `PROTOCOL_VIOLATION` blames the peer. */
export interface LinkReceiver {
  onMessage(link: Link, message: ServiceMessage): void;
  onChunk(link: Link, header: ChunkHeader, payload: Uint8Array<ArrayBuffer>): void;
}

export interface LinkOptions {
  readonly peer: PeerId;
  readonly transport: Transport;
  readonly reason: string | undefined;
  readonly receiver: LinkReceiver;
  /** Where what it moves is counted, if anywhere. */
  readonly account: LinkAccount | undefined;
  readonly clock: Clock;
  /** What its opener calls it, if the other end may open lanes for it. */
  readonly name: LinkName | undefined;
  /** Opens one more lane for parts of objects; unset where one is as good as several. */
  readonly openLane: ((link: Link) => Promise<Transport>) | undefined;
}

/** An open, authenticated connection to one peer: typed messages in batches, objects in chunks. */
export class Link {
  readonly peer: PeerId;
  readonly path: Path;
  /** What its opener calls it. */
  readonly name: LinkName | undefined;
  /** Resolves with the reason when the link ends, from either side. Never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #transport: Transport;
  readonly #lanes: Lanes;
  /** Of the chunks that the other end sends. */
  readonly #arrivals = new ArrivalOrder();
  readonly #lanesOfOther = new Set<Transport>();
  readonly #roundTrip = new RoundTrip();
  readonly #outbox: Outbox<LinkMessage>;
  readonly #options: LinkOptions;
  #isOpen = true;
  #violations = 0;
  #unreadAnswerBytes = 0;
  #refusal: WireError | undefined;
  #reason: string | undefined;
  #pingedMs = -Infinity;
  /** Whether that ping had to wait behind what was sent before. */
  #isPingLoaded = false;
  #chunksSent = 0;
  #undelivered: { readonly chunks: number; readonly resolve: () => void }[] = [];

  constructor(options: LinkOptions) {
    const { peer, transport, reason, clock, account, openLane } = options;
    this.peer = peer;
    this.name = options.name;
    this.path = pathOf(transport.path);
    this.#options = options;
    this.#setReason(reason);
    this.#transport = transport;
    this.#outbox = new Outbox(transport);
    this.#lanes = new Lanes({
      transport,
      clock,
      open: openLane && (() => openLane(this)),
      roundTripMs: () => this.#roundTrip.ms,
      askDelivered: () => this.ping(),
      onChange: (lanes, obstacle) => account?.lanes(lanes, obstacle),
      onBroken: (detail) => this.close({ code: "failed", detail }),
    });
    this.closed = transport.closed.then((why) => {
      this.#isOpen = false;
      this.#closeLanes();
      return why;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Why this path and not a better one, if there is a reason to give. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** More is known now of why it is this path: a better one was tried on, and failed. */
  explainPath(reason: string | undefined): void {
    this.#setReason(reason);
    if (reason !== undefined) this.send({ type: "link-reason", reason });
  }

  /** How long a message and its answer take without a queue before them, if that was measured. */
  get roundTripMs(): number | undefined {
    return this.#roundTrip.ms;
  }

  /** Changes while the other end reads. */
  get takenBytes(): number {
    return this.#lanes.takenBytes;
  }

  /** Measure the round trip. */
  ping(): void {
    this.#pingedMs = this.#options.clock.nowMs();
    this.#isPingLoaded = this.#transport.unreadBytes > LOADED_BYTES_MIN;
    this.send({ type: "link-ping", atMs: this.#pingedMs });
  }

  /** Say to who opened the link that it is open. */
  welcome(): void {
    this.send({ type: "link-welcome" });
    this.ping();
  }

  /**
   * The other end has opened one more lane, to send parts of objects on.
   * @throws MeshError `QUOTA_EXCEEDED` if it has as many as it may.
   */
  addLane(transport: Transport): Greeted {
    if (this.#lanesOfOther.size >= LANES_MAX - 1) {
      throw new MeshError("QUOTA_EXCEEDED", `a link has at most ${LANES_MAX} lanes`);
    }
    this.#lanesOfOther.add(transport);
    if (this.roundTripMs !== undefined) transport.paceSender?.(this.roundTripMs);
    void transport.closed.then(() => this.#lanesOfOther.delete(transport));
    return {
      welcome: () => void transport.send(encodeBatch([{ type: "link-welcome" }])),
      deliver: (messages) => {
        if (messages.length > 0) this.#blame(violation("a message on a lane for parts of objects"));
      },
      receive: (bytes, tail) => this.#receiveFrame(bytes, tail),
    };
  }

  /** What the other end last refused of what this one sent, if anything. */
  get refusal(): WireError | undefined {
    return this.#refusal;
  }

  /** Messages of one turn of the event loop leave as one batch, in order. On a closed link: nothing. */
  send(message: LinkMessage): void {
    if (!this.#isOpen) return;
    const valueBytes = valueBytesOf(message);
    this.#outbox.push(message, valueBytes);
    if (isAnswer(message)) this.#countAnswer(valueBytes + ANSWER_BYTES_ESTIMATE);
  }

  /**
   * Send part of an object. Parts arrive in this order among themselves, but may overtake messages.
   * @returns when the link wants more, or is closed.
   */
  sendChunk(header: ChunkHeader, payload: Uint8Array): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    const { account, clock } = this.#options;
    if (clock.nowMs() - this.#pingedMs > PING_EVERY_MS) this.ping();
    this.#outbox.flush();
    account?.moved(payload.byteLength, 0);
    const { object, offset, totalBytes } = header;
    const number = this.#chunksSent++;
    const sent: ChunkHeader = { type: "chunk", object, offset, totalBytes, number };
    return this.#lanes.send(encodeFrameHead(sent, payload.byteLength), payload);
  }

  /** Resolves when the other end has delivered every part that was sent until now, or at the end. */
  delivered(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.ping();
    return new Promise((resolve) => this.#undelivered.push({ chunks: this.#chunksSent, resolve }));
  }

  /** What is queued is sent first. */
  close(reason: CloseReason): void {
    if (!this.#isOpen) return;
    this.#outbox.flush();
    this.#isOpen = false;
    this.#transport.close(reason);
    this.#closeLanes();
  }

  /** Takes what the transport delivers once the link is open. */
  receive(bytes: Uint8Array<ArrayBuffer>, tail?: Uint8Array<ArrayBuffer>): void | Promise<void> {
    if (isFrame(bytes)) return this.#receiveFrame(bytes, tail);
    try {
      if (tail) throw violation("messages that came in two parts");
      this.deliver(decodeBatch(bytes));
    } catch (error) {
      this.#blame(error);
    }
  }

  #receiveFrame(
    bytes: Uint8Array<ArrayBuffer>,
    tail: Uint8Array<ArrayBuffer> | undefined,
  ): void | Promise<void> {
    try {
      const { header, payload } = decodeFrame(bytes, tail);
      if (!chunkHeaders.accepts(header)) throw violation(chunkHeaders.complaint(header));
      const { number, ...chunk } = header;
      if (number === undefined) return this.#deliverChunk(chunk, payload);
      // What waits for others needs memory of its own: a tail is lent only for now.
      const own = tail && number !== this.#arrivals.delivered ? payload.slice() : payload;
      return this.#arrivals.take(number, own.length, () => this.#deliverChunk(chunk, own));
    } catch (error) {
      this.#blame(error);
    }
  }

  #deliverChunk(header: ChunkHeader, payload: Uint8Array<ArrayBuffer>): void {
    if (!this.#isOpen) return;
    try {
      this.#options.account?.moved(0, payload.byteLength);
      this.#options.receiver.onChunk(this, header, payload);
    } catch (error) {
      this.#blame(error);
    }
  }

  #closeLanes(): void {
    this.#settleDelivered(Infinity);
    this.#lanes.close();
    for (const lane of this.#lanesOfOther) lane.close({ code: "done" });
  }

  /** Takes messages of a batch that was decoded already. One bad message spoils none of the others. */
  deliver(messages: readonly unknown[]): void {
    for (const message of messages) {
      if (!this.#isOpen) return;
      try {
        this.#deliverOne(message);
      } catch (error) {
        this.#blame(error);
      }
    }
  }

  #deliverOne(message: unknown): void {
    if (!linkMessages.accepts(message)) throw violation(linkMessages.complaint(message));
    if (message.type === "link-refused") {
      this.#refusal = message.error;
    } else if (message.type === "link-reason") {
      this.#setReason(message.reason);
    } else if (message.type === "link-ping") {
      this.#pinged(message);
    } else if (message.type === "link-hello" || message.type === "link-welcome") {
      throw violation(`${message.type} on a link that is open already`);
    } else {
      this.#options.receiver.onMessage(this, message);
    }
  }

  #pinged({ atMs, answeredChunks }: LinkPing): void {
    if (answeredChunks === undefined) {
      return this.send({ type: "link-ping", atMs, answeredChunks: this.#arrivals.delivered });
    }
    if (answeredChunks === this.#chunksSent) this.#lanes.delivered();
    // Asked again once for each question: a peer could send answers without end.
    const isLatest = atMs === this.#pingedMs;
    this.#settleDelivered(answeredChunks);
    const { clock, account } = this.#options;
    const isLoaded = !isLatest || this.#isPingLoaded;
    const roundTripMs = this.#roundTrip.measured(clock.nowMs() - atMs, isLoaded);
    const isAwaited = this.#undelivered.length > 0;
    if (isLatest && this.#isOpen && (isAwaited || this.#roundTrip.wantsMore)) this.ping();
    if (roundTripMs === undefined) return;
    account?.roundTrip(roundTripMs);
    for (const transport of [this.#transport, ...this.#lanesOfOther]) {
      transport.paceSender?.(roundTripMs);
    }
  }

  #settleDelivered(chunks: number): void {
    for (const waiter of this.#undelivered) if (waiter.chunks <= chunks) waiter.resolve();
    this.#undelivered = this.#undelivered.filter((waiter) => waiter.chunks > chunks);
  }

  #setReason(reason: string | undefined): void {
    this.#reason = reason;
    this.#options.account?.because(reason);
  }

  /** A peer that asks and does not read is cut off. */
  #countAnswer(bytes: number): void {
    // No more answers than messages are unread.
    const unreadBytes = Math.min(this.#unreadAnswerBytes, this.#transport.unreadBytes) + bytes;
    this.#unreadAnswerBytes = unreadBytes;
    if (unreadBytes <= UNREAD_ANSWER_BYTES_MAX) return;
    const detail = `${this.peer} does not read: over ${UNREAD_ANSWER_BYTES_MAX} bytes of answers wait`;
    this.close({ code: "failed", detail });
  }

  #blame(error: unknown): void {
    // Anything else is a bug of this side, not of the peer's.
    if (!MeshError.is(error) || error.code !== "PROTOCOL_VIOLATION") throw error;
    this.send({ type: "link-refused", error: toWireError(error) });
    this.#violations++;
    if (this.#violations < VIOLATIONS_MAX) return;
    this.close({
      code: "protocol-violation",
      detail: `${this.#violations} bad messages; the last: ${error.message}`.slice(0, 256),
    });
  }
}

const violation = (why: string): MeshError => new MeshError("PROTOCOL_VIOLATION", why);

/** The path a user sees: links inside one machine are `local`, whatever carries them. */
export const pathOf = (path: TransportPath): Path =>
  path === "memory" || path === "message-port" ? "local" : path;

/** Sent because the other end sent something. */
function isAnswer(message: LinkMessage): boolean {
  switch (message.type) {
    case "call-done":
    case "fetch-failed":
    case "link-refused":
    case "pieces":
      return true;
    case "link-ping":
      return message.answeredChunks !== undefined;
    default:
      return false;
  }
}

const ID_BYTES_ESTIMATE = 24;
const RANGE_BYTES_ESTIMATE = 8;

/** Size of the values inside a message, so that a batch stays within its limit. */
function valueBytesOf(message: LinkMessage): number {
  switch (message.type) {
    case "call": {
      const refs = (message.dependencies?.length ?? 0) + (message.contained?.length ?? 0);
      return message.args.byteLength + message.method.length + refs * ID_BYTES_ESTIMATE;
    }
    case "call-done": {
      const refs = (message.contained?.length ?? 0) * ID_BYTES_ESTIMATE;
      return (message.inline?.byteLength ?? 0) + refs + errorBytesOf(message.error);
    }
    case "fetch-failed":
    case "link-refused":
      return errorBytesOf(message.error);
    case "pieces":
      return message.ranges.length * RANGE_BYTES_ESTIMATE;
    case "link-hello":
    case "link-welcome":
    case "fetch":
    case "fetch-stop":
    case "call-ack":
    case "call-cancel":
    case "link-reason":
    case "link-ping":
      return 0;
  }
}

function errorBytesOf(error: WireError | undefined): number {
  if (!error) return 0;
  const { message, stack = "", thrown } = error.cause ?? { message: "" };
  return error.message.length + message.length + stack.length + (thrown?.byteLength ?? 0);
}
