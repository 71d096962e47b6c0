import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { systemClock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { MESSAGE_BYTES_MAX, SOCKET_WINDOW_BYTES } from "../protocol/limits.ts";
import { reasonToSocketClose, socketCloseToReason } from "../transport/close-reason.ts";
import type { CloseReason, Transport } from "../transport/transport.ts";
import { WindowedTransport, type Wire } from "../transport/windowed-transport.ts";
import { frameHead, OPCODE, SocketFrames } from "./socket-frames.ts";
import { tailPool } from "./tail-pool.ts";

/**
 * WebSockets between two Node peers, by code of our own: npm `ws` is made for messages of kilobytes. It
 * copies each message into fresh memory on its way in, which for objects means page faults and a
 * garbage collection for every 64 MiB; these took two thirds of the time. Here payloads leave from the
 * store's memory and are read by the kernel into memory that is used again. On the wire it is WebSocket.
 */

/** How long the other end may take to close in good order. */
const CLOSE_MS_MAX = 1_000;
/** The longest answer to a handshake that is read. */
const HANDSHAKE_BYTES_MAX = 8 * 1024;
/** By RFC 6455. */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const NO_STATUS = 1005;
const ABNORMAL = 1006;

/** While more waits to leave, pings are not answered: who sends them does not read. */
const UNSENT_BYTES_MAX = 64 * 1024;

interface MessageLimits {
  readonly messageBytesMax: number;
  readonly firstMessageBytesMax: number;
}

interface SocketOptions extends MessageLimits {
  /** Whether this end has connected: what clients send is masked. */
  readonly isClient: boolean;
}

class SocketWire implements Wire {
  readonly transport: WindowedTransport;
  readonly frames: SocketFrames;
  readonly #socket: Duplex;
  readonly #isClient: boolean;
  #isClosing = false;
  /** What comes cannot be understood any more. */
  #isBroken = false;
  #cancelDeadline: (() => void) | undefined;

  constructor(socket: Duplex, { isClient, ...limits }: SocketOptions) {
    this.#socket = socket;
    this.#isClient = isClient;
    this.transport = new WindowedTransport("websocket", this, SOCKET_WINDOW_BYTES);
    this.frames = new SocketFrames({
      isMasked: !isClient,
      ...limits,
      allocateTail: (sizeBytes) => tailPool.take(sizeBytes),
      onMessage: (message, tail) => this.transport.received(message, tail),
      onText: (text) => this.#receiveText(text),
      onPing: (payload) => {
        if (socket.writableLength < UNSENT_BYTES_MAX) this.#write(OPCODE.pong, payload);
      },
      onClose: (code, reason) => this.#receiveClose(code, reason),
    });
    socket.on("error", ({ message }) => this.transport.ended({ code: "failed", detail: message }));
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      this.#cancelDeadline?.();
      this.transport.ended(socketCloseToReason(ABNORMAL, ""));
    });
  }

  /** Give what was read to {@link frames}. What breaks the rules ends the connection. */
  read(take: () => void): void {
    if (this.#isBroken) return;
    try {
      take();
    } catch (error) {
      if (!MeshError.is(error) || error.code !== "PROTOCOL_VIOLATION") throw error;
      this.#isBroken = true;
      this.transport.close({ code: "protocol-violation", detail: error.message });
    }
  }

  send(message: Uint8Array<ArrayBuffer>, tail?: Uint8Array): void {
    const socket = this.#socket;
    socket.cork();
    this.#write(OPCODE.binary, message, tail === undefined);
    if (tail) this.#write(OPCODE.continuation, tail);
    socket.uncork();
  }

  acknowledge(consumedBytes: number): void {
    this.#write(OPCODE.text, Buffer.from(`a${consumedBytes}`));
  }

  close(reason: CloseReason): void {
    const [code, text] = reasonToSocketClose(reason);
    this.#close(code, text);
  }

  tookTail(tail: Uint8Array<ArrayBuffer>): void {
    tailPool.giveBack(tail);
  }

  #close(code: number, text: string): void {
    if (this.#isClosing) return;
    const payload = Buffer.alloc(2 + Buffer.byteLength(text));
    payload.writeUInt16BE(code);
    payload.write(text, 2);
    this.#write(OPCODE.close, code === NO_STATUS ? Buffer.alloc(0) : payload);
    this.#isClosing = true;
    this.#socket.end();
    this.#cancelDeadline = systemClock.after(CLOSE_MS_MAX, () => this.#socket.destroy());
  }

  #receiveText(text: string): void {
    if (text.startsWith("a")) this.transport.acknowledged(text.slice(1));
    else this.transport.violated("sent text that is not an acknowledgement");
  }

  #receiveClose(code: number, text: string): void {
    this.transport.ended(socketCloseToReason(code, text));
    this.#close(code, "");
  }

  #write(opcode: number, payload: Uint8Array, isLast = true): void {
    if (this.#isClosing) return;
    const socket = this.#socket;
    socket.write(frameHead(opcode, payload.length, { isLast, isMasked: this.#isClient }));
    if (payload.length > 0) socket.write(payload);
  }
}

/**
 * Accept one connection, from a server's `upgrade` event.
 * @returns nothing if it is not the handshake of a WebSocket.
 */
export function acceptDirectSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  limits: MessageLimits,
): Transport | undefined {
  const key = request.headers["sec-websocket-key"];
  const isHandshake =
    request.method === "GET" &&
    request.headers.upgrade?.toLowerCase() === "websocket" &&
    request.headers["sec-websocket-version"] === "13" &&
    key !== undefined &&
    /^[+/0-9A-Za-z]{22}==$/.test(key);
  if (!isHandshake) return undefined;
  (socket as Socket).setNoDelay(true);
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
  );
  const wire = new SocketWire(socket, { isClient: false, ...limits });
  const take = (bytes: Uint8Array) => wire.read(() => wire.frames.push(bytes));
  socket.on("data", take);
  if (head.length > 0) take(head);
  return wire.transport;
}

/**
 * Connect to a Node peer that listens for WebSockets of others.
 * @throws MeshError `PEER_UNREACHABLE` if it fails, or is not open after `deadlineMs`;
 *   `INVALID_ARGUMENT` if `target` is not the URL of a WebSocket without TLS.
 */
export async function dialDirectSocket(target: string, deadlineMs: number): Promise<Transport> {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url?.protocol === "ws:") return await dialUrl(url, deadlineMs);
  const message = `${JSON.stringify(target)} is not the URL of a peer's WebSocket, such as ws://host:7778/link`;
  throw new MeshError("INVALID_ARGUMENT", message);
}

function dialUrl(url: URL, deadlineMs: number): Promise<Transport> {
  const key = randomBytes(16).toString("base64");
  return new Promise((resolve, reject) => {
    const firstBytes = Buffer.alloc(HANDSHAKE_BYTES_MAX);
    let answer: Buffer | undefined = Buffer.alloc(0);
    const refuse = (why: string) => {
      cancelDeadline();
      socket.destroy();
      const message = `no WebSocket to ${url.href}: ${why}; check that the address is right and reachable`;
      reject(new MeshError("PEER_UNREACHABLE", message, { url: url.href }));
    };
    const handshake = (bytes: Uint8Array): void => {
      answer = Buffer.concat([answer!, bytes]);
      const end = answer.indexOf("\r\n\r\n");
      if (end < 0) {
        if (answer.length > HANDSHAKE_BYTES_MAX) refuse("it does not answer as a WebSocket");
        return;
      }
      const lines = answer.subarray(0, end).toString("latin1").split("\r\n");
      const rest = answer.subarray(end + 4);
      answer = undefined;
      const why = obstacleIn(lines, key);
      if (why !== undefined) return refuse(why);
      cancelDeadline();
      resolve(wire.transport);
      wire.frames.push(rest);
    };
    const [port, host] = [Number(url.port || 80), url.hostname.replace(/^\[|\]$/g, "")];
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        // Asked for the first time when the socket is made.
        buffer: () => (answer ? firstBytes : wire.frames.space()),
        callback(byteLength, buffer) {
          const bytes = (buffer as Uint8Array<ArrayBuffer>).subarray(0, byteLength);
          wire.read(() => (answer ? handshake(bytes) : wire.frames.filled(byteLength)));
          return true;
        },
      },
    });
    const wire = new SocketWire(socket, {
      isClient: true,
      messageBytesMax: MESSAGE_BYTES_MAX,
      firstMessageBytesMax: MESSAGE_BYTES_MAX,
    });
    const cancelDeadline = systemClock.after(deadlineMs, () =>
      refuse(`not open after ${deadlineMs} ms`),
    );
    socket.once("error", ({ message }) => refuse(message));
    socket.once("close", () => refuse("it closed the connection"));
    socket.write(
      `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\n` +
        `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
  });
}

const acceptOf = (key: string): string =>
  createHash("sha1")
    .update(key + ACCEPT_SUFFIX)
    .digest("base64");

/** Why this is not a server's half of the handshake. */
function obstacleIn([status = "", ...headers]: string[], key: string): string | undefined {
  if (!status.startsWith("HTTP/1.1 101")) {
    return `it answered ${JSON.stringify(status.slice(0, 64))}`;
  }
  const accept = headers.find((line) => /^sec-websocket-accept:/i.test(line));
  if (accept?.slice(accept.indexOf(":") + 1).trim() === acceptOf(key)) return undefined;
  return "its answer is not that of a WebSocket";
}
