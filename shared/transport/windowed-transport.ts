import { systemClock } from "../clock.ts";
import { HIGH_WATER_BYTES } from "../protocol/limits.ts";
import { ReceiveWindow, SendWindow, windowCost } from "./flow-window.ts";
import type { CloseReason, Transport, TransportPath } from "./transport.ts";

/** What a sender that ignores its window may pile up here before it is cut off. */
const QUEUED_BYTES_MAX = 64 * 2 ** 20;

/** How the bytes get there: what one kind of transport has to provide. */
export interface Wire {
  /**
   * Hand over one message, in order.
   * @param tail its end, if that is in other memory: see {@link joined}.
   * @returns what it counts for in the window, if not its {@link windowCost}.
   */
  send(message: Uint8Array<ArrayBuffer>, tail?: Uint8Array): number | void;
  /** Tell the other end how much was consumed here since the start. */
  acknowledge(consumedBytes: number): void;
  /** End the connection and tell the other end why, behind what was sent. Called at most once. */
  close(reason: CloseReason): void;
  /** The reader has done with the tail of a message: its memory can be used again. */
  tookTail?(tail: Uint8Array<ArrayBuffer>): void;
}

/** A message in one piece, for wires that need it so. */
export function joined(
  message: Uint8Array<ArrayBuffer>,
  tail: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  if (!tail) return message;
  const whole = new Uint8Array(message.length + tail.length);
  whole.set(message);
  whole.set(tail, message.length);
  return whole;
}

/** A linked list: taking the first is O(1) however long a slow reader lets it grow. */
interface Queued {
  readonly message: Uint8Array<ArrayBuffer>;
  readonly tail: Uint8Array<ArrayBuffer> | undefined;
  /** What it counts for in the window: less than it is long, if parts of it were taken before. */
  readonly costBytes: number;
  /** Noted, because a reader may move the buffer elsewhere. */
  readonly sizeBytes: number;
  next: Queued | undefined;
}

/**
 * The rules of {@link Transport} over any {@link Wire}: flow control, delivery one at a time, and an
 * end that happens once. `received`, `acknowledged` and `ended` are for the wire.
 */
export class WindowedTransport implements Transport {
  readonly path: TransportPath;
  readonly closed: Promise<CloseReason>;
  readonly #wire: Wire;
  readonly #sendWindow: SendWindow;
  readonly #receiveWindow: ReceiveWindow;
  #settleClosed!: (reason: CloseReason) => void;
  #isClosed = false;
  #arrivals = 0;
  #onMessage: Transport["onMessage"];
  /** Messages the reader has not taken yet. */
  #first: Queued | undefined;
  #last: Queued | undefined;
  #queuedBytes = 0;
  #isReading = false;

  constructor(path: TransportPath, wire: Wire, windowBytes = HIGH_WATER_BYTES) {
    this.path = path;
    this.#wire = wire;
    this.#sendWindow = new SendWindow(windowBytes);
    this.#receiveWindow = new ReceiveWindow(windowBytes);
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get arrivals(): number {
    return this.#arrivals;
  }

  get unreadBytes(): number {
    return this.#sendWindow.inFlightBytes;
  }

  get takenBytes(): number {
    return this.#sendWindow.acknowledgedBytes;
  }

  get consumedBytes(): number {
    return this.#receiveWindow.consumedBytes;
  }

  get onMessage(): Transport["onMessage"] {
    return this.#onMessage;
  }

  set onMessage(receiver: Transport["onMessage"]) {
    this.#onMessage = receiver;
    this.#read();
  }

  send(message: Uint8Array<ArrayBuffer>, tail?: Uint8Array): Promise<void> {
    if (!this.#isClosed) {
      const sizeBytes = message.length + (tail?.length ?? 0);
      this.#sendWindow.sent(this.#wire.send(message, tail) ?? windowCost(sizeBytes));
      // The wire may have failed on this very message.
      if (this.#isClosed) this.#sendWindow.release();
    }
    return this.#isClosed ? Promise.resolve() : this.#sendWindow.whenOpen();
  }

  close(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.ended(reason);
    this.#wire.close(reason);
  }

  /** A message has arrived. */
  received(
    message: Uint8Array<ArrayBuffer>,
    tail?: Uint8Array<ArrayBuffer>,
    costBytes = windowCost(message.length + (tail?.length ?? 0)),
  ): void {
    if (this.#isClosed) return;
    this.#arrivals++;
    const sizeBytes = windowCost(message.length + (tail?.length ?? 0));
    const queued: Queued = { message, tail, costBytes, sizeBytes, next: undefined };
    if (this.#first && this.#last) this.#last.next = queued;
    else this.#first = queued;
    this.#last = queued;
    this.#queuedBytes += sizeBytes;
    this.#read();
    if (this.#queuedBytes > QUEUED_BYTES_MAX) {
      this.violated(`sent ${this.#queuedBytes} bytes beyond what the reader took`);
    }
  }

  /** Something that no reader waits for was consumed. */
  consumed(costBytes: number): void {
    if (this.#receiveWindow.consumed(costBytes, systemClock.nowMs) && !this.#isClosed) {
      this.#wire.acknowledge(this.#receiveWindow.consumedBytes);
    }
  }

  /** The other end says how much it has consumed. Text comes straight from the network. */
  acknowledged(total: number | string): void {
    this.#arrivals++;
    const totalBytes = typeof total === "number" ? total : parseTotal(total);
    if (this.#isClosed || this.#sendWindow.acknowledge(totalBytes)) return;
    this.violated(`acknowledged ${totalBytes} bytes, which were never sent or not in this order`);
  }

  /** This end has asked the other for a smaller or larger window. */
  receiveWindowIs(windowBytes: number): void {
    this.#receiveWindow.resize(windowBytes);
  }

  /** The other end has asked for a smaller or larger window. */
  sendWindowIs(windowBytes: number): void {
    this.#arrivals++;
    this.#sendWindow.resize(windowBytes);
  }

  /** The other end broke the rules: close, and say so. */
  violated(how: string): void {
    this.close({ code: "protocol-violation", detail: `the other end ${how}` });
  }

  /** The connection is over. The first reason stands. */
  ended(reason: CloseReason): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#first = undefined;
    this.#last = undefined;
    this.#queuedBytes = 0;
    this.#sendWindow.release();
    this.#settleClosed(reason);
  }

  #read(): void {
    while (!this.#isReading && this.#onMessage && this.#first) {
      const queued = this.#first;
      this.#first = queued.next;
      this.#isReading = true;
      const reading = this.#handOver(queued);
      if (reading) {
        void reading.then(
          () => {
            this.#took(queued);
            this.#read();
          },
          (error: unknown) => this.#readerFailed(error),
        );
        return;
      }
      this.#took(queued);
    }
  }

  #handOver({ message, tail }: Queued): void | Promise<void> {
    try {
      return tail ? this.#onMessage?.(message, tail) : this.#onMessage?.(message);
    } catch (error) {
      return this.#readerFailed(error);
    }
  }

  #took({ costBytes, sizeBytes, tail }: Queued): void {
    this.#isReading = false;
    if (tail) this.#wire.tookTail?.(tail);
    if (this.#isClosed) return;
    this.#queuedBytes -= sizeBytes;
    this.consumed(costBytes);
  }

  /** A receiver that throws is a bug of this side: end the link and let the bug be seen. */
  #readerFailed(error: unknown): never {
    this.close({ code: "failed", detail: "the receiver of messages threw" });
    throw error;
  }
}

/** Digits only: `Number` alone would take "", " 1", "0x1" and "1e3". */
const parseTotal = (text: string): number => (/^\d{1,16}$/.test(text) ? Number(text) : Number.NaN);
