import { MeshError } from "../../../shared/errors.ts";
import type {
  ExecutorHandle,
  ExecutorListener,
  ExecutorSettings,
  ExecutorSpawner,
} from "../../../shared/worker/executor-api.ts";
import { ExecutorFleet } from "../../../shared/worker/executor-fleet.ts";
import type { ExecutorHost } from "../../../shared/worker/executor-host.ts";
import type { CageAssets, FromFrame, HandOver, ToFrame } from "./cage-messages.ts";

export interface CageOptions {
  readonly assets: CageAssets;
  readonly settings: ExecutorSettings;
  /** Whether code in it may use the graphics processor. */
  readonly gpu: boolean;
  /** Where `cage.html` is served, with the headers that were built with it. */
  readonly url: string;
  /** Bytes of objects that each executor may keep, so that each is sent to it once. */
  readonly storeBytesMax?: number;
  /** How often the frame is asked whether it lives. */
  readonly askEveryMs?: number;
}

const STORE_BYTES_MAX = 256 * 2 ** 20;
const OPEN_MS_MAX = 10_000;
const ASK_EVERY_MS = 5_000;
/** Several: when a frozen tab goes on, the first is asked before the frame could answer. */
const UNANSWERED_MAX = 3;

/**
 * Where a tab runs other people's code: a frame without an origin and without network, and in it
 * one worker per executor. See cage-frame.ts and build.ts for the walls.
 *
 * `close` removes the frame, and with it everything that ran there, nested workers included.
 */
export class Cage implements ExecutorSpawner {
  /** Resolves with the reason when nothing can run in it any more: it was closed, or it crashed. */
  readonly ended: Promise<string>;
  readonly #frame: HTMLIFrameElement;
  readonly #control: MessagePort;
  readonly #fleet: ExecutorFleet;
  readonly #storeBytesMax: number;
  readonly #executors = new Map<number, ExecutorHost>();
  #executorCount = 0;
  readonly #asking: ReturnType<typeof setInterval>;
  #unanswered = 0;
  #isClosed = false;
  #onEnded!: (reason: string) => void;

  constructor(frame: HTMLIFrameElement, control: MessagePort, options: CageOptions) {
    this.ended = new Promise((resolve) => (this.#onEnded = resolve));
    this.#frame = frame;
    this.#control = control;
    this.#fleet = new ExecutorFleet(options.settings);
    this.#storeBytesMax = options.storeBytesMax ?? STORE_BYTES_MAX;
    control.onmessage = ({ data }: MessageEvent<FromFrame>) => {
      this.#unanswered = 0;
      if (data.type !== "crashed") return;
      this.#executors.get(data.executor)?.end(`it crashed: ${data.reason.slice(0, 512)}`);
    };
    // The frame may run in a process of its own, and that process may run out of memory.
    this.#asking = setInterval(() => {
      if (this.#unanswered++ >= UNANSWERED_MAX) this.#end("its cage crashed");
      else this.#tell({ type: "ask" });
    }, options.askEveryMs ?? ASK_EVERY_MS);
  }

  spawn(listener: ExecutorListener): ExecutorHandle {
    if (this.#isClosed) throw new MeshError("INVALID_ARGUMENT", "this cage was closed");
    const executor = this.#executorCount++;
    const { port1, port2 } = new MessageChannel();
    const host = this.#fleet.add({
      port: port1,
      listener,
      storeBytesMax: this.#storeBytesMax,
      terminate: () => {
        this.#executors.delete(executor);
        port1.close();
        if (!this.#isClosed) this.#tell({ type: "terminate", executor });
      },
    });
    this.#executors.set(executor, host);
    this.#tell({ type: "spawn", executor, port: port2 }, [port2]);
    return host;
  }

  close(): void {
    this.#end("its cage was closed");
  }

  #end(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#asking);
    this.#frame.remove();
    this.#control.close();
    this.#fleet.endAll(reason);
    this.#onEnded(reason);
  }

  #tell(message: ToFrame, moved: Transferable[] = []): void {
    this.#control.postMessage(message, moved);
  }
}

/**
 * Put a cage into this page.
 *
 * @throws MeshError `START_FAILED` if the frame does not open, or is not shut.
 */
export async function openCage(options: CageOptions): Promise<Cage> {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.referrerPolicy = "no-referrer";
  frame.allow = "";
  frame.hidden = true;
  frame.title = "Code of other people runs here, without access to this page or the network";
  frame.src = options.url;
  const { port1: control, port2 } = new MessageChannel();
  const opened = new Promise<FromFrame>((resolve) => {
    control.onmessage = ({ data }: MessageEvent<FromFrame>) => resolve(data);
  });
  const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(notOpened(options.url)), OPEN_MS_MAX);
  });
  try {
    document.body.append(frame);
    await Promise.race([loaded, late]);
    const handOver: HandOver = { type: "manta-cage", assets: options.assets, gpu: options.gpu };
    // A sandboxed frame has no origin that could be named as the target.
    frame.contentWindow?.postMessage(handOver, "*", [port2]);
    const answer = await Promise.race([opened, late]);
    if (answer.type === "refused") {
      throw new MeshError("START_FAILED", `the cage refused to open: ${answer.reason}`);
    }
    return new Cage(frame, control, options);
  } catch (error) {
    frame.remove();
    control.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const notOpened = (url: string): MeshError =>
  new MeshError(
    "START_FAILED",
    `the cage did not open within ${OPEN_MS_MAX} ms: is ${url} served, and are frames of it allowed?`,
  );
