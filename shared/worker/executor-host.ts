import * as Comlink from "comlink";
import type { ActorId, CallableId, ObjectId } from "../ids.ts";
import type { Define } from "../protocol/messages.ts";
import { toWireError } from "../protocol/wire-error.ts";
import type { ExecutorHandle, ExecutorListener, ExecutorSettings } from "./executor-api.ts";
import type { NestedNews, Order } from "./executor-api.ts";
import type { ExecutorIdentity } from "./executor-port.ts";
import type { ExecutorCalls, ExecutorEndpoint } from "./executor-serve.ts";
import { type ExecutorMessage, executorMessages } from "./executor-messages.ts";
import { ExecutorStoreMirror } from "./executor-store-mirror.ts";
import { PassedMemory } from "./passed-memory.ts";
import {
  type AgentMessage,
  cloneable,
  packOrders,
  transferables,
  unpackOutcomes,
} from "./executor-wire.ts";

export interface ExecutorHostOptions {
  readonly port: ExecutorEndpoint;
  readonly settings: ExecutorSettings;
  readonly listener: ExecutorListener;
  /** End the thread. Called once. */
  terminate(): void;
  /**
   * Bytes of objects that the executor keeps so that each is sent once. Leave it out where memory
   * is shared.
   */
  readonly storeBytesMax?: number;
}

/** Reasons become parts of error messages, and may quote what user code threw. */
const REASON_CHARS_MAX = 1_024;

/** The agent's end of one executor. */
export class ExecutorHost implements ExecutorHandle {
  readonly #port: ExecutorEndpoint;
  readonly #calls: Comlink.Remote<ExecutorCalls>;
  readonly #listener: ExecutorListener;
  readonly #terminate: () => void;
  readonly #mirror: ExecutorStoreMirror | undefined;
  readonly #passed = new PassedMemory();
  #hasEnded = false;

  constructor(options: ExecutorHostOptions) {
    const { port, settings, listener, storeBytesMax } = options;
    this.#port = port;
    this.#listener = listener;
    this.#terminate = () => options.terminate();
    if (storeBytesMax !== undefined) {
      const send = (message: AgentMessage) => port.postMessage(message);
      this.#mirror = new ExecutorStoreMirror(storeBytesMax, send);
    }
    this.#calls = Comlink.wrap<ExecutorCalls>(port);
    port.addEventListener("message", ((event: MessageEvent<unknown>) =>
      this.#receive(event.data)) as EventListener);
    this.configure(settings);
  }

  configure(settings: ExecutorSettings): void {
    this.#call(this.#calls.configure(settings));
  }

  identify(identity: ExecutorIdentity): void {
    this.#call(this.#calls.identify(identity));
  }

  tell(news: NestedNews): void {
    if (!this.#hasEnded) this.#port.postMessage(news);
  }

  forget(callables: readonly CallableId[]): void {
    this.#call(this.#calls.forget(callables));
  }

  define(callable: Define): void {
    this.#call(this.#calls.define([callable]));
  }

  run(orders: readonly Order[]): void {
    if (this.#hasEnded || orders.length === 0) return;
    const message = packOrders(orders, this.#mirror, this.#passed);
    this.#port.postMessage(message, transferables([message.bytes]));
    this.#mirror?.trim();
  }

  abort(key: string, actor?: ActorId): void {
    const message: AgentMessage = { type: "abort", key, ...(actor ? { actor } : {}) };
    if (!this.#hasEnded) this.#port.postMessage(message);
  }

  stop(): void {
    this.end("it was stopped");
  }

  /** Terminate the thread and tell the listener why. The first reason counts. */
  end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#terminate();
    this.#listener.onEnded(reason.slice(0, REASON_CHARS_MAX));
  }

  #receive(message: unknown): void {
    if (this.#hasEnded || isComlinkAnswer(message)) return;
    if (!executorMessages.accepts(message)) {
      this.end(`it sent a malformed message: ${executorMessages.complaint(message)}`);
      return;
    }
    this.#dispatch(message);
  }

  #dispatch(message: ExecutorMessage): void {
    const listener = this.#listener;
    switch (message.type) {
      case "ready":
        return listener.onReady();
      case "outcomes": {
        let outcomes;
        try {
          outcomes = unpackOutcomes(message);
        } catch (error) {
          return this.end(String(error));
        }
        return listener.onOutcomes(outcomes);
      }
      case "item":
        return listener.onItem?.(message);
      case "hold":
        return listener.onHold(message.objects);
      case "release":
        return listener.onRelease(message.objects);
      case "exit":
        return listener.onExit?.(message.actor);
      case "fetch":
        void this.#fetch(message.request, message.object);
        return;
      case "backend":
        return listener.onBackendChosen?.(message);
      case "mesh":
      case "keep":
      case "call":
      case "forget-actor":
      case "cancel-call":
      case "signal-taken":
      case "blocked":
      case "resumed":
        return listener.onNested?.(message);
      default:
        message satisfies never;
    }
  }

  async #fetch(request: number, object: ObjectId): Promise<void> {
    try {
      const bytes = await this.#listener.fetch(object);
      if (this.#hasEnded) return;
      const newBytes = this.#passed.newBytesOf([bytes]);
      this.#call(this.#calls.settleFetch(request, { bytes: cloneable(bytes), newBytes }));
    } catch (error) {
      if (this.#hasEnded) return;
      this.#call(this.#calls.settleFetch(request, { error: toWireError(error) }));
    }
  }

  /** A call of Comlink fails only if user code has broken the executor from inside. */
  #call(answer: Promise<unknown>): void {
    answer.catch((error: unknown) => this.end(`its runtime is broken: ${String(error)}`));
  }
}

/** Comlink's answers carry an id; ours do not. */
const isComlinkAnswer = (message: unknown): boolean =>
  typeof message === "object" && message !== null && "id" in message;
