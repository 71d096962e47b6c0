import { itemOf } from "../../shared/ids.ts";
import type { Run, TaskItem } from "../../shared/protocol/messages.ts";
import type { OrderKey } from "../../shared/worker/machine/types.ts";
import { BIG_BYTES, decodeProgram, encode } from "./program.ts";

export interface StreamPorts {
  after(delayMs: number, run: () => void): void;
  give(run: Run, index: number): void;
  maxAheadOf(run: Run): number;
}

/** A generator that runs in virtual time. */
interface Stream {
  readonly run: Run;
  taken: number;
  /** Goes on, if it waits for its reader. */
  wake: (() => void) | undefined;
}

type Taken = Pick<Run, "task" | "attempt"> & { readonly taken: number };

interface Execution {
  readonly runMs: number;
  isRunning(): boolean;
  /** It has ended, after so much more time. */
  resume(ms: number): void;
}

/** The generators of one virtual worker: they make items no faster than these are taken. */
export class VirtualStreams {
  readonly #ports: StreamPorts;
  readonly #streams = new Map<OrderKey, Stream>();

  constructor(ports: StreamPorts) {
    this.#ports = ports;
  }

  begin(key: OrderKey, run: Run, { runMs, isRunning, resume }: Execution): void {
    const { items = 0 } = decodeProgram(run.args);
    const { from = 0, taken = Infinity } = run.items ?? {};
    const stream: Stream = { run, taken, wake: undefined };
    this.#streams.set(key, stream);
    const maxAhead = this.#ports.maxAheadOf(run);
    let index = 0;
    const goOn = () => {
      if (!isRunning()) return void this.#streams.delete(key);
      if (index === items) {
        this.#streams.delete(key);
        return resume(0);
      }
      if (index - stream.taken >= maxAhead) return void (stream.wake = goOn);
      if (index >= from) this.#ports.give(run, index);
      index += 1;
      return this.#ports.after(1 + runMs / items, goOn);
    };
    this.#ports.after(1, goOn);
  }

  /** @param orders also those that have not begun. */
  taken(
    { task, attempt, taken }: Taken,
    orders: Iterable<{ readonly run: Run | undefined }>,
  ): void {
    for (const { run } of orders) {
      if (run?.items && run.task === task && run.attempt === attempt) run.items.taken = taken;
    }
    for (const stream of this.#streams.values()) {
      if (stream.run.task !== task || stream.run.attempt !== attempt) continue;
      stream.taken = Math.max(stream.taken, taken);
      wake(stream);
    }
  }
}

function wake(stream: Stream): void {
  const { wake: goOn } = stream;
  stream.wake = undefined;
  goOn?.();
}

/** An item of a virtual task. Every other one is big. */
export function virtualItem({ task, attempt }: Run, index: number) {
  const content = { of: itemOf(task, index), refs: [] };
  const isBig = index % 2 === 0;
  const value = isBig ? { sizeBytes: BIG_BYTES } : { sizeBytes: 100, inline: encode(content) };
  const message: TaskItem = { type: "task-item", task, attempt, index, ...value };
  return { content, message };
}
