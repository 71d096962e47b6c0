import { availableParallelism, totalmem } from "node:os";
import { systemClock } from "../shared/clock.ts";
import type { MeshError } from "../shared/errors.ts";
import type { PeerId } from "../shared/ids.ts";
import { dialDirectSocket } from "../shared/node/direct-socket.ts";
import { listenForPeers } from "../shared/node/listen-for-peers.ts";
import { loadPeerJs } from "../shared/node/peerjs-for-node.ts";
import { dialWebSocket } from "../shared/node/websocket-for-node.ts";
import type { WebSocketListener } from "../shared/node/websocket-for-node.ts";
import { noWebRtcDialer, webRtcDialer, webSocketDialer } from "../shared/peer/dialers.ts";
import type { Welcome } from "../shared/protocol/messages.ts";
import type { Demands, Labels } from "../shared/protocol/schema.ts";
import { coordinatorUrl } from "../shared/session/coordinator-url.ts";
import type { PeerConstructor } from "../shared/transport/peerjs-api.ts";
import type { Transport } from "../shared/transport/transport.ts";
import { LocalStore } from "../shared/objects/local-store.ts";
import { collectGarbage } from "../shared/node/collect-garbage.ts";
import { defaultStoreBytes } from "../shared/node/default-store-bytes.ts";
import { NodeSpillFiles } from "../shared/node/node-spill-files.ts";
import { FileSpill } from "../shared/objects/spill-files.ts";
import { removeLeftovers, SpillFolder } from "../shared/node/spill-folder.ts";
import { WorkerAgent } from "../shared/worker/agent.ts";
import type { WorkerSnapshot } from "../shared/worker/worker-snapshot.ts";
import { Membership } from "../shared/worker/membership.ts";
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
  /** Bytes of objects it has in memory, at most. Default: 30 % of the machine's. */
  readonly storeBytesMax?: number;
  /** Where objects go that do not fit in memory. Default: the folder for temporary files. */
  readonly spillDir?: string;
  /** Bytes of objects on disk, at most; 0 for none. Default: as many as there is room for. */
  readonly spillBytesMax?: number;
  /** Whether to use WebRTC, to reach tabs directly. Default true. */
  readonly webrtc?: boolean;
  /**
   * An address of this machine that other Node peers reach: it listens there for direct links.
   * `none`: it does not listen. Default: 127.0.0.1 if the coordinator is on this machine, else none.
   */
  readonly listenHost?: string;
  log(text: string): void;
}

export interface NodeWorker {
  /** Its id in the mesh; a new one after the coordinator was lost and joined again. */
  readonly peer: PeerId;
  snapshot(): WorkerSnapshot;
  /** Say goodbye, stop everything. */
  stop(): Promise<void>;
  /** Resolves when the worker is over: without a reason if it was stopped, or drained. */
  readonly ended: Promise<MeshError | undefined>;
}

const DIAL_MS_MAX = 10_000;
/** Of the store: shared memory that passes through an executor before its garbage is collected. */
const COLLECT_SHARE = 1 / 32;
const COLLECT_BYTES_MIN = 4 * 2 ** 20;
/** Executors kept warm: enough for the first tasks, the others start in tens of milliseconds. */
const EXECUTORS_WARM = 2;
/**
 * Join a mesh with this process as a worker, and stay: a coordinator that cannot be reached, or is
 * lost, is tried again for ever. Resolves once joined.
 * @throws MeshError if the coordinator refuses it for good (`UNAUTHENTICATED`, `FORBIDDEN`,
 *   `VERSION_MISMATCH`), or `INVALID_ARGUMENT` for an address that is none.
 */
export async function runNodeWorker(options: NodeWorkerOptions): Promise<NodeWorker> {
  const url = coordinatorUrl(options.url);
  const storeBytes = options.storeBytesMax ?? defaultStoreBytes();
  const collectEveryBytes = Math.max(COLLECT_BYTES_MIN, storeBytes * COLLECT_SHARE);
  const settings = { workerName: options.name, collectEveryBytes };
  const spawner = new ThreadSpawner({ settings });
  let host: Host | undefined;
  try {
    void removeLeftovers(options.spillDir);
    const [listener, Peer] = await Promise.all([
      listenForPeers(url, options.listenHost, (transport) => host?.accept(transport)),
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

class Host implements NodeWorker {
  readonly #options: NodeWorkerOptions;
  readonly #parts: Parts;
  readonly #membership: Membership<WorkerAgent>;
  #accept: ((transport: Transport) => void) | undefined;
  #closeWebRtc = (): void => {};

  constructor(options: NodeWorkerOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    const { url, log } = options;
    let hasJoined = false;
    this.#membership = new Membership({
      clock: systemClock,
      join: () => this.#join(),
      onJoined(agent) {
        if (hasJoined) log(`in the mesh at ${url} again, as ${agent.self}`);
        hasJoined = true;
      },
      onOutage: (reason) => log(`${reason.message}; trying ${url} until it answers`),
      onOver: () => {
        this.#accept = undefined;
        this.#closeWebRtc();
      },
    });
  }

  get joined(): Promise<void> {
    return this.#membership.joined;
  }

  get ended(): Promise<MeshError | undefined> {
    return this.#membership.ended;
  }

  get peer(): PeerId {
    return this.#membership.session!.self;
  }

  snapshot(): WorkerSnapshot {
    return this.#membership.session!.snapshot();
  }

  accept(transport: Transport): void {
    const detail = "this worker is not in a mesh now; try later";
    if (this.#accept) this.#accept(transport);
    else transport.close({ code: "refused", detail });
  }

  async stop(): Promise<void> {
    await this.#membership.retire("the worker was stopped");
    this.#parts.spawner.close();
    await this.#parts.listener?.close();
  }

  async #join(): Promise<WorkerAgent> {
    const { url, token, name } = this.#options;
    const { spawner, listener, Peer } = this.#parts;
    const capacity = capacityOf(this.#options);
    const cpus = Math.max(1, Math.ceil(capacity.cpuMilli / 1_000));
    const transport = await dialWebSocket(`${url.replace(/^http/, "ws")}/v1/peer`, {
      deadlineMs: DIAL_MS_MAX,
    });
    return await WorkerAgent.join({
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
      store: newStore(this.#options),
      dialers: (welcome, accept) => this.#dialers(welcome, accept),
      log: (text) => this.#options.log(text),
    });
  }

  #dialers(welcome: Welcome, accept: (transport: Transport) => void) {
    const { Peer } = this.#parts;
    const { url } = this.#options;
    this.#accept = accept;
    const direct = webSocketDialer(dialDirectSocket);
    if (!Peer) return [direct, noWebRtcDialer(welcome.peer)];
    const rtc = webRtcDialer({ Peer, url, welcome, clock: systemClock, accept });
    this.#closeWebRtc = () => rtc.close();
    return [direct, rtc.dialer];
  }
}

const allocateShared = (sizeBytes: number) => new Uint8Array(new SharedArrayBuffer(sizeBytes));

/** Of the store's limit, this is left to what passes through: values that executors make or read. */
const PASSING_SHARE = 1 / 8;
const PASSING_BYTES_MAX = 64 * 2 ** 20;

const objectBytesWithin = (storeBytes: number): number =>
  storeBytes - Math.min(storeBytes * PASSING_SHARE, PASSING_BYTES_MAX);

function newStore({ storeBytesMax, spillDir, spillBytesMax }: NodeWorkerOptions): LocalStore {
  return new LocalStore({
    bytesMax: objectBytesWithin(storeBytesMax ?? defaultStoreBytes()),
    ...(spillBytesMax === undefined ? {} : { diskBytesMax: spillBytesMax }),
    spill: new FileSpill(new NodeSpillFiles(new SpillFolder(spillDir))),
    allocate: allocateShared,
    collect: collectGarbage,
  });
}

function capacityOf({ capacity }: NodeWorkerOptions): Demands {
  return {
    cpuMilli: availableParallelism() * 1_000,
    gpuMilli: 0,
    memoryBytes: totalmem(),
    ...capacity,
  };
}
