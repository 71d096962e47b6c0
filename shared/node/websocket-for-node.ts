import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { systemClock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { MESSAGE_BYTES_MAX } from "../protocol/limits.ts";
import type { Transport } from "../transport/transport.ts";
import { openWebSocket } from "../transport/websocket.ts";
import { acceptDirectSocket } from "./direct-socket.ts";

/** Connections a listening peer accepts at a time. */
const CONNECTIONS_MAX = 1_024;

const BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/** How long the other ends may take to close in good order. */
const CLOSE_MS_MAX = 1_000;

export interface DialOptions {
  readonly deadlineMs: number;
  /** The largest message taken from the other end, in bytes. */
  readonly maxPayload?: number;
}

/**
 * Open a WebSocket from Node, where it is not a global before version 22.
 * @throws MeshError `PEER_UNREACHABLE` if it fails or is not open after `deadlineMs`;
 *   `INVALID_ARGUMENT` if `url` is not one of a WebSocket.
 */
export async function dialWebSocket(url: string, options: DialOptions): Promise<Transport> {
  const { deadlineMs, maxPayload = MESSAGE_BYTES_MAX } = options;
  let socket: WebSocket;
  try {
    // Compression costs more time than it saves on arrays of numbers.
    socket = new WebSocket(url, { perMessageDeflate: false, maxPayload });
  } catch (cause) {
    const message = `${JSON.stringify(url)} is not the URL of a WebSocket, such as ws://host:7777`;
    throw new MeshError("INVALID_ARGUMENT", message, {}, { cause });
  }
  return openWebSocket(socket, { url, deadlineMs });
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly path: string;
  readonly maxPayload?: number;
  /** The same of the first message, by which who comes says who it is. Default: `maxPayload`. */
  readonly firstMessageBytesMax?: number;
  onTransport(transport: Transport): void;
}

export interface WebSocketListener {
  /** Where others reach it. */
  readonly url: string;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

/**
 * Accept WebSockets of other peers directly, without the coordinator.
 * @throws MeshError `START_FAILED` if the port cannot be had.
 */
export async function listenWebSocket(options: ListenOptions): Promise<WebSocketListener> {
  const { host, port, path, maxPayload = MESSAGE_BYTES_MAX, onTransport } = options;
  const { firstMessageBytesMax = maxPayload } = options;
  const http = createServer((_request, response) => response.writeHead(426).end());
  http.maxConnections = CONNECTIONS_MAX;
  await listening(http, host, port);
  const transports = new Set<Transport>();
  const sockets = new Set<Duplex>();
  http.on("upgrade", (request, socket, head) => {
    // Node takes its own listener away before: a stranger's reset would end this process.
    socket.on("error", () => {});
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    const transport =
      request.url === path
        ? acceptDirectSocket(request, socket, head, {
            messageBytesMax: maxPayload,
            firstMessageBytesMax,
          })
        : undefined;
    if (!transport) {
      socket.end(BAD_REQUEST, () => socket.destroy());
      return;
    }
    transports.add(transport);
    void transport.closed.then(() => transports.delete(transport));
    onTransport(transport);
  });
  const { port: actualPort } = http.address() as AddressInfo;
  const hostInUrl = host.includes(":") ? `[${host}]` : host;
  return {
    url: `ws://${hostInUrl}:${actualPort}${path}`,
    async close() {
      for (const transport of transports) transport.close({ code: "peer-left" });
      const cancelDeadline = systemClock.after(CLOSE_MS_MAX, () => {
        for (const socket of sockets) socket.destroy();
      });
      await new Promise((resolve) => http.close(resolve));
      cancelDeadline();
    },
  };
}

function listening(http: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", (cause) => {
      const message = `cannot listen on ${host} port ${port}: ${cause.message}; choose another port`;
      reject(new MeshError("START_FAILED", message, { host, port }, { cause }));
    });
    http.listen(port, host, resolve);
  });
}
