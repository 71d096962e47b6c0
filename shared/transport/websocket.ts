import { systemClock, type Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { SOCKET_WINDOW_BYTES } from "../protocol/limits.ts";
import { reasonToSocketClose, socketCloseToReason } from "./close-reason.ts";
import { dataOf, type EventSourceLike } from "./event-source.ts";
import type { Transport } from "./transport.ts";
import { joined, WindowedTransport } from "./windowed-transport.ts";

/** A browser's `WebSocket` or one of npm `ws`. */
export interface WebSocketLike extends EventSourceLike {
  binaryType: string;
  readonly readyState: number;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

const OPEN = 1;

/**
 * A transport over an open WebSocket; the socket is its own from now on. Messages are binary, and
 * the text `a12345` acknowledges 12,345 consumed bytes.
 */
export function webSocketTransport(socket: WebSocketLike): Transport {
  socket.binaryType = "arraybuffer";
  const transport = new WindowedTransport(
    "websocket",
    {
      send(message, tail) {
        if (socket.readyState === OPEN) socket.send(joined(message, tail));
      },
      acknowledge(consumedBytes) {
        if (socket.readyState === OPEN) socket.send(`a${consumedBytes}`);
      },
      close: (reason) => socket.close(...reasonToSocketClose(reason)),
    },
    SOCKET_WINDOW_BYTES,
  );
  socket.addEventListener("message", (event) => {
    const data = dataOf(event);
    if (data instanceof ArrayBuffer) transport.received(new Uint8Array(data));
    else if (typeof data === "string" && data.startsWith("a")) {
      transport.acknowledged(data.slice(1));
    } else transport.violated("sent text that is not an acknowledgement");
  });
  socket.addEventListener("error", (event) => {
    const { code, message = "the WebSocket failed" } = errorOf(event);
    // `ws` reports frames that break the protocol or its size limit with such codes.
    const isViolation = code?.startsWith("WS_ERR_") ?? false;
    transport.ended({ code: isViolation ? "protocol-violation" : "failed", detail: message });
  });
  socket.addEventListener("close", (event) => {
    const { code = 1006, reason = "" } = event as { code?: number; reason?: string };
    transport.ended(socketCloseToReason(code, reason));
  });
  return transport;
}

/**
 * Wait until a WebSocket that was just made is open.
 * @throws MeshError `PEER_UNREACHABLE` if it fails, or is not open after `deadlineMs`.
 */
export function openWebSocket(
  socket: WebSocketLike,
  { url, deadlineMs, clock = systemClock }: { url: string; deadlineMs: number; clock?: Clock },
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string) => {
      cancelDeadline();
      const message = `no WebSocket to ${url}: ${why}; check that the address is right and reachable`;
      reject(new MeshError("PEER_UNREACHABLE", message, { url }));
    };
    const cancelDeadline = clock.after(deadlineMs, () => {
      refuse(`not open after ${deadlineMs} ms`);
      socket.close();
    });
    socket.addEventListener("open", () => {
      cancelDeadline();
      resolve(webSocketTransport(socket));
    });
    socket.addEventListener("error", (event) => refuse(whyOf(event)));
    socket.addEventListener("close", (event) => {
      refuse(`closed with ${(event as { code?: number }).code ?? 1006}`);
    });
  });
}

/** OpenSSL says over two lines that a server without TLS did not answer as one with it. */
function whyOf(event: object): string {
  const { code, message = "it failed" } = errorOf(event);
  if (code === "EPROTO") return "it does not speak TLS there; is it http: and not https:?";
  return message.trimEnd();
}

/** Browsers tell nothing about an error; `ws` adds a code and a message. */
function errorOf(event: object): { code?: string; message?: string } {
  const { error } = event as { error?: { code?: string; message?: string } };
  return error ?? {};
}
