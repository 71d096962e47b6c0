import { systemClock } from "../../shared/clock.ts";
import { MeshError } from "../../shared/errors.ts";
import type { LocalStore } from "../../shared/objects/local-store.ts";
import type { MeshPeerOptions } from "../../shared/peer/mesh-peer.ts";
import { driverMessages, type Runtime } from "../../shared/protocol/messages.ts";
import { coordinatorUrl } from "../../shared/session/coordinator-url.ts";
import type { Transport } from "../../shared/transport/transport.ts";
import { readTarget, tokenIn, type DriverTarget } from "./driver-target.ts";
import { Driver } from "../../shared/driver/driver.ts";
import { Mesh } from "../../shared/driver/mesh.ts";
import * as packaging from "../../shared/packaging/ship-function.ts";
import { SessionPort } from "../../shared/driver/session-port.ts";

export interface ConnectOptions {
  /**
   * Of the coordinator, `http:` or `https:`. Default: the environment's `MANTA_URL`, else
   * http://127.0.0.1:7777; in a page, where the SDK was loaded from. A URL that a page of the mesh
   * was opened with may bring its token: `http://.../console#token=...`.
   */
  readonly url?: string;
  /** A `submit` or `admin` token. Default: the environment's `MANTA_TOKEN`, or the page's. */
  readonly token?: string;
  /** How the dashboard names this driver. */
  readonly name?: string;
  /**
   * How much of the mesh this driver's work gets while others have work too, compared with drivers
   * of weight 1. From 0.1 to 10, default 1.
   */
  readonly weight?: number;
  /**
   * Bytes of values this driver keeps in memory for others to fetch, or has fetched. Default: 30 % of
   * the machine's memory in Node, 1 GiB in a page. Node moves what exceeds it to disk.
   */
  readonly storeBytesMax?: number;
  /** In Node: where values go that do not fit in memory. Default: the folder for temporary files. */
  readonly spillDir?: string;
  /** Whether to use WebRTC to reach peers directly. Default true. */
  readonly webrtc?: boolean;
  /**
   * In Node: an address of this machine that Node workers reach, to fetch values from this driver
   * directly. Default: 127.0.0.1 if the coordinator is on this machine, else it does not listen.
   */
  readonly listenHost?: string;
  /** How long to try. Default 10,000. */
  readonly timeoutMs?: number;
}

/** What differs between a page and Node. */
export interface Platform {
  readonly runtime: Runtime;
  readonly defaultName: string;
  /** Where else a token can come from, for the error if there is none: begins with "or". */
  readonly tokenAdvice: string;
  /** Where to connect, and with what, if the caller does not say. */
  defaults(): { readonly url?: string; readonly token?: string };
  openSocket(url: string, deadlineMs: number): Promise<Transport>;
  /** Ways to reach other peers, better than the relay, best first. */
  dialers(url: string, options: ConnectOptions): Promise<PeerPaths>;
  newStore(options: ConnectOptions): LocalStore;
}

export interface PeerPaths {
  readonly webrtc: boolean;
  /** Where it listens for Node peers, if it does. */
  readonly directUrl?: string;
  readonly dialers: MeshPeerOptions["dialers"];
  close(): void;
}

const CONNECT_MS_MAX = 10_000;

/** Join a mesh as a driver. */
export async function connectWith(
  platform: Platform,
  target: DriverTarget,
  onClose: () => Promise<void> = () => Promise.resolve(),
): Promise<Mesh> {
  const defaults = platform.defaults();
  const options = readTarget(target);
  const url = coordinatorUrl(options.url ?? defaults.url);
  const base = url.origin;
  const token = options.token ?? tokenIn(url) ?? defaults.token;
  if (!token) {
    throw new MeshError(
      "UNAUTHENTICATED",
      `a token is needed to submit work to ${base}: connect({ url, token })${platform.tokenAdvice}; \`manta start\` prints one`,
    );
  }
  const deadlineMs = options.timeoutMs ?? CONNECT_MS_MAX;
  const paths = await platform.dialers(base, options);
  try {
    const socketUrl = `${base.replace(/^http/, "ws")}/v1/peer`;
    const port = await SessionPort.join({
      transport: await platform.openSocket(socketUrl, deadlineMs),
      clock: systemClock,
      store: platform.newStore(options),
      dialers: paths.dialers,
      hello: {
        token,
        role: "driver",
        runtime: platform.runtime,
        name: (options.name ?? platform.defaultName).slice(0, 64),
        webrtc: paths.webrtc,
        ...(options.weight === undefined ? {} : { weight: options.weight }),
        ...(paths.directUrl ? { directUrl: paths.directUrl } : {}),
      },
    });
    const driver = new Driver(port);
    port.start((news) => driver.receive(news));
    void driver.ended.then(() => paths.close());
    const mesh = new Mesh(driver, {
      packaging,
      complaint: (define) =>
        driverMessages.accepts(define) ? undefined : driverMessages.complaint(define),
      async close() {
        driver.close("mesh.close() was called");
        await driver.ended;
        await onClose();
      },
    });
    // oxlint-disable-next-line no-console -- a warning nobody asked for must still reach a person
    mesh.onWarning = (text) => console.warn(`manta: ${text}`);
    return mesh;
  } catch (error) {
    paths.close();
    throw error;
  }
}
