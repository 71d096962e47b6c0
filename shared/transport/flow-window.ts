/**
 * Credit-based flow control. A sender may have one window of bytes in flight; the receiver opens it
 * again by acknowledging what its reader has consumed, not what has merely arrived. So a slow reader
 * slows the sender, and the bytes that wait in between are bounded, on transports that have no
 * drain event (browser WebSockets, MessagePorts, the relay) or only a local one (data channels).
 *
 * Both ends count in totals since the start, so that an acknowledgement can be lost in a later one.
 */

/** Even an empty message takes room in queues, so it costs something. */
const MESSAGE_OVERHEAD_BYTES = 64;

/** The least that a receiver can ask for: a window of nothing would hold up its sender for ever. */
const WINDOW_BYTES_MIN = 64 * 1024;

/** How long a reader keeps to itself that it has read a part of what it acknowledges at once. */
const ACKNOWLEDGE_MS_MAX = 1_000;
const SLOW_PARTS = 16;

/** What a message counts for in a window, the same at both ends. */
export const windowCost = (byteLength: number): number => byteLength + MESSAGE_OVERHEAD_BYTES;

const READY: Promise<void> = Promise.resolve();

/** The sender's half. */
export class SendWindow {
  readonly #windowBytesMax: number;
  #windowBytes: number;
  #sentBytes = 0;
  #acknowledgedBytes = 0;
  #opening: Promise<void> | undefined;
  #settleOpening: (() => void) | undefined;

  constructor(windowBytes: number) {
    this.#windowBytesMax = windowBytes;
    this.#windowBytes = windowBytes;
  }

  /** The receiver wants to have so much on its way, and no more. */
  resize(windowBytes: number): void {
    this.#windowBytes = Math.min(Math.max(windowBytes, WINDOW_BYTES_MIN), this.#windowBytesMax);
    if (this.isOpen) this.release();
  }

  get inFlightBytes(): number {
    return this.#sentBytes - this.#acknowledgedBytes;
  }

  /** What the other end said it has consumed. */
  get acknowledgedBytes(): number {
    return this.#acknowledgedBytes;
  }

  get isOpen(): boolean {
    return this.inFlightBytes < this.#windowBytes;
  }

  sent(costBytes: number): void {
    this.#sentBytes += costBytes;
  }

  /** Resolves when less than a window is in flight, or on {@link release}. */
  whenOpen(): Promise<void> {
    if (this.isOpen) return READY;
    this.#opening ??= new Promise((resolve) => (this.#settleOpening = resolve));
    return this.#opening;
  }

  /**
   * The other end has consumed `totalBytes` since the start.
   * @returns false if it cannot have: less than it said before, or more than was sent.
   */
  acknowledge(totalBytes: number): boolean {
    if (!Number.isSafeInteger(totalBytes)) return false;
    if (totalBytes < this.#acknowledgedBytes || totalBytes > this.#sentBytes) return false;
    this.#acknowledgedBytes = totalBytes;
    if (this.isOpen) this.release();
    return true;
  }

  /** Let everyone who waits go on. */
  release(): void {
    this.#settleOpening?.();
    this.#opening = undefined;
    this.#settleOpening = undefined;
  }
}

/** The receiver's half. */
export class ReceiveWindow {
  #acknowledgeEveryBytes: number;
  #consumedBytes = 0;
  #acknowledgedBytes = 0;
  #acknowledgedMs = -Infinity;

  constructor(windowBytes: number) {
    this.#acknowledgeEveryBytes = windowBytes / 4;
  }

  get consumedBytes(): number {
    return this.#consumedBytes;
  }

  /** The sender was asked to keep to this window from now on. */
  resize(windowBytes: number): void {
    this.#acknowledgeEveryBytes = windowBytes / 4;
  }

  /**
   * @returns whether it is time to acknowledge {@link consumedBytes}: about every quarter window; and
   *   where little flows sooner, or the sender would take a slow reader for one that does not read.
   */
  consumed(costBytes: number, nowMs: () => number): boolean {
    this.#consumedBytes += costBytes;
    const newBytes = this.#consumedBytes - this.#acknowledgedBytes;
    if (newBytes < this.#acknowledgeEveryBytes / SLOW_PARTS) return false;
    const atMs = nowMs();
    const isSlow = atMs - this.#acknowledgedMs >= ACKNOWLEDGE_MS_MAX;
    if (newBytes < this.#acknowledgeEveryBytes && !isSlow) return false;
    this.#acknowledgedMs = atMs;
    this.#acknowledgedBytes = this.#consumedBytes;
    return true;
  }
}
