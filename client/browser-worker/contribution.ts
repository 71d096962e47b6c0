import { Peer } from "peerjs";
import { systemClock } from "../../shared/clock.ts";
import { MeshError, type ErrorCode } from "../../shared/errors.ts";
import { noWebRtcDialer, webRtcDialer } from "../../shared/peer/dialers.ts";
import type { Welcome } from "../../shared/protocol/messages.ts";
import type { Transport } from "../../shared/transport/transport.ts";
import { LocalStore } from "../../shared/objects/local-store.ts";
import { openWebSocket } from "../../shared/transport/websocket.ts";
import { WorkerAgent } from "../../shared/worker/agent.ts";
import type { WorkerSnapshot } from "../../shared/worker/worker-snapshot.ts";
import { Membership } from "../../shared/worker/membership.ts";
import { openCage, type Cage } from "./cage/cage.ts";
import { fetchCageAssets } from "./cage/fetch-assets.ts";
import type {
  Contribute,
  Contribution,
  ContributionOptions,
  ContributionSnapshot,
} from "./contribution-types.ts";
import { FileSpill } from "../../shared/objects/spill-files.ts";
import { hasOpfs, OpfsSpillFiles, removeOpfsLeftovers } from "./opfs-spill-files.ts";
import { nameGpu } from "./name-gpu.ts";

const DIAL_MS_MAX = 10_000;
const NAME_CHARS_MAX = 64;
/** Browsers do not tell how much memory a tab may use; this much is safe on the devices of today. */
const MEMORY_BYTES = 2 * 2 ** 30;
/** Of the memory for objects. The rest is for what executors keep, who cannot share it with the page. */
const AGENT_STORE_SHARE = 0.75;

type Phase = ContributionSnapshot["phase"];
type Counts = Omit<WorkerSnapshot, "peer">;

const NOTHING: Counts = {
  tasksRunning: 0,
  tasksDone: 0,
  tasksFailed: 0,
  actors: 0,
  storedBytes: 0,
  spilledBytes: 0,
  links: [],
  current: [],
};

/** Lend this tab to a mesh, until it is stopped, closed, or refused. */
export const contribute: Contribute = (options) => new TabContribution(options);

class TabContribution implements Contribution {
  readonly #options: ContributionOptions;
  readonly #over: Promise<void>;
  #phase: Phase = "measuring";
  #gpuName: string | undefined;
  #outage: string | undefined;
  #error: ContributionSnapshot["error"];
  #crash: MeshError | undefined;
  #membership: Membership<WorkerAgent> | undefined;
  /** What was counted in sessions before the one of now. */
  #before = { tasksDone: 0, tasksFailed: 0 };
  #last: WorkerSnapshot | undefined;
  #closeWebRtc = (): void => {};

  constructor(options: ContributionOptions) {
    this.#options = options;
    this.#over = this.#run();
  }

  snapshot(): ContributionSnapshot {
    const now = this.#last ?? NOTHING;
    return {
      ...now,
      phase: this.#phase,
      tasksDone: this.#before.tasksDone + now.tasksDone,
      tasksFailed: this.#before.tasksFailed + now.tasksFailed,
      ...(this.#gpuName === undefined ? {} : { gpuName: this.#gpuName }),
      ...(this.#outage === undefined ? {} : { outage: this.#outage }),
      ...(this.#error ? { error: this.#error } : {}),
    };
  }

  async stop(): Promise<void> {
    if (this.#phase !== "stopped" && this.#phase !== "failed") this.#enter("stopping");
    void this.#membership?.retire("its owner stopped it");
    await this.#over;
  }

  async #run(): Promise<void> {
    let cage: Cage | undefined;
    const onPageHide = () => this.#membership?.stop("its tab was closed");
    // Whoever is told of changes has this object only after the constructor returned.
    await Promise.resolve();
    this.#changed();
    addEventListener("pagehide", onPageHide);
    if (hasOpfs()) void removeOpfsLeftovers().catch(() => {});
    try {
      const gpuName = this.#options.gpu ? nameGpu() : undefined;
      cage = await this.#openCage();
      this.#gpuName = await gpuName;
      if (this.#isStopping) return this.#enter("stopped");
      this.#enter("connecting");
      this.#membership = this.#joinWith(cage);
      void cage.ended.then(() => this.#cageEnded());
      const reason = await this.#membership.ended;
      if (this.#crash ?? reason) this.#fail(this.#crash ?? reason);
      else this.#enter("stopped");
    } catch (error) {
      this.#fail(error);
    } finally {
      removeEventListener("pagehide", onPageHide);
      cage?.close();
    }
  }

  /** Before the contribution is over that is a crash: leave, so that the work goes on elsewhere. */
  #cageEnded(): void {
    this.#crash = new MeshError(
      "WORKER_LOST",
      "the part of this page that tasks run in crashed; the browser may have run out of memory",
    );
    this.#membership?.stop("its cage crashed");
  }

  get #isStopping(): boolean {
    return this.#phase === "stopping";
  }

  async #openCage(): Promise<Cage> {
    const { url, name, gpu, storeBytesMax, executors } = this.#options;
    const folder = new URL("/cage/", url);
    return await openCage({
      assets: await fetchCageAssets(folder),
      settings: { workerName: name },
      gpu,
      url: new URL("cage.html", folder).href,
      storeBytesMax: Math.floor((storeBytesMax * (1 - AGENT_STORE_SHARE)) / executors),
    });
  }

  #joinWith(cage: Cage): Membership<WorkerAgent> {
    return new Membership({
      clock: systemClock,
      join: () => this.#join(cage),
      onJoined: () => {
        this.#noteSnapshot();
        this.#outage = undefined;
        this.#enter("working");
      },
      onOutage: ({ message }) => {
        this.#outage = sentence(message);
        if (this.#phase === "connecting") this.#changed();
        else this.#enter("connecting");
      },
      onOver: () => this.#sessionOver(),
    });
  }

  async #join(cage: Cage): Promise<WorkerAgent> {
    const { url, token, name, gpu, webrtc, executors } = this.#options;
    const socketUrl = `${new URL(url).origin.replace(/^http/, "ws")}/v1/peer`;
    const transport = await openWebSocket(new WebSocket(socketUrl), {
      url: socketUrl,
      deadlineMs: DIAL_MS_MAX,
    });
    const capacity = {
      cpuMilli: executors * 1_000,
      gpuMilli: gpu && this.#gpuName !== undefined ? 1_000 : 0,
      memoryBytes: MEMORY_BYTES,
    };
    return await WorkerAgent.join({
      transport,
      clock: systemClock,
      hello: {
        token,
        runtime: "browser",
        name: name.slice(0, NAME_CHARS_MAX),
        webrtc: webrtc && "RTCPeerConnection" in globalThis,
        capacity,
        labels: { runtime: "browser", name },
      },
      spawner: cage,
      executorsMin: 1,
      executorsMax: executors,
      store: this.#newStore(),
      dialers: (welcome, accept) => this.#dialers(welcome, accept),
      // oxlint-disable-next-line no-console -- the one place where a tab's engine can be looked into
      log: (text) => console.warn(`manta: ${text}`),
      onChange: () => {
        this.#noteSnapshot();
        this.#changed();
      },
    });
  }

  #newStore(): LocalStore {
    const { storeBytesMax, diskBytesMax } = this.#options;
    const bytesMax = Math.floor(storeBytesMax * AGENT_STORE_SHARE);
    if (diskBytesMax === 0 || !hasOpfs()) return new LocalStore({ bytesMax });
    return new LocalStore({ bytesMax, diskBytesMax, spill: new FileSpill(new OpfsSpillFiles()) });
  }

  #dialers(welcome: Welcome, accept: (transport: Transport) => void) {
    const { url, webrtc } = this.#options;
    if (!webrtc || !("RTCPeerConnection" in globalThis)) return [noWebRtcDialer(welcome.peer)];
    const rtc = webRtcDialer({
      Peer,
      url,
      welcome,
      clock: systemClock,
      accept,
    });
    this.#closeWebRtc = () => rtc.close();
    return [rtc.dialer];
  }

  #noteSnapshot(): void {
    this.#last = this.#membership?.session?.snapshot() ?? this.#last;
  }

  #sessionOver(): void {
    this.#closeWebRtc();
    this.#closeWebRtc = () => {};
    this.#noteSnapshot();
    if (!this.#last) return;
    const { tasksDone, tasksFailed } = this.snapshot();
    this.#before = { tasksDone, tasksFailed };
    const { backend } = this.#last;
    this.#last = { ...NOTHING, peer: this.#last.peer, ...(backend ? { backend } : {}) };
  }

  #fail(error: unknown): void {
    if (this.#isStopping) return this.#enter("stopped");
    const text = error instanceof Error || MeshError.is(error) ? error.message : String(error);
    const code = MeshError.is(error) ? error.code : undefined;
    this.#error = { text: sentence(text), next: nextStep(code) };
    this.#enter("failed");
  }

  #enter(phase: Phase): void {
    if (this.#phase === phase || (this.#isStopping && phase !== "stopped")) return;
    this.#phase = phase;
    this.#changed();
  }

  #changed(): void {
    this.#options.onChange(this.snapshot());
  }
}

/** For a page: the mesh's messages, made for terminals, begin small and quote with backticks. */
const sentence = (text: string): string => {
  const quoted = text.replaceAll(/`([^`]*)`/g, "“$1”");
  return `${quoted.charAt(0).toUpperCase()}${quoted.slice(1)}${/[.!?]$/.test(quoted) ? "" : "."}`;
};

function nextStep(code: ErrorCode | undefined): string {
  switch (code) {
    case "UNAUTHENTICATED":
    case "FORBIDDEN":
      return "Ask whoever runs this mesh for a fresh contribute link, and open that.";
    case "VERSION_MISMATCH":
      return "Reload this page to get the version that the mesh speaks.";
    case "WORKER_LOST":
      return "Press Start again. If it happens again, lend fewer processors or less memory.";
    default:
      return "Reload this page and press Start again.";
  }
}
