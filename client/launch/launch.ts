import { availableParallelism } from "node:os";
import { defaultStoreBytes } from "../../shared/node/default-store-bytes.ts";
import { KeptWorker } from "./kept-worker.ts";
import { Program, type Ready } from "./program.ts";

export interface LaunchOptions {
  /** Node workers to start. Default 1. */
  readonly workers?: number;
  /** CPUs each of them offers. Default: this machine's, shared out. */
  readonly cpus?: number;
  /** Amounts of resources of your own that each of them offers. Default: none. */
  readonly resources?: Readonly<Record<string, number>>;
  /** Bytes of objects each of them has in memory, at most. Default: 30 % of the machine's, shared out. */
  readonly workerStoreBytes?: number;
  /** Where workers move what does not fit. Default: the system's folder for temporary files. */
  readonly spillDir?: string;
  /** Port of the coordinator. Default 0: a free one. */
  readonly port?: number;
  /** More arguments for the coordinator's program. */
  readonly coordinatorArguments?: readonly string[];
  /** STUN and TURN servers. By the environment: other users of this machine see arguments. */
  readonly iceServers?: readonly string[];
  /**
   * Start a worker again when it ends by itself; this hears a sentence about it each time. Default:
   * a worker that ended stays away.
   */
  readonly restartWorkers?: (sentence: string) => void;
}

/** A coordinator and workers that run as children of this process. */
export interface Launched extends Ready {
  /** The Node workers' process ids, in the order they were started. */
  readonly workerPids: readonly number[];
  /** Resolves with how the coordinator ended, such as `SIGKILL`: without it there is no mesh. */
  readonly coordinatorEnded: Promise<string>;
  /** Let this process end although they run; they end with it. */
  unref(): void;
  stop(): Promise<void>;
}

/**
 * Start the programs of a mesh: a coordinator, then workers connected to it.
 * @throws MeshError `START_FAILED` with what the child that failed said.
 */
export async function launch(options: LaunchOptions = {}): Promise<Launched> {
  const { workers: count = 1, port = 0, coordinatorArguments = [], iceServers } = options;
  const coordinator = new Program(
    "coordinator",
    ["--port", String(port), ...coordinatorArguments],
    iceServers ? { MANTA_ICE_SERVERS: iceServers.join(" ") } : {},
  );
  const workers: (Program | KeptWorker)[] = [];
  // Workers first: they would look for a coordinator that is gone.
  const stop = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await coordinator.stop();
  };
  try {
    const ready = await coordinator.ready;
    for (let i = 1; i <= count; i++) workers.push(startWorker(`node-${i}`, ready, options));
    await Promise.all(workers.map((worker) => worker.ready));
    return {
      ...ready,
      workerPids: workers.map(({ pid }) => pid!),
      coordinatorEnded: coordinator.ended,
      unref: () => [coordinator, ...workers].forEach((child) => child.unref()),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startWorker(
  name: string,
  { url, tokens }: Ready,
  { workers = 1, cpus, resources = {}, workerStoreBytes, spillDir, restartWorkers }: LaunchOptions,
): Program | KeptWorker {
  const cpusEach = cpus ?? Math.max(1, Math.floor(availableParallelism() / workers));
  const storeBytes = workerStoreBytes ?? Math.floor(defaultStoreBytes() / workers);
  const flags = ["--name", name, "--cpus", String(cpusEach), "--store-bytes", String(storeBytes)];
  for (const [resource, amount] of Object.entries(resources)) {
    flags.push("--resource", `${resource}=${amount}`);
  }
  if (spillDir !== undefined) flags.push("--spill-dir", spillDir);
  const environment = { MANTA_URL: url, MANTA_TOKEN: tokens.contribute };
  const start = () => new Program("node-worker", flags, environment);
  return restartWorkers ? new KeptWorker({ name, start, say: restartWorkers }) : start();
}
