import { systemClock, type Clock } from "../clock.ts";
import {
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
  RTC_MESSAGE_BYTES,
  SOCKET_WINDOW_BYTES,
} from "../protocol/limits.ts";
import { reasonToText, textToReason } from "./close-reason.ts";
import { dataOf, type EventSourceLike } from "./event-source.ts";
import { browserWindowBytes } from "./receive-window.ts";
import { Reassembly } from "./reassembly.ts";
import type { CloseReason, Transport } from "./transport.ts";
import { WindowedTransport } from "./windowed-transport.ts";

/** An `RTCDataChannel` of a browser or of node-datachannel's polyfill. */
export interface DataChannelLike extends EventSourceLike {
  binaryType: string;
  readonly readyState: string;
  readonly bufferedAmount: number;
  bufferedAmountLowThreshold: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(): void;
}

export interface DataChannelOptions {
  /** The other end's `maxMessageSize`, asked when the channel is open and the answer is known. */
  messageBytesMax(): number | null | undefined;
  /** Whether this end is a browser, whose receiver loses bursts that come from afar. */
  readonly isBrowser?: boolean;
  /** Called once, when the channel needs its PeerConnection no longer. */
  onClose(): void;
  clock?: Clock;
}

/** The last byte of each piece. At the end, because messages must start aligned (T1). */
const LAST = 0;
const MORE = 1;

/** How long the other end may take to close in good order. */
const CLOSE_MS_MAX = 1_000;

/**
 * A transport over a reliable, ordered data channel, which may still be connecting; the channel is
 * its own from now on. Pieces of messages are binary; the text `a12345` acknowledges 12,345 consumed
 * bytes, `w65536` asks the other end to keep to such a window, and `x` with a reason closes.
 */
export function dataChannelTransport(
  channel: DataChannelLike,
  options: DataChannelOptions,
): Transport {
  const wire = new ChannelWire(channel, options);
  const { transport } = wire;
  if (!options.isBrowser) return transport;
  return Object.assign(transport, { paceSender: (ms: number) => wire.paceSender(ms) });
}

interface Outgoing {
  readonly message: Uint8Array<ArrayBuffer>;
  readonly tail: Uint8Array | undefined;
}

/** Fill `into` with the bytes of a message from `start` on. */
function copyRange({ message, tail }: Outgoing, start: number, into: Uint8Array): void {
  const ofMessage = message.subarray(start, start + into.length);
  into.set(ofMessage);
  const inTail = start + ofMessage.length - message.length;
  const rest = into.length - ofMessage.length;
  if (rest > 0) into.set(tail!.subarray(inTail, inTail + rest), ofMessage.length);
}

class ChannelWire {
  readonly transport: WindowedTransport;
  readonly #channel: DataChannelLike;
  readonly #options: DataChannelOptions;
  readonly #reassembly = new Reassembly();
  /** What the channel has not taken yet; of the first, everything before `#sentOfFirst` is gone. */
  readonly #outgoing: Outgoing[] = [];
  #sentOfFirst = 0;
  /** Where each piece is put together. Channels copy what they send, so it can be used again. */
  readonly #piece = new Uint8Array(RTC_MESSAGE_BYTES);
  #askedWindowBytes = SOCKET_WINDOW_BYTES;
  #isReleased = false;

  constructor(channel: DataChannelLike, options: DataChannelOptions) {
    this.#channel = channel;
    this.#options = options;
    this.transport = new WindowedTransport(
      "webrtc",
      {
        send: (message, tail) => {
          this.#outgoing.push({ message, tail });
          this.#pump();
        },
        acknowledge: (consumedBytes) => this.#say(`a${consumedBytes}`),
        close: (reason) => this.#close(reason),
      },
      SOCKET_WINDOW_BYTES,
    );
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = LOW_WATER_BYTES;
    channel.addEventListener("open", () => this.#pump());
    channel.addEventListener("bufferedamountlow", () => this.#pump());
    channel.addEventListener("message", (event) => this.#receive(dataOf(event)));
    channel.addEventListener("close", () => {
      this.transport.ended({ code: "peer-left", detail: "the data channel closed" });
      this.#release();
    });
    void this.transport.closed.then(() => (this.#outgoing.length = 0));
  }

  paceSender(roundTripMs: number): void {
    const windowBytes = browserWindowBytes(roundTripMs);
    if (windowBytes === this.#askedWindowBytes) return;
    this.#askedWindowBytes = windowBytes;
    this.transport.receiveWindowIs(windowBytes);
    this.#say(`w${windowBytes}`);
  }

  /** Give the channel pieces until it has enough; `bufferedamountlow` asks for more. */
  #pump(): void {
    while (this.#outgoing.length > 0 && this.#channel.readyState === "open") {
      if (this.#channel.bufferedAmount >= HIGH_WATER_BYTES) return;
      const outgoing = this.#outgoing[0]!;
      const sizeBytes = outgoing.message.length + (outgoing.tail?.length ?? 0);
      const start = this.#sentOfFirst;
      const end = Math.min(sizeBytes, start + this.#pieceBytesMax());
      const piece = this.#piece.subarray(0, end - start + 1);
      copyRange(outgoing, start, piece.subarray(0, -1));
      piece[piece.length - 1] = end === sizeBytes ? LAST : MORE;
      if (!this.#trySend(piece)) return;
      this.#sentOfFirst = end;
      if (end === sizeBytes) {
        this.#outgoing.shift();
        this.#sentOfFirst = 0;
      }
    }
  }

  #pieceBytesMax(): number {
    // 0 and nothing mean that the other end did not say; every stack takes 64 KiB.
    const messageBytesMax = this.#options.messageBytesMax() || RTC_MESSAGE_BYTES;
    return Math.min(messageBytesMax, RTC_MESSAGE_BYTES) - 1;
  }

  #say(text: string): void {
    if (this.#channel.readyState === "open") this.#trySend(text);
  }

  #trySend(data: string | Uint8Array<ArrayBuffer>): boolean {
    try {
      this.#channel.send(data);
      return true;
    } catch (cause) {
      const detail = `the data channel did not take a message: ${String(cause)}`;
      this.transport.close({ code: "failed", detail });
      return false;
    }
  }

  #receive(data: unknown): void {
    if (data instanceof ArrayBuffer && data.byteLength > 0) {
      this.#receivePiece(new Uint8Array(data));
    } else if (typeof data === "string" && data.startsWith("a")) {
      this.transport.acknowledged(data.slice(1));
    } else if (typeof data === "string" && /^w\d{1,9}$/.test(data)) {
      this.transport.sendWindowIs(Number(data.slice(1)));
    } else if (typeof data === "string" && data.startsWith("x")) {
      this.transport.ended(textToReason(data.slice(1)));
      this.#channel.close();
      this.#releaseLater();
    } else this.transport.violated("sent neither a piece nor an acknowledgement");
  }

  #receivePiece(piece: Uint8Array<ArrayBuffer>): void {
    const flag = piece[piece.length - 1];
    if (flag !== LAST && flag !== MORE) {
      this.transport.violated(`sent a piece with flag ${flag}`);
      return;
    }
    const message = this.#reassembly.add(piece.subarray(0, -1), flag === MORE);
    if (typeof message === "string") this.transport.violated(message);
    else if (message) this.transport.received(message);
  }

  /**
   * Tell the other end, which then closes the channel: so everything sent before gets there. Closing
   * it here at once would drop what is still queued, in node-datachannel at least.
   */
  #close(reason: CloseReason): void {
    this.#say(`x${reasonToText(reason)}`);
    if (this.#channel.readyState === "open") this.#releaseLater();
    else this.#release();
  }

  #releaseLater(): void {
    (this.#options.clock ?? systemClock).after(CLOSE_MS_MAX, () => this.#release());
  }

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#channel.close();
    this.#options.onClose();
  }
}
