/**
 * One ordered, reliable, message-preserving connection to one peer. Everything above this line is
 * the same over a WebSocket, a data channel, a MessagePort, the coordinator's relay or memory.
 *
 * Contract, checked for every implementation by `transportContract` (contract.ts):
 *   T1. Messages arrive whole, once, and in the order they were sent, whatever their size.
 *   T2. `closed` settles exactly once on both ends with the reason of the end that closed first, and
 *       nothing is delivered after it. Messages sent just before a close usually arrive; none of
 *       them has to.
 *   T3. `send` after close neither throws nor delivers: it resolves, and `closed` tells why.
 *   T4. `send` resolves when the transport wants more. A sender that awaits it never has more than
 *       one message above the window on its way, however slowly the other end reads: what counts is
 *       what the reader took, not what arrived. The window is HIGH_WATER_BYTES in memory and on
 *       ports, SOCKET_WINDOW_BYTES on WebSockets and data channels, RELAY_WINDOW_BYTES on the relay,
 *       where a message that came in pieces counts for at least half a window until it is taken.
 *       A sender that never awaits is cut off when it is 64 MiB ahead of the reader.
 *   T5. A `send` that waits is released by close.
 */
export interface Transport {
  readonly path: TransportPath;

  /** Resolves with the reason when the connection ends, from either side. Never rejects. */
  readonly closed: Promise<CloseReason>;

  /**
   * Messages and acknowledgements that have come from the other end. While it grows, the other end
   * lives, even if it has nothing to say and is only reading.
   */
  readonly arrivals: number;

  /**
   * What was sent and, as far as this end knows, not read by the other: here, on the way, or waiting
   * over there. Only a sender that ignores `send`'s promise lets it grow far above the window.
   */
  readonly unreadBytes: number;

  /** What the other end has read since the start, as far as this end knows: while it grows, it reads. */
  readonly takenBytes: number;

  /**
   * Queue one message. The transport owns the bytes until they are sent: do not change them.
   * @param tail the end of the message, where it is in other memory, which may be shared: some
   *   transports can send it from there.
   * @returns when the transport wants more (T4). Ignoring it is fine for small control messages.
   */
  send(message: Uint8Array<ArrayBuffer>, tail?: Uint8Array): Promise<void>;

  /**
   * The way is so long: where this end's engine drops what comes in bursts, have the other end send
   * less at a time. Absent where bursts do no harm.
   */
  paceSender?(roundTripMs: number): void;

  /**
   * The receiver. Exactly one; messages that arrive before it is set wait for it. If it returns a
   * promise, the next message is delivered when that settles: a slow reader slows the sender (T4).
   *
   * A message that was sent with a tail may arrive with one, or as a whole. A tail lies in memory
   * that is used again: it is the reader's until it returns, or until its promise settles.
   */
  onMessage: MessageReader | undefined;

  close(reason: CloseReason): void;
}

export type MessageReader = (
  message: Uint8Array<ArrayBuffer>,
  tail?: Uint8Array<ArrayBuffer>,
) => void | Promise<void>;

export type TransportPath = "memory" | "message-port" | "websocket" | "webrtc" | "relay";

export interface CloseReason {
  readonly code: "done" | "peer-left" | "protocol-violation" | "refused" | "timeout" | "failed";
  readonly detail?: string;
}
