import { MeshError } from "../errors.ts";

/** Opcodes of WebSocket (RFC 6455, 5.2). */
export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;
const FIN = 0x80;
const RESERVED = 0x70;
const MASKED = 0x80;

/** Of a frame, at most: two bytes, eight of length, four of the mask. */
const HEAD_BYTES_MAX = 14;
/** Text is an acknowledgement here, and what controls the connection is never longer. */
const SMALL_BYTES_MAX = 125;
/** What is read at once when it is not known whose bytes come. */
const READ_BYTES = 64 * 1024;
/** From so many missing bytes of a tail on, they are read straight into its memory. */
const READ_STRAIGHT_BYTES_MIN = 16 * 1024;

/** A key of zeros masks nothing: see {@link frameHead}. */
const NO_MASK = new Uint8Array(4);

/** What arrives, in order. */
export interface FrameReceiver {
  /** @param tail lies in memory of the pool: it is given back when it was read. */
  onMessage(message: Uint8Array<ArrayBuffer>, tail: Uint8Array<ArrayBuffer> | undefined): void;
  onText(text: string): void;
  onPing(payload: Uint8Array<ArrayBuffer>): void;
  onClose(code: number, reason: string): void;
}

export interface SocketFramesOptions extends FrameReceiver {
  /** Clients have to mask what they send, and servers must not. */
  readonly isMasked: boolean;
  readonly messageBytesMax: number;
  /** The same of the first message. */
  readonly firstMessageBytesMax: number;
  /** Memory for a tail. */
  allocateTail(sizeBytes: number): Uint8Array<ArrayBuffer>;
}

/**
 * Takes the bytes of a WebSocket apart. In general a message there is any number of frames; here it is
 * one, or two: its first part and its tail. Bytes of a tail are read by the kernel straight to where they
 * stay, if the socket can be told where to read to ({@link space}).
 */
export class SocketFrames {
  readonly #options: SocketFramesOptions;
  #messageBytesMax: number;
  #read: Uint8Array<ArrayBuffer> | undefined;
  readonly #head = new Uint8Array(HEAD_BYTES_MAX);
  #headBytes = 0;
  /** The frame whose payload comes, once its head is here. */
  #opcode: number | undefined;
  #isLast = true;
  #mask: Uint8Array | undefined;
  #payload: Uint8Array<ArrayBuffer> = NOTHING;
  #filledBytes = 0;
  /** The first part of a message whose tail is to come. */
  #firstPart: Uint8Array<ArrayBuffer> | undefined;
  #isReadingStraight = false;

  constructor(options: SocketFramesOptions) {
    this.#options = options;
    this.#messageBytesMax = options.firstMessageBytesMax;
  }

  /** Where the next bytes of the socket are to be read into. */
  space(): Uint8Array<ArrayBuffer> {
    const missingBytes = this.#payload.length - this.#filledBytes;
    this.#isReadingStraight = missingBytes >= READ_STRAIGHT_BYTES_MIN;
    if (this.#isReadingStraight) return this.#payload.subarray(this.#filledBytes);
    return (this.#read ??= new Uint8Array(READ_BYTES));
  }

  /**
   * So many bytes were read into {@link space}.
   * @throws MeshError `PROTOCOL_VIOLATION`
   */
  filled(byteLength: number): void {
    if (!this.#isReadingStraight) return this.push(this.#read!.subarray(0, byteLength));
    this.#filledBytes += byteLength;
    this.#endIfWhole();
  }

  /**
   * These bytes have come. They are not kept.
   * @throws MeshError `PROTOCOL_VIOLATION`
   */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#opcode === undefined) {
        this.#head[this.#headBytes++] = bytes[at++]!;
        this.#beginIfHeaded();
      } else {
        const part = bytes.subarray(at, at + this.#payload.length - this.#filledBytes);
        this.#payload.set(part, this.#filledBytes);
        this.#filledBytes += part.length;
        at += part.length;
        this.#endIfWhole();
      }
    }
  }

  #beginIfHeaded(): void {
    if (this.#headBytes < 2) return;
    const first = this.#head[0]!;
    const second = this.#head[1]!;
    const short = second & 0x7f;
    const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0;
    const isMasked = (second & MASKED) !== 0;
    if (this.#headBytes < 2 + lengthBytes + (isMasked ? 4 : 0)) return;
    const view = new DataView(this.#head.buffer);
    const payloadBytes =
      short === 127 ? Number(view.getBigUint64(2)) : short === 126 ? view.getUint16(2) : short;
    if (isMasked !== this.#options.isMasked) throw violation("a frame with the wrong masking");
    this.#begin(first, payloadBytes);
    const mask = this.#head.slice(2 + lengthBytes, 2 + lengthBytes + 4);
    this.#mask = isMasked && mask.some((byte) => byte !== 0) ? mask : undefined;
    this.#headBytes = 0;
    this.#endIfWhole();
  }

  #begin(first: number, payloadBytes: number): void {
    const { allocateTail } = this.#options;
    const messageBytesMax = this.#messageBytesMax;
    const opcode = first & 0x0f;
    const isLast = (first & FIN) !== 0;
    const isTail = opcode === OPCODE.continuation;
    if ((first & RESERVED) !== 0) throw violation("a frame with reserved bits");
    if (opcode === OPCODE.binary || isTail) {
      if (isTail !== (this.#firstPart !== undefined)) throw violation("a part of no message");
      if (isTail && !isLast) throw violation("a message of more than two parts");
      if (payloadBytes + (this.#firstPart?.length ?? 0) > messageBytesMax) {
        throw violation(`a message of over ${messageBytesMax} bytes`);
      }
    } else if (!isLast || payloadBytes > SMALL_BYTES_MAX || !isKnown(opcode)) {
      throw violation(`a frame of ${payloadBytes} bytes with opcode ${opcode}`);
    }
    this.#payload = isTail ? allocateTail(payloadBytes) : new Uint8Array(payloadBytes);
    this.#filledBytes = 0;
    this.#opcode = opcode;
    this.#isLast = isLast;
  }

  #endIfWhole(): void {
    const opcode = this.#opcode;
    if (opcode === undefined || this.#filledBytes < this.#payload.length) return;
    const payload = this.#payload;
    if (this.#mask) unmask(payload, this.#mask);
    this.#payload = NOTHING;
    this.#filledBytes = 0;
    this.#opcode = undefined;
    this.#deliver(opcode, payload);
  }

  #deliver(opcode: number, payload: Uint8Array<ArrayBuffer>): void {
    const receiver = this.#options;
    switch (opcode) {
      case OPCODE.binary:
        if (this.#isLast) this.#deliverMessage(payload, undefined);
        else this.#firstPart = payload;
        return;
      case OPCODE.continuation:
        return this.#deliverMessage(this.#firstPart!, payload);
      case OPCODE.text:
        return receiver.onText(Buffer.from(payload).toString());
      case OPCODE.ping:
        return receiver.onPing(payload);
      case OPCODE.close: {
        const code = payload.length < 2 ? 1005 : payload[0]! * 256 + payload[1]!;
        return receiver.onClose(code, Buffer.from(payload.subarray(2)).toString());
      }
      default:
    }
  }

  #deliverMessage(message: Uint8Array<ArrayBuffer>, tail: Uint8Array<ArrayBuffer> | undefined) {
    this.#firstPart = undefined;
    this.#messageBytesMax = this.#options.messageBytesMax;
    this.#options.onMessage(message, tail);
  }
}

const NOTHING = new Uint8Array(0);

const isKnown = (opcode: number): boolean =>
  opcode === OPCODE.text ||
  opcode === OPCODE.close ||
  opcode === OPCODE.ping ||
  opcode === OPCODE.pong;

function unmask(payload: Uint8Array, mask: Uint8Array): void {
  for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[i & 3]!;
}

/**
 * What goes before a payload.
 *
 * Clients have to mask. The key is for proxies between a browser and a server, which a page could
 * otherwise make see a request in what it sends; there is none between two Node peers that connect
 * directly, so the key is zero, which leaves the bytes as they are, and every server understands it.
 */
export function frameHead(
  opcode: number,
  payloadBytes: number,
  { isLast, isMasked }: { readonly isLast: boolean; readonly isMasked: boolean },
): Uint8Array<ArrayBuffer> {
  const lengthBytes = payloadBytes > 0xffff ? 8 : payloadBytes > 125 ? 2 : 0;
  const head = new Uint8Array(2 + lengthBytes + (isMasked ? NO_MASK.length : 0));
  const view = new DataView(head.buffer);
  head[0] = isLast ? opcode | FIN : opcode;
  head[1] = lengthBytes === 8 ? 127 : lengthBytes === 2 ? 126 : payloadBytes;
  if (lengthBytes === 8) view.setBigUint64(2, BigInt(payloadBytes));
  else if (lengthBytes === 2) view.setUint16(2, payloadBytes);
  if (isMasked) head[1] |= MASKED;
  return head;
}

const violation = (what: string): MeshError =>
  new MeshError("PROTOCOL_VIOLATION", `the other end sent ${what}`);
