import { RELAY_PIECE_BYTES, RELAY_WINDOW_BYTES } from "../protocol/limits.ts";
import type { RelayHeader } from "../protocol/messages.ts";
import { reasonToText, textToReason } from "./close-reason.ts";
import { windowCost } from "./flow-window.ts";
import { Reassembly } from "./reassembly.ts";
import type { CloseReason } from "./transport.ts";
import { joined, WindowedTransport } from "./windowed-transport.ts";

/** One frame of a link, without what names the link. */
export interface RelayFrame {
  readonly header: Pick<RelayHeader, "consumedBytes" | "open" | "close" | "more" | "bare">;
  readonly payload: Uint8Array<ArrayBuffer>;
}

const NOTHING = new Uint8Array(0);

/**
 * How much of an incomplete message stays unacknowledged until the reader has taken the whole. Not
 * all of it, or a message longer than the window would never arrive.
 */
const HELD_BYTES_MAX = RELAY_WINDOW_BYTES / 2;

/**
 * One relayed link: a transport whose messages leave as frames, when the hub asks for the next one.
 * Unlike other transports it never has more than a window on its way even if the sender does not
 * wait, because what the receiver has not taken would lie at the coordinator.
 */
export class RelayLink {
  readonly transport: WindowedTransport;
  readonly #reassembly = new Reassembly();
  /** Messages to send; of the first, everything before `#sentOfFirst` is gone. */
  readonly #outgoing: Uint8Array<ArrayBuffer>[] = [];
  #sentOfFirst = 0;
  #inFlightBytes = 0;
  /** What the pieces of the incomplete message cost, without what was acknowledged already. */
  #heldBytes = 0;
  #acknowledgedBytes = 0;
  #mustOpen: boolean;
  #mustAcknowledge = false;
  #closing: string | undefined;

  /** @param onWork called when {@link nextFrame} may have something. */
  constructor(opensItself: boolean, onWork: () => void) {
    this.#mustOpen = opensItself;
    this.transport = new WindowedTransport(
      "relay",
      {
        send: (head, tail) => {
          const message = joined(head, tail);
          this.#outgoing.push(message);
          onWork();
          return costOf(message.length);
        },
        acknowledge: () => {
          this.#mustAcknowledge = true;
          onWork();
        },
        close: (reason) => {
          this.#closing = reasonToText(reason);
          onWork();
        },
      },
      RELAY_WINDOW_BYTES,
    );
  }

  /** Whether nothing is left to do: the link can be forgotten. */
  get isOver(): boolean {
    return this.transport.isClosed && this.#closing === undefined;
  }

  /** The frame to send next, if there is one to send now. */
  nextFrame(): RelayFrame | undefined {
    const consumedBytes = this.transport.consumedBytes;
    if (this.#mustOpen) {
      this.#mustOpen = false;
      return { header: { consumedBytes, open: true, bare: true }, payload: NOTHING };
    }
    const piece = this.#nextPiece();
    if (piece) {
      this.#mustAcknowledge = false;
      const more = this.#sentOfFirst > 0;
      return { header: { consumedBytes, ...(more && { more }) }, payload: piece };
    }
    // Behind the last piece that the window lets through: what waits for more room is dropped.
    if (this.#closing !== undefined) {
      const close = this.#closing;
      this.#closing = undefined;
      return { header: { consumedBytes, close, bare: true }, payload: NOTHING };
    }
    if (!this.#mustAcknowledge) return undefined;
    this.#mustAcknowledge = false;
    return { header: { consumedBytes, bare: true }, payload: NOTHING };
  }

  receive({ header, payload }: RelayFrame): void {
    if (header.close !== undefined) {
      this.end(textToReason(header.close));
      return;
    }
    const before = this.#acknowledgedBytes;
    this.transport.acknowledged(header.consumedBytes);
    if (this.transport.isClosed) return;
    this.#acknowledgedBytes = header.consumedBytes;
    this.#inFlightBytes -= header.consumedBytes - before;
    if (header.bare !== true) this.#receivePiece(payload, header.more === true);
  }

  /** End it without a word to the other end. */
  end(reason: CloseReason): void {
    this.transport.ended(reason);
    this.#outgoing.length = 0;
    this.#closing = undefined;
  }

  #nextPiece(): Uint8Array<ArrayBuffer> | undefined {
    const message = this.#outgoing[0];
    if (!message || this.#inFlightBytes >= RELAY_WINDOW_BYTES) return undefined;
    const end = Math.min(message.length, this.#sentOfFirst + RELAY_PIECE_BYTES);
    const piece = message.subarray(this.#sentOfFirst, end);
    this.#inFlightBytes += windowCost(piece.length);
    this.#sentOfFirst = end;
    if (end === message.length) {
      this.#outgoing.shift();
      this.#sentOfFirst = 0;
    }
    return piece;
  }

  #receivePiece(piece: Uint8Array<ArrayBuffer>, more: boolean): void {
    const message = this.#reassembly.add(piece, more);
    this.#heldBytes += windowCost(piece.length);
    if (typeof message === "string") {
      this.transport.violated(message);
    } else if (message) {
      const costBytes = this.#heldBytes;
      this.#heldBytes = 0;
      this.transport.received(message, undefined, costBytes);
    } else if (this.#heldBytes > HELD_BYTES_MAX) {
      this.transport.consumed(this.#heldBytes - HELD_BYTES_MAX);
      this.#heldBytes = HELD_BYTES_MAX;
    }
  }
}

/** What a message counts for: the sum of its pieces, because the window counts pieces. */
function costOf(byteLength: number): number {
  const pieces = Math.max(1, Math.ceil(byteLength / RELAY_PIECE_BYTES));
  return byteLength + pieces * windowCost(0);
}
