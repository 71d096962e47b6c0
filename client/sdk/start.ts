import { launch, type LaunchOptions } from "../launch/launch.ts";
import { connectOwned } from "./connect-in-node.ts";
import type { ConnectOptions } from "./connect.ts";
import type { Mesh } from "../../shared/driver/mesh.ts";

export type StartOptions = Omit<ConnectOptions, "token"> &
  Pick<LaunchOptions, "workers" | "cpus" | "port" | "workerStoreBytes"> & {
    /**
     * STUN and TURN servers that WebRTC connections of all peers use: `stun:host:port`,
     * `turn:user:password@host:port`. Default: the environment's `MANTA_ICE_SERVERS`, else none, which
     * is enough within one network.
     */
    readonly iceServers?: readonly string[];
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
 * @throws MeshError `START_FAILED` with what the child that failed said.
 */
export async function start(options: StartOptions = {}): Promise<Mesh> {
  return (await startMesh(options)).mesh;
}

/** {@link start}, for those who also let others join. */
export async function startMesh(options: StartOptions = {}): Promise<StartedMesh> {
  const { workers = 1, cpus, port = 0, iceServers, workerStoreBytes, ...connectOptions } = options;
  const { spillDir } = connectOptions;
  const launched = await launch({
    workers,
    port,
    ...(cpus === undefined ? {} : { cpus }),
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
