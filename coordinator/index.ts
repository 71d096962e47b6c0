import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { getRequestListener } from "@hono/node-server";
import { WebSocketServer } from "ws";
import { systemClock } from "../shared/clock.ts";
import { MeshError } from "../shared/errors.ts";
import type { Welcome } from "../shared/protocol/messages.ts";
import { BATCH_BYTES_MAX, RELAY_WINDOW_BYTES } from "../shared/protocol/limits.ts";
import { toWireError } from "../shared/protocol/wire-error.ts";
import { webSocketTransport } from "../shared/transport/websocket.ts";
import { createApi } from "./api/app.ts";
import { Metrics } from "./api/metrics.ts";
import { PackageStore } from "./api/package-store.ts";
import { servePages } from "./api/pages.ts";
import { Gateway } from "./gateway/gateway.ts";
import { OriginPolicy } from "./gateway/origin.ts";
import { Signalling } from "./gateway/signalling.ts";
import { Tokens, TOKEN_ROLES, type TokenRole } from "./gateway/tokens.ts";
import type { Quota } from "./scheduler/policy/fairness.ts";

export interface CoordinatorOptions {
  /** Address to listen on; loopback unless said otherwise. */
  readonly host?: string;
  /** 0 takes a free port. Default 7777. */
  readonly port?: number;
  /** Host names other than loopback under which this coordinator is reached. */
  readonly hostNames?: readonly string[];
  /** Origins of pages, other than its own, that may use it. */
  readonly allowedOrigins?: readonly string[];
  /** A token per role; those not given are made up. */
  readonly tokens?: Partial<Record<TokenRole, string>>;
  readonly iceServers?: Welcome["iceServers"];
  /** Bytes that one peer may send through the relay in a second, and in one session. */
  readonly relayRate?: number;
  readonly relayBytesMax?: number;
  /** What the tasks and placement groups of one job may have at once. Default: all there is. */
  readonly jobQuota?: Quota;
  readonly peersMax?: number;
  /** Hears one line about each peer that comes or goes. Default: nobody. */
  readonly log?: (line: string) => void;
}

export interface Coordinator {
  /** Such as `http://127.0.0.1:7777`. */
  readonly url: string;
  /** A token for each role. */
  readonly tokens: Readonly<Record<TokenRole, string>>;
  close(): Promise<void>;
}

const VERSION = "0.1.0";
const RELAY_BYTES_MAX = 64 * 2 ** 30;
/** Several peers at this rate are what one coordinator can pass on. */
const RELAY_RATE = 64 * 2 ** 20;
/** So long a peer may send as fast as it can after it was quiet. */
const RELAY_BURST_S = 4;
/** Windows of links that may wait for a peer's quota at once. */
const RELAY_LINKS_WAITING_MAX = 64;
const PEERS_MAX = 10_000;
/** Frames carry a header beside a whole batch's worth of payload. */
const SOCKET_PAYLOAD_MAX = BATCH_BYTES_MAX + 64 * 1024;

const built = (folder: string): string => fileURLToPath(new URL(`../${folder}`, import.meta.url));

/**
 * Start a coordinator in this process.
 * @throws MeshError `START_FAILED` if it cannot listen, such as on a port that is in use.
 */
export async function startCoordinator(options: CoordinatorOptions = {}): Promise<Coordinator> {
  const { host = "127.0.0.1", port = 7777, relayRate = RELAY_RATE, log = () => {} } = options;
  const tokens = new Tokens();
  const tokenOf = (role: TokenRole): [TokenRole, string] => {
    const given = options.tokens?.[role];
    if (given) tokens.add(given, role);
    return [role, given ?? tokens.mint(role)];
  };
  const granted = Object.fromEntries(TOKEN_ROLES.map(tokenOf)) as Record<TokenRole, string>;
  const origins = new OriginPolicy({
    hosts: [...(options.hostNames ?? []), ...namesOf(host)],
    origins: options.allowedOrigins ?? [],
  });
  const gateway = new Gateway({
    tokens,
    clock: systemClock,
    iceServers: options.iceServers ?? [],
    relayLimits: {
      bytesPerSecond: relayRate,
      burstBytes: RELAY_BURST_S * relayRate,
      sessionBytesMax: options.relayBytesMax ?? RELAY_BYTES_MAX,
      waitingBytesMax: RELAY_LINKS_WAITING_MAX * RELAY_WINDOW_BYTES,
    },
    peersMax: options.peersMax ?? PEERS_MAX,
    jobQuota: options.jobQuota,
    log,
  });
  const signalling = new Signalling({
    authorize: (id, key) => gateway.maySignal(id, key),
  });
  const api = createApi({
    plane: gateway.plane,
    tokens,
    origins,
    packages: new PackageStore(),
    metrics: new Metrics(gateway.plane),
    version: VERSION,
    clock: systemClock,
    report: (bug) => log(`bug: ${bug instanceof Error ? bug.stack : String(bug)}`),
  });
  api.get("/signal/:key/id", (c) => c.text(signalling.idFor(c.req.param("key"))));
  api.route("/", servePages({ pages: built("pages"), sdk: built("browser"), cage: built("cage") }));

  const answer = getRequestListener(api.fetch);
  const server = createServer((request, response) => void answer(request, response));
  const sockets = acceptSockets(server, { origins, gateway, signalling });
  await listen(server, host, port);
  const { port: actualPort } = server.address() as AddressInfo;
  return {
    url: `http://${reachable(host)}:${actualPort}`,
    tokens: granted,
    async close() {
      gateway.close("the coordinator was stopped");
      signalling.close();
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** An address that "all addresses" can be reached at from this machine, as URLs want it. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** The names of an address; one that means "all of this machine's" is reached under each of them. */
function namesOf(host: string): string[] {
  if (host !== "0.0.0.0" && host !== "::") return [host];
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address));
}

interface SocketUsers {
  readonly origins: OriginPolicy;
  readonly gateway: Gateway;
  readonly signalling: Signalling;
}

/** WebSockets: peers' sessions at /v1/peer, PeerJS signalling at /signal/peerjs. */
function acceptSockets(server: Server, users: SocketUsers): WebSocketServer {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: SOCKET_PAYLOAD_MAX,
  });
  server.on("upgrade", (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    // Node has taken its own listener off: a reset before the handshake would end this process.
    stream.on("error", () => stream.destroy());
    try {
      users.origins.check({ host: request.headers.host, origin: request.headers.origin });
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://coordinator");
      if (pathname === "/v1/peer") {
        sockets.handleUpgrade(request, stream, head, (socket) => {
          users.gateway.accept(webSocketTransport(socket));
        });
      } else if (pathname === "/signal/peerjs") {
        sockets.handleUpgrade(request, stream, head, (socket) => {
          users.signalling.accept(socket, searchParams);
        });
      } else {
        throw new MeshError("NOT_FOUND", `no WebSocket at ${pathname}; peers connect to /v1/peer`);
      }
    } catch (error) {
      refuseUpgrade(stream, error);
    }
  });
  return sockets;
}

function refuseUpgrade(stream: Duplex, error: unknown): void {
  const wire = toWireError(error);
  const body = JSON.stringify(wire);
  const status = wire.code === "NOT_FOUND" ? "404 Not Found" : "403 Forbidden";
  stream.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE"
          ? `port ${port} on ${host} is in use; stop what uses it, or choose another with --port (0 takes a free one)`
          : `cannot listen on ${host}:${port}: ${error.message}`;
      reject(new MeshError("START_FAILED", why, { host, port }, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}
