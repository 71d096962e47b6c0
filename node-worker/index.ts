import { availableParallelism, totalmem } from "node:os";
import { systemClock } from "../shared/clock.ts";
import { MeshError, type ErrorCode } from "../shared/errors.ts";
import type { PeerId } from "../shared/ids.ts";
import { loadPeerJs } from "../shared/node/peerjs-for-node.ts";
import { dialWebSocket, listenWebSocket } from "../shared/node/websocket-for-node.ts";
import type { WebSocketListener } from "../shared/node/websocket-for-node.ts";
import { webRtcDialer, webSocketDialer } from "../shared/peer/dialers.ts";
import type { Welcome } from "../shared/protocol/messages.ts";
import type { Demands, Labels } from "../shared/protocol/schema.ts";
import type { PeerConstructor } from "../shared/transport/peerjs-api.ts";
import type { Transport } from "../shared/transport/transport.ts";
import { WorkerAgent, type WorkerSnapshot } from "../shared/worker/agent.ts";
import { BackOff } from "../shared/worker/back-off.ts";
import { ThreadSpawner } from "./thread-spawner.ts";

export interface NodeWorkerOptions {
  /** The coordinator's address, such as `http://127.0.0.1:7777`. */
  readonly url: string;
  /** A `contribute` token. */
  readonly token: string;
  /** How the worker is called on the dashboard. */
  readonly name: string;
  /** What it offers, in thousandths and bytes. Default: this machine's CPUs and memory, no GPU. */
  readonly capacity?: Partial<Demands>;
  /** Besides `runtime` and `name`, which it always has. */
  readonly labels?: Labels;
  /** Bytes of objects it keeps. Default: a quarter of the memory, at most 4 GiB. */
  readonly storeBytesMax?: number;
  /** Whether to use WebRTC, to reach tabs directly. Default true. */
  readonly webrtc?: boolean;
  /**
   * An address of this machine that other Node peers reach: it listens there for direct links.
   * Default: 127.0.0.1 if the coordinator is on this machine, else it does not listen.
   */
  readonly listenHost?: string;
  log(text: string): void;
}

export interface NodeWorker {
  /** Its id in the mesh now; a new one after it connected again. */
  readonly peer: PeerId;
  snapshot(): WorkerSnapshot;
  /** Say goodbye, stop everything. */
  stop(): Promise<void>;
  /** Resolves when the worker is over: without a reason if it was stopped. */
  readonly ended: Promise<MeshError | undefined>;
}

const DIAL_MS_MAX = 10_000;
const STORE_BYTES_MAX = 4 * 2 ** 30;
/** Executors kept warm: enough for the first tasks, the others start in tens of milliseconds. */
const EXECUTORS_WARM = 2;
/** Trying again will not help. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "UNAUTHENTICATED",
  "FORBIDDEN",
  "VERSION_MISMATCH",
  "INVALID_ARGUMENT",
]);

/**
 * Join a mesh with this process as a worker, and stay: a coordinator that cannot be reached, or is
 * lost, is tried again for ever. Resolves once joined.
 * @throws MeshError if the coordinator refuses it for good (`UNAUTHENTICATED`, `FORBIDDEN`,
 *   `VERSION_MISMATCH`), or `INVALID_ARGUMENT` for an address that is none.
 */
export async function runNodeWorker(options: NodeWorkerOptions): Promise<NodeWorker> {
  const url = checkedUrl(options.url);
  const spawner = new ThreadSpawner({ settings: { workerName: options.name } });
  let host: Host | undefined;
  try {
    const [listener, Peer] = await Promise.all([
      listen(url, options.listenHost, (transport) => host?.accept(transport)),
      options.webrtc === false ? undefined : loadPeerJs((reason) => options.log(reason)),
    ]);
    host = new Host({ ...options, url: url.origin }, { spawner, listener, Peer });
    await host.joined;
    return host;
  } catch (error) {
    await host?.stop();
    spawner.close();
    throw error;
  }
}

interface Parts {
  readonly spawner: ThreadSpawner;
  readonly listener: WebSocketListener | undefined;
  readonly Peer: PeerConstructor | undefined;
}

/** Keeps an agent in the mesh: one for each session. */
class Host implements NodeWorker {
  readonly joined: Promise<void>;
  readonly ended: Promise<MeshError | undefined>;
  readonly #options: NodeWorkerOptions;
  readonly #parts: Parts;
  readonly #backOff = new BackOff(systemClock);
  #agent: WorkerAgent | undefined;
  #accept: ((transport: Transport) => void) | undefined;
  #closeWebRtc = (): void => {};
  #isStopping = false;
  #settleJoined!: { resolve: () => void; reject: (error: unknown) => void };

  constructor(options: NodeWorkerOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.joined = new Promise((resolve, reject) => (this.#settleJoined = { resolve, reject }));
    this.ended = this.#stayJoined();
  }

  get peer(): PeerId {
    return this.#agent!.self;
  }

  snapshot(): WorkerSnapshot {
    return this.#agent!.snapshot();
  }

  accept(transport: Transport): void {
    const detail = "this worker is not in a mesh now; try later";
    if (this.#accept) this.#accept(transport);
    else transport.close({ code: "refused", detail });
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#backOff.stop();
    this.#agent?.leave("the worker was stopped");
    this.#closeWebRtc();
    this.#parts.spawner.close();
    await this.#parts.listener?.close();
  }

  async #stayJoined(): Promise<MeshError | undefined> {
    const { url, log } = this.#options;
    for (let outages = 0; !this.#isStopping;) {
      let reason: MeshError;
      try {
        const agent = await this.#join();
        if (outages > 0) log(`joined ${url} again, as ${agent.self}`);
        this.#settleJoined.resolve();
        this.#backOff.reset();
        outages = 0;
        reason = await agent.ended;
      } catch (error) {
        if (!MeshError.is(error)) throw error;
        reason = error;
      } finally {
        this.#accept = undefined;
        this.#closeWebRtc();
      }
      if (this.#isStopping) break;
      if (FINAL.has(reason.code)) {
        this.#settleJoined.reject(reason);
        return reason;
      }
      // Once per outage, however long it lasts.
      if (outages++ === 0) log(`${reason.message}; trying ${url} until it answers`);
      await this.#backOff.wait();
    }
    this.#settleJoined.reject(new MeshError("DISCONNECTED", "stopped before it had joined"));
    return undefined;
  }

  async #join(): Promise<WorkerAgent> {
    const { url, token, name, storeBytesMax } = this.#options;
    const { spawner, listener, Peer } = this.#parts;
    const capacity = capacityOf(this.#options);
    const cpus = Math.max(1, Math.ceil(capacity.cpuMilli / 1_000));
    const transport = await dialWebSocket(`${url.replace(/^http/, "ws")}/v1/peer`, {
      deadlineMs: DIAL_MS_MAX,
    });
    const agent = await WorkerAgent.join({
      transport,
      clock: systemClock,
      hello: {
        token,
        runtime: "node",
        name,
        webrtc: Peer !== undefined,
        capacity,
        labels: { ...this.#options.labels, runtime: "node", name },
        ...(listener ? { directUrl: listener.url } : {}),
      },
      spawner,
      executorsMin: Math.min(EXECUTORS_WARM, cpus),
      executorsMax: cpus,
      storeBytesMax: storeBytesMax ?? Math.min(STORE_BYTES_MAX, Math.floor(totalmem() / 4)),
      allocate: (sizeBytes) => new Uint8Array(new SharedArrayBuffer(sizeBytes)),
      dialers: (welcome, accept) => this.#dialers(welcome, accept),
      log: (text) => this.#options.log(text),
    });
    this.#agent = agent;
    if (this.#isStopping) agent.leave("the worker was stopped");
    return agent;
  }

  #dialers(welcome: Welcome, accept: (transport: Transport) => void) {
    const { Peer } = this.#parts;
    const { url } = this.#options;
    this.#accept = accept;
    const direct = webSocketDialer((target, deadlineMs) => dialWebSocket(target, { deadlineMs }));
    if (!Peer) return [direct];
    const rtc = webRtcDialer({ Peer, url, welcome, clock: systemClock, accept });
    this.#closeWebRtc = () => rtc.close();
    return [direct, rtc.dialer];
  }
}

function capacityOf({ capacity }: NodeWorkerOptions): Demands {
  return {
    cpuMilli: availableParallelism() * 1_000,
    gpuMilli: 0,
    memoryBytes: totalmem(),
    ...capacity,
  };
}

async function listen(
  url: URL,
  listenHost: string | undefined,
  onTransport: (transport: Transport) => void,
): Promise<WebSocketListener | undefined> {
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  const host = listenHost ?? (isLocal ? "127.0.0.1" : undefined);
  if (host === undefined) return undefined;
  return await listenWebSocket({ host, port: 0, path: "/link", onTransport });
}

function checkedUrl(given: string): URL {
  try {
    const url = new URL(given);
    if (url.protocol === "http:" || url.protocol === "https:") return url;
  } catch {
    // Said below.
  }
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(given)} is not the URL of a coordinator, such as http://127.0.0.1:7777`,
  );
}
