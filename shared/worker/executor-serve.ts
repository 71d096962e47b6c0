import * as Comlink from "comlink";
import { systemClock } from "../clock.ts";
import { invariant, MeshError } from "../errors.ts";
import type { BackendReport } from "../gpu/choose-backend.ts";
import type { CallableId, ObjectId } from "../ids.ts";
import type { EncodedValue } from "../objects/codec.ts";
import type { Define } from "../protocol/messages.ts";
import type { WireError } from "../protocol/schema.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { Packaging } from "../driver/mesh.ts";
import type { ExecutorSettings, ObjectBytes } from "./executor-api.ts";
import type { ExecutorIdentity } from "./executor-port.ts";
import type { ExecutorMessage } from "./executor-messages.ts";
import { ExecutorRuntime } from "./executor-runtime.ts";
import { SharedMemoryMeter } from "./shared-memory-meter.ts";
import { type AgentMessage, OutcomeWriter, transferables, unpackOrders } from "./executor-wire.ts";

export interface FetchAnswer {
  readonly bytes?: ObjectBytes;
  /** Of them, in shared memory that this executor did not have before. */
  readonly newBytes?: number;
  readonly error?: WireError;
}

/** What an agent calls with Comlink. Batches of orders are plain messages on the same port. */
export interface ExecutorCalls {
  configure(settings: ExecutorSettings): void;
  define(callables: readonly Define[]): void;
  forget(callables: readonly CallableId[]): void;
  /** The answer to a `fetch` message. */
  settleFetch(request: number, answer: FetchAnswer): void;
  identify(identity: ExecutorIdentity): void;
}

/** What differs between a worker thread and a worker in the cage. */
export interface ExecutorPlatform {
  /** Memory for one big result. Memory that is not shared is transferred. */
  allocate(byteLength: number): ObjectBytes;
  later(callback: () => void): void;
  /** What turns functions into source. */
  loadPackaging(): Promise<Packaging>;
  /** Have the engine free what nothing refers to. Where memory is shared, nothing else makes it. */
  collect?(kind: "minor" | "major"): void;
  /** The one tfjs of this executor, on the backend that `settings` names or that wins. */
  loadTensorflow(
    settings: ExecutorSettings,
    onMeasured: (report: BackendReport) => void,
  ): Promise<unknown>;
}

export type ExecutorEndpoint = Comlink.Endpoint & { start?: () => void };

export interface ServedExecutor {
  /**
   * An error that no call threw reached the thread: the calls that left it fail with it.
   * @returns false if it is a bug of the executor's own.
   */
  leftUncaught(thrown: unknown): boolean;
}

/** Run an executor that is served through `port` for as long as its thread lives. */
export function serveExecutor(port: ExecutorEndpoint, platform: ExecutorPlatform): ServedExecutor {
  const stored = new Map<ObjectId, ObjectBytes>();
  const fetches = new Map<number, PromiseWithResolvers<ObjectBytes>>();
  let fetchCount = 0;
  let settings: ExecutorSettings = { workerName: "" };
  let tensorflow: Promise<unknown> | undefined;
  const send = (message: ExecutorMessage, moved: ArrayBuffer[] = []) =>
    port.postMessage(message, moved);

  const meter = new SharedMemoryMeter(platform);
  const allocate = (byteLength: number) => meter.counted(platform.allocate(byteLength));
  const outcomes = new OutcomeWriter(allocate);
  const runtime = new ExecutorRuntime({
    clock: systemClock,
    outcomes,
    flush() {
      const message = outcomes.take();
      send(message, transferables([message.bytes, ...message.table]));
      meter.outcomesSent();
    },
    item: (key, index, value) => sendItem({ key, index, value, allocate, send }),
    hold: (objects) => send({ type: "hold", objects: [...objects] }),
    exit: (actor) => send({ type: "exit", actor }),
    release: (objects) => send({ type: "release", objects: [...objects] }),
    fetch(object) {
      const request = fetchCount++;
      const answer = withResolvers<ObjectBytes>();
      fetches.set(request, answer);
      send({ type: "fetch", request, object });
      return answer.promise;
    },
    send: (message) => send(message, transferables(message.type === "keep" ? [message.bytes] : [])),
    allocate,
    loadPackaging: () => platform.loadPackaging(),
    async importModule(specifier) {
      if (specifier !== "@tensorflow/tfjs") throw importUnsupported(specifier);
      tensorflow ??= platform
        .loadTensorflow(settings, ({ chosen, measured }) =>
          send({ type: "backend", chosen, measured: [...measured] }),
        )
        .catch((error: unknown) => {
          // What was in the way, such as a lack of memory, may be gone next time.
          tensorflow = undefined;
          throw error;
        });
      return tensorflow;
    },
    later: (callback) => platform.later(callback),
  });

  const calls: ExecutorCalls = {
    configure(given) {
      settings = given;
      meter.configure(given.collectEveryBytes);
    },
    define: (callables) => runtime.define(callables),
    forget: (callables) => runtime.forget(callables),
    identify: (identity) => runtime.port.identify(identity),
    settleFetch(request, { bytes, newBytes = 0, error }) {
      const waiting = fetches.get(request);
      invariant(waiting, `fetch ${request} was asked for and not yet settled`);
      fetches.delete(request);
      meter.passed(newBytes);
      if (bytes) waiting.resolve(bytes);
      else waiting.reject(error ? fromWireError(error) : new MeshError("INTERNAL", "no bytes"));
    },
  };
  // The agent's side exposes nothing: whoever may call into a Comlink-exposed object can construct
  // `Function` there (path "constructor.constructor"), so user code would run in the page.
  Comlink.expose(calls, port);
  port.addEventListener("message", ((event: MessageEvent<Partial<AgentMessage>>) =>
    receive(event.data, { runtime, stored, meter })) as EventListener);
  send({ type: "ready" });
  return { leftUncaught: (thrown) => runtime.unfinished.blame(thrown) };
}

interface ItemToSend {
  readonly key: string;
  readonly index: number;
  readonly value: EncodedValue;
  allocate(byteLength: number): ObjectBytes;
  send(message: ExecutorMessage, moved: ArrayBuffer[]): void;
}

/** One of the objects of an order that gives several. */
function sendItem({ key, index, value, allocate, send }: ItemToSend): void {
  const bytes = allocate(value.byteLength);
  value.writeTo(bytes);
  const contained = [...value.contained];
  send({ type: "item", key, index, bytes, contained }, transferables([bytes]));
}

/** Messages of Comlink come the same way, and are of no type. */
function receive(
  message: Partial<AgentMessage>,
  executor: {
    readonly runtime: ExecutorRuntime;
    readonly stored: Map<ObjectId, ObjectBytes>;
    readonly meter: SharedMemoryMeter;
  },
): void {
  const { runtime, stored, meter } = executor;
  if (message.type === "run") {
    meter.passed(message.newBytes!);
    runtime.run(unpackOrders(message as never, stored));
  } else if (message.type === "news") runtime.driver.receive(message.news!);
  else if (message.type === "answered") {
    runtime.port.answered(message.request!, message.answer, message.error);
  } else if (message.type === "abort") runtime.abort(message.key!, message.actor);
  else if (message.type === "items-wanted") runtime.items.taken(message.key!, message.taken!);
  else if (message.type === "stop-items") runtime.items.stop(message.key!);
  else if (message.type === "store") stored.set(message.object!, message.bytes!);
  else if (message.type === "drop") for (const object of message.objects!) stored.delete(object);
}

const importUnsupported = (specifier: string): MeshError =>
  new MeshError(
    "INVALID_ARGUMENT",
    `import("${specifier}") is not possible inside a task yet: packages with imports come later. ` +
      'What works now: import("@tensorflow/tfjs"), import("manta"), and code that imports nothing',
    { specifier: specifier.slice(0, 256) },
  );

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: Error): void;
}

/** `Promise.withResolvers`, which Node 20 lacks. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
