import { MeshError } from "../errors.ts";
import type { EncodedValue } from "../objects/codec.ts";
import type { ActorId, CallableId, ObjectId, TaskId } from "../ids.ts";
import {
  ID_CHARS_MAX,
  ID_PATTERN,
  INLINE_BYTES_MAX,
  REFS_PER_MESSAGE_MAX,
} from "../protocol/limits.ts";
import type { WireError } from "../protocol/schema.ts";
import type { PassedMemory } from "./passed-memory.ts";
import type { NestedNews, ObjectBytes, Order, Outcome } from "./executor-api.ts";

/**
 * What travels between an agent and an executor besides Comlink's calls: batches of orders, and
 * everything an executor says.
 *
 * A batch is a flat list of strings and numbers plus one buffer, because structured cloning costs
 * per object: 1,000 small orders take 0.4 us each this way, 2.1 us as objects with an args buffer
 * each, 1.2 us packed with msgpackr (Node 20, both ends together).
 */

/** Added to the kind of an order that brings a number of retries. */
const WITH_RETRIES = 8;
const KINDS = ["task", "create-actor", "call", "end-actor"] as const satisfies Order["kind"][];

/** Where bytes are: 0 or more is a length in the batch's buffer, less than -1 a place in its table. */
const STORED = -1;
const tablePlace = (index: number): number => -2 - index;
const tableIndex = (place: number): number => -2 - place;

/** Views of a packed buffer up to this size may outlive it; slices are taken of bigger ones. */
const SHARED_VIEW_BYTES_MAX = 64 * 1024;

export interface RunMessage {
  readonly type: "run";
  /**
   * Per order: key, kind, callable, actor or task, method, group, length of args, number of dependencies, retries
   * if the kind says so; per
   * dependency: object, place.
   */
  readonly fields: readonly (string | number)[];
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly table: readonly ObjectBytes[];
  /** Of the table, in shared memory that the executor did not have before. */
  readonly newBytes: number;
}

/** Objects that the executor keeps until told otherwise, so that they are sent once. */
export interface StoreMessage {
  readonly type: "store";
  readonly object: ObjectId;
  readonly bytes: ObjectBytes;
}
export interface DropMessage {
  readonly type: "drop";
  readonly objects: readonly ObjectId[];
}
/** Nobody wants the outcome of this order any more. */
export interface AbortMessage {
  readonly type: "abort";
  readonly key: string;
  /** Set if it is a call. */
  readonly actor?: ActorId;
}
export type AgentMessage = RunMessage | StoreMessage | DropMessage | AbortMessage | NestedNews;

/** `isRetryable`: the code of a task threw what its `retryOn` is meant for. */
type ReportedError = WireError & { isRetryable?: boolean };

/** Everything that an executor has to report of one turn. executor-messages.ts has the schema. */
export interface OutcomesMessage {
  type: "outcomes";
  /** Per outcome: key, ranForMs, place of the value or of the error, number of refs, the refs. */
  fields: (string | number)[];
  bytes: ObjectBytes;
  table: (ObjectBytes | ReportedError)[];
}

/** How the bytes of a dependency reach the executor. */
export interface DependencyCarrier {
  /** Whether the executor has, or has just been sent, this object in its store. */
  stores(object: ObjectId, bytes: ObjectBytes): boolean;
}

export function packOrders(
  orders: readonly Order[],
  carrier?: DependencyCarrier,
  passed?: PassedMemory,
): RunMessage {
  const fields: (string | number)[] = [];
  const table: ObjectBytes[] = [];
  const inline: Uint8Array<ArrayBufferLike>[] = [];
  let inlineBytes = 0;
  for (const order of orders) {
    const flag = order.retriesMax === undefined ? 0 : WITH_RETRIES;
    fields.push(order.key, KINDS.indexOf(order.kind) + flag, order.callable ?? "");
    fields.push(order.actor ?? order.task ?? "");
    fields.push(order.method ?? "", order.group ?? "");
    fields.push(order.args.byteLength, order.dependencies.length);
    if (order.retriesMax !== undefined) fields.push(order.retriesMax);
    inline.push(order.args);
    inlineBytes += order.args.byteLength;
    for (const { object, bytes } of order.dependencies) {
      let place = bytes.byteLength;
      if (bytes.byteLength <= INLINE_BYTES_MAX) {
        inline.push(bytes);
        inlineBytes += bytes.byteLength;
      } else if (carrier?.stores(object, bytes)) {
        place = STORED;
      } else {
        place = tablePlace(table.push(cloneable(bytes)) - 1);
      }
      fields.push(object, place);
    }
  }
  const newBytes = passed && table.length > 0 ? passed.newBytesOf(table) : 0;
  return { type: "run", fields, bytes: join(inline, inlineBytes), table, newBytes };
}

/** @throws Error if `stored` lacks an object that the batch refers to: a bug of the agent's side. */
export function unpackOrders(
  message: RunMessage,
  stored: ReadonlyMap<ObjectId, ObjectBytes>,
): Order[] {
  const { fields, bytes, table } = message;
  const orders: Order[] = [];
  let at = 0;
  let offset = 0;
  while (at < fields.length) {
    const key = fields[at] as string;
    const flagged = fields[at + 1] as number;
    const kind = KINDS[flagged % WITH_RETRIES]!;
    const callable = fields[at + 2] as CallableId;
    const actor = fields[at + 3] as ActorId;
    const method = fields[at + 4] as string;
    const group = fields[at + 5] as string;
    const args = bytes.subarray(offset, (offset += fields[at + 6] as number));
    const count = fields[at + 7] as number;
    at += 8;
    const retriesMax = flagged >= WITH_RETRIES ? (fields[at++] as number) : undefined;
    const dependencies: { object: ObjectId; bytes: ObjectBytes }[] = [];
    for (let i = 0; i < count; i++, at += 2) {
      const object = fields[at] as ObjectId;
      const place = fields[at + 1] as number;
      const found =
        place >= 0
          ? bytes.subarray(offset, (offset += place))
          : place === STORED
            ? stored.get(object)
            : table[tableIndex(place)];
      if (!found) throw new Error(`order ${key} depends on ${object}, which was not sent`);
      dependencies.push({ object, bytes: found });
    }
    const subject = kind === "task" ? { task: actor as string as TaskId } : { actor };
    const order: Order = { key, kind, callable, ...subject, method, group, args, dependencies };
    orders.push(retriesMax === undefined ? order : { ...order, retriesMax });
  }
  return orders;
}

/**
 * Collects outcomes until they are sent. Values are written at once: user code may change an array
 * that it has returned.
 */
export class OutcomeWriter {
  readonly #allocate: (byteLength: number) => ObjectBytes;
  #fields: (string | number)[] = [];
  #table: (ObjectBytes | ReportedError)[] = [];
  #bytes = new Uint8Array(4 * 1024);
  #used = 0;

  /** @param allocate memory for one big value, shared with the agent if that is possible here. */
  constructor(allocate: (byteLength: number) => ObjectBytes) {
    this.#allocate = allocate;
  }

  get isEmpty(): boolean {
    return this.#fields.length === 0;
  }

  addValue(key: string, ranForMs: number, value: EncodedValue): void {
    const { byteLength, contained } = value;
    let place = byteLength;
    if (byteLength <= INLINE_BYTES_MAX) {
      this.#reserve(byteLength);
      value.writeTo(this.#bytes.subarray(this.#used, this.#used + byteLength));
      this.#used += byteLength;
    } else {
      const bytes = this.#allocate(byteLength);
      value.writeTo(bytes);
      place = tablePlace(this.#table.push(bytes) - 1);
    }
    this.#fields.push(key, ranForMs, place, contained.length);
    if (contained.length > 0) this.#fields.push(...contained);
  }

  addError(key: string, ranForMs: number, error: WireError, isRetryable = false): void {
    const entry = isRetryable ? { ...error, isRetryable } : error;
    this.#fields.push(key, ranForMs, tablePlace(this.#table.push(entry) - 1), 0);
  }

  /** Everything since the last call, as one message. Its buffers may be transferred. */
  take(): OutcomesMessage {
    const message: OutcomesMessage = {
      type: "outcomes",
      fields: this.#fields,
      bytes: this.#bytes.slice(0, this.#used),
      table: this.#table,
    };
    this.#fields = [];
    this.#table = [];
    this.#used = 0;
    return message;
  }

  #reserve(byteLength: number): void {
    if (this.#used + byteLength <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.max(this.#bytes.byteLength * 2, this.#used + byteLength));
    grown.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = grown;
  }
}

/**
 * Checks all that goes on to the coordinator: a hostile task could otherwise have its worker dropped.
 * @throws MeshError `PROTOCOL_VIOLATION` if the fields do not add up.
 */
export function unpackOutcomes(message: OutcomesMessage): Outcome[] {
  const reader = new FieldReader(message.fields);
  const { bytes, table } = message;
  const outcomes: Outcome[] = [];
  let offset = 0;
  while (!reader.atEnd) {
    const key = reader.text();
    const ranForMs = Math.max(0, reader.number());
    const place = reader.number();
    const contained = reader.ids();
    if (place >= 0) {
      const end = offset + place;
      const value =
        bytes.byteLength <= SHARED_VIEW_BYTES_MAX
          ? bytes.subarray(offset, end)
          : bytes.slice(offset, end);
      if (value.byteLength !== place) throw malformed(`the value of ${key} is cut short`);
      outcomes.push({ key, ranForMs, value: { bytes: value, contained } });
      offset = end;
      continue;
    }
    const entry = table[tableIndex(place)];
    if (!entry) throw malformed(`the outcome of ${key} is missing`);
    if (entry instanceof Uint8Array) {
      outcomes.push({ key, ranForMs, value: { bytes: entry, contained } });
    } else {
      const { isRetryable = false, ...error } = entry;
      outcomes.push({ key, ranForMs, error, ...(isRetryable ? { isRetryable } : {}) });
    }
  }
  return outcomes;
}

const ID = new RegExp(ID_PATTERN);

class FieldReader {
  readonly #fields: readonly (string | number)[];
  #next = 0;

  constructor(fields: readonly (string | number)[]) {
    this.#fields = fields;
  }

  get atEnd(): boolean {
    return this.#next >= this.#fields.length;
  }

  text(): string {
    const field = this.#fields[this.#next++];
    if (typeof field !== "string") throw malformed(`field ${this.#next - 1} is not a string`);
    return field;
  }

  number(): number {
    const field = this.#fields[this.#next++];
    if (typeof field !== "number" || !Number.isFinite(field)) {
      throw malformed(`field ${this.#next - 1} is not a number`);
    }
    return field;
  }

  ids(): ObjectId[] {
    const count = this.number();
    if (count > REFS_PER_MESSAGE_MAX) throw malformed(`${count} refs in one value are too many`);
    const ids: ObjectId[] = [];
    for (let left = count; left > 0; left--) {
      const id = this.text();
      if (id.length > ID_CHARS_MAX || !ID.test(id)) throw malformed("a ref is not an id");
      ids.push(id as ObjectId);
    }
    return ids;
  }
}

const malformed = (detail: string): MeshError =>
  new MeshError("PROTOCOL_VIOLATION", `an executor sent malformed outcomes: ${detail}`);

function join(parts: readonly Uint8Array<ArrayBufferLike>[], byteLength: number) {
  const joined = new Uint8Array(byteLength);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.byteLength;
  }
  return joined;
}

/** Cloning a view clones its whole buffer, so a view of part of one is copied; shared memory is not. */
export function cloneable<Bytes extends ObjectBytes>(bytes: Bytes): Bytes {
  if (isShared(bytes.buffer)) return bytes;
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : (bytes.slice() as Bytes);
}

/** The buffers of a message's bytes that move instead of being copied. */
export function transferables(list: readonly unknown[]): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const entry of list) {
    if (entry instanceof Uint8Array && entry.buffer instanceof ArrayBuffer) {
      if (entry.byteLength > 0) buffers.push(entry.buffer);
    }
  }
  return buffers;
}

/** Where pages are not cross-origin isolated, `SharedArrayBuffer` does not exist by name. */
const isShared = (buffer: ArrayBufferLike): boolean =>
  typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer;
