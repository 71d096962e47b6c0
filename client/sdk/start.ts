import {
  aNumber,
  amounts,
  aWholeNumber,
  checkOptions,
  listOfTexts,
  type OptionChecks,
} from "../../shared/driver/option-checks.ts";
import { launch, type LaunchOptions } from "../launch/launch.ts";
import { connectOwned } from "./connect-in-node.ts";
import type { ConnectOptions } from "./connect.ts";
import { CONNECT_CHECKS } from "./driver-target.ts";
import type { Mesh } from "../../shared/driver/mesh.ts";

/** Processes on one machine: more is a slip. */
const WORKERS_MAX = 1_024;
const CPUS_MAX = 1_024;
const PORT_MAX = 65_535;

export type StartOptions = Omit<ConnectOptions, "token" | "url"> &
  Pick<LaunchOptions, "workers" | "cpus" | "resources" | "port" | "workerStoreBytes"> & {
    /**
     * STUN and TURN servers that WebRTC connections of all peers use: `stun:host:port`,
     * `turn:user:password@host:port`. Default: the environment's `MANTA_ICE_SERVERS`, else none, which
     * is enough within one network.
     */
    readonly iceServers?: readonly string[];
  };

const { url: _url, token: _token, ...driverChecks } = CONNECT_CHECKS;
const START_CHECKS: OptionChecks<StartOptions> = {
  ...driverChecks,
  workers: aWholeNumber(0, WORKERS_MAX),
  cpus: aNumber(0.001, CPUS_MAX),
  resources: amounts,
  port: aWholeNumber(0, PORT_MAX),
  workerStoreBytes: aWholeNumber(0, Number.MAX_SAFE_INTEGER, "a number of bytes"),
  iceServers: listOfTexts,
};

/** A mesh of this process's own, with what others need to join it. */
export interface StartedMesh {
  readonly mesh: Mesh;
  readonly url: string;
  readonly tokens: Readonly<Record<"submit" | "contribute" | "view" | "admin", string>>;
  /** The Node workers' process ids, in the order they were started. */
  readonly workerPids: readonly number[];
}

/**
 * Bring up a coordinator and workers as children of this process, and connect to them: a mesh for a
 * script or a test. The same code runs against a real mesh with `connect(url)`. `mesh.close()` stops
 * all of it, and so does the end of this process.
 *
 * @throws MeshError `START_FAILED` with what the child that failed said; `INVALID_ARGUMENT` for an
 *   option that is unknown or wrong.
 */
export async function start(options: StartOptions = {}): Promise<Mesh> {
  return (await startMesh(options)).mesh;
}

/** {@link start}, for those who also let others join. */
export async function startMesh(options: StartOptions = {}): Promise<StartedMesh> {
  checkOptions<StartOptions>("start()", options, START_CHECKS);
  const {
    workers = 1,
    cpus,
    resources,
    port = 0,
    iceServers,
    workerStoreBytes,
    ...connectOptions
  } = options;
  const { spillDir } = connectOptions;
  const launched = await launch({
    workers,
    port,
    ...(cpus === undefined ? {} : { cpus }),
    ...(resources === undefined ? {} : { resources }),
    ...(workerStoreBytes === undefined ? {} : { workerStoreBytes }),
    ...(spillDir === undefined ? {} : { spillDir }),
    ...(iceServers === undefined ? {} : { iceServers }),
    coordinatorArguments: ["--quiet"],
  });
  const { url, tokens, workerPids } = launched;
  try {
    const driverOptions = { ...connectOptions, token: tokens.submit };
    const mesh = await connectOwned(url, driverOptions, launched.stop);
    launched.unref();
    return { mesh, url, tokens, workerPids };
  } catch (error) {
    await launched.stop();
    throw error;
  }
}
