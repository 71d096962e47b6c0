import { openCage, type Cage, type CageOptions } from "../client/browser-worker/cage/cage.ts";
import { fetchCageAssets } from "../client/browser-worker/cage/fetch-assets.ts";
import type { CallableId, ObjectId, PeerId } from "../shared/ids.ts";
import { decodeValue, encodeValue, type RefCodec } from "../shared/objects/codec.ts";
import type { Define } from "../shared/protocol/messages.ts";
import type { WireError } from "../shared/protocol/schema.ts";
import type {
  BackendReport,
  ExecutorHandle,
  Order,
  Outcome,
} from "../shared/worker/executor-api.ts";

/** A page with a cage, driven by cage.e2e.ts. */

export interface RunResult {
  readonly value?: unknown;
  readonly error?: WireError;
  readonly ended?: string;
}

const refs: RefCodec = {
  toWire: (value) =>
    "ref" in value ? { kind: "object", object: value.ref as ObjectId } : undefined,
  fromWire: (wire) => wire,
};

const PEER = "tab" as PeerId;

class Executor {
  readonly backends: BackendReport[] = [];
  readonly #handle: ExecutorHandle;
  readonly #waiting = new Map<string, (result: RunResult) => void>();
  isEnded = false;
  #keys = 0;

  constructor(cage: Cage) {
    this.#handle = cage.spawn({
      onReady: () => {},
      onOutcomes: (outcomes) => {
        for (const outcome of outcomes) this.#settle(outcome.key, resultOf(outcome));
      },
      onHold: () => {},
      onRelease: () => {},
      onBackendChosen: (report) => void this.backends.push(report),
      fetch: async (object) => encodeValue(`value of ${object}`).toBytes(),
      onNested: (said) => {
        if (said.type !== "mesh" || said.message.type !== "locate-object") return;
        const state = { object: said.message.object, sizeBytes: 1, locations: [PEER] };
        this.#handle.tell({ type: "news", news: { type: "object-located", state } });
      },
      onEnded: (ended) => {
        this.isEnded = true;
        for (const key of this.#waiting.keys()) this.#settle(key, { ended });
      },
    });
    this.#handle.identify({ peer: PEER, executor: 0 });
  }

  run(source: string, args: unknown, dependencies: Order["dependencies"] = []): Promise<RunResult> {
    const key = `k${this.#keys++}`;
    const callable = `d.${key}` as CallableId;
    const result = new Promise<RunResult>((resolve) => this.#waiting.set(key, resolve));
    this.#handle.define({ callable, name: "f", source } as Define);
    const encoded = encodeValue(args, refs).toBytes();
    this.#handle.run([{ key, kind: "task", callable, args: encoded, dependencies }]);
    return result;
  }

  stop(): void {
    this.#handle.stop();
  }

  #settle(key: string, result: RunResult): void {
    this.#waiting.get(key)?.(result);
    this.#waiting.delete(key);
  }
}

const resultOf = ({ value, error }: Outcome): RunResult =>
  value ? { value: decodeValue(value.bytes, refs) } : { error: error! };

export class CagePage {
  readonly heard: string[] = [];
  /** Objects that were sent to an executor to keep. */
  readonly stored: string[] = [];
  readonly backends: BackendReport[] = [];
  #cage: Cage | undefined;
  #executor: Executor | undefined;

  async open({ gpu = true, ...more }: Partial<CageOptions> = {}): Promise<void> {
    this.#watchPorts();
    this.#cage = await openCage({
      url: "/cage.html",
      assets: await fetchCageAssets(location.href),
      settings: { workerName: "tab" },
      gpu,
      storeBytesMax: 10e6,
      ...more,
    });
  }

  async run(source: string, args: readonly unknown[]): Promise<RunResult> {
    const executor = this.#current();
    const result = await executor.run(source, args);
    this.backends.splice(0, this.backends.length, ...executor.backends);
    return result;
  }

  runElsewhere(source: string): Promise<RunResult> {
    return new Executor(this.#cage!).run(source, []);
  }

  /** Run with arguments that are refs to a million ones each. */
  runWithData(source: string, objects: readonly string[]): Promise<RunResult> {
    const bytes = encodeValue(new Float32Array(1e6).fill(1)).toBytes();
    const dependencies = objects.map((object) => ({ object: object as ObjectId, bytes }));
    const args = objects.map((ref) => ({ ref }));
    return this.#current().run(source, args, dependencies);
  }

  stop(): void {
    this.#current().stop();
  }

  ended(): Promise<string> {
    return this.#cage!.ended;
  }

  close(): void {
    this.#cage?.close();
  }

  /** Note whatever reaches this page by the ways that code in a frame could try. */
  listen(channel: string): void {
    addEventListener("message", () => this.heard.push("window message"));
    new BroadcastChannel(channel).addEventListener("message", () => this.heard.push("broadcast"));
    addEventListener("storage", () => this.heard.push("storage"));
  }

  #current(): Executor {
    if (!this.#executor || this.#executor.isEnded) this.#executor = new Executor(this.#cage!);
    return this.#executor;
  }

  #watchPorts(): void {
    const { stored } = this;
    const send = MessagePort.prototype.postMessage as (
      this: MessagePort,
      ...args: unknown[]
    ) => void;
    MessagePort.prototype.postMessage = function (this: MessagePort, ...args: unknown[]) {
      const message = args[0] as { type?: string; object?: string } | undefined;
      if (message?.type === "store") stored.push(message.object!);
      send.apply(this, args);
    };
  }
}

declare global {
  interface Window {
    cagePage: CagePage;
  }
}

window.cagePage = new CagePage();
