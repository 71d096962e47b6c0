import { invariant, type MeshError } from "../errors.ts";
import { resultOf, type TaskId } from "../ids.ts";
import type { CoordinatorMessage } from "../protocol/messages.ts";
import { fromWireError } from "../protocol/wire-error.ts";
import type { MeshPort } from "./mesh-port.ts";
import type { ObjectRef } from "./object-ref.ts";
import { ObjectStream } from "./object-stream.ts";
import type { ObjectTable } from "./object-table.ts";

type ItemMade = Extract<CoordinatorMessage, { type: "item-made" }>;

/** The part of a driver that streams are read with. */
interface ReadingDriver {
  readonly port: Pick<MeshPort, "send">;
  readonly objects: ObjectTable;
}

/** What is known of one stream here. It must not refer to its handle, which tells when it is garbage. */
export class StreamReader {
  readonly task: TaskId;
  readonly #driver: ReadingDriver;
  readonly #origin: { readonly parent?: TaskId };
  readonly #result: ObjectRef<number>;
  readonly #onClosed: () => void;
  #completed: ObjectRef<number> | undefined;
  #items: ObjectRef[] = [];
  #made = 0;
  #taken = 0;
  #waiting: (() => void)[] = [];
  #error: MeshError | undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(
    driver: ReadingDriver,
    result: ObjectRef<number>,
    about: { readonly origin: { readonly parent?: TaskId }; readonly onClosed: () => void },
  ) {
    const { objects } = driver;
    const entry = objects.entryOf(result.id)!;
    this.#driver = driver;
    this.task = result.id as string as TaskId;
    this.#result = result;
    this.#origin = about.origin;
    this.#onClosed = about.onClosed;
    void objects.whenSettled([entry], 1, undefined).then(() => {
      const { state } = entry;
      this.#hasEnded = true;
      // Without a state it is the connection that has ended.
      if (state?.error) this.#error = fromWireError(state.error);
      else if (!state) this.#error = objects.endedWith;
      this.#wake();
    });
  }

  completed(): ObjectRef<number> {
    this.#completed ??= this.#driver.objects.handle<number>(resultOf(this.task));
    return this.#completed;
  }

  /** The mesh counts the item as held here. */
  made({ index, state, worker }: ItemMade): void {
    const { objects } = this.#driver;
    invariant(index === this.#made, `${this.task} gives item ${index} after ${this.#made}`);
    this.#made += 1;
    objects.create(state.object, { kind: "task" });
    this.#items.push(objects.handle(state.object));
    objects.settle(state, worker);
    this.#wake();
  }

  /** @returns nothing after the last one. */
  async next(): Promise<ObjectRef | undefined> {
    while (this.#items.length === 0) {
      if (this.#isClosed) return undefined;
      if (this.#hasEnded) {
        const error = this.#error;
        this.close();
        if (error) throw error;
        return undefined;
      }
      await this.#driver.objects.whileWaiting(true, this.#changed());
    }
    const item = this.#items.shift();
    this.#taken += 1;
    if (!this.#hasEnded) {
      this.#driver.port.send({ type: "items-taken", task: this.task, taken: this.#taken });
    }
    return item;
  }

  /** Nobody reads any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { port } = this.#driver;
    if (!this.#hasEnded) {
      const { task } = this;
      port.send({ type: "cancel-task", task, isRecursive: true, ...this.#origin });
    }
    this.forget();
    this.#result.dispose();
    this.#completed = undefined;
  }

  /** Let go of what was not read. */
  forget(): void {
    this.#isClosed = true;
    const unread = this.#items;
    this.#items = [];
    for (const item of unread) item.dispose();
    this.#wake();
    this.#onClosed();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

/** The streams that are read here. */
export class StreamReaders {
  readonly #driver: ReadingDriver;
  readonly #readers = new Map<TaskId, StreamReader>();
  readonly #collected = new FinalizationRegistry<StreamReader>((reader) => reader.close());

  constructor(driver: ReadingDriver) {
    this.#driver = driver;
  }

  /** @param result of the task: how many items there were. */
  open(result: ObjectRef<number>, origin: { readonly parent?: TaskId }): ObjectStream {
    const onClosed = () => void this.#readers.delete(reader.task);
    const reader: StreamReader = new StreamReader(this.#driver, result, { origin, onClosed });
    this.#readers.set(reader.task, reader);
    const stream = new ObjectStream(reader);
    this.#collected.register(stream, reader);
    return stream;
  }

  made(item: ItemMade): void {
    const reader = this.#readers.get(item.task);
    if (reader) return reader.made(item);
    // It was closed meanwhile.
    this.#driver.port.send({ type: "release", objects: [item.state.object] });
  }

  /** The task whose code reads has ended, and what it held is let go of. */
  endTask(): void {
    if (this.#readers.size === 0) return;
    for (const reader of this.#readers.values()) reader.forget();
  }
}
