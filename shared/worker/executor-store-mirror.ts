import type { ObjectId } from "../ids.ts";
import type { ObjectBytes } from "./executor-api.ts";
import { type AgentMessage, cloneable, type DependencyCarrier } from "./executor-wire.ts";

/**
 * What one executor without shared memory has in its store: a data set that a thousand tasks read
 * is sent once. The agent's side decides alone what the executor keeps, so the two cannot disagree.
 */
export class ExecutorStoreMirror implements DependencyCarrier {
  readonly #bytesMax: number;
  readonly #send: (message: AgentMessage) => void;
  /** Least recently used first. */
  readonly #sizes = new Map<ObjectId, number>();
  #totalBytes = 0;

  constructor(bytesMax: number, send: (message: AgentMessage) => void) {
    this.#bytesMax = bytesMax;
    this.#send = send;
  }

  stores(object: ObjectId, bytes: ObjectBytes): boolean {
    if (this.#sizes.delete(object)) {
      this.#sizes.set(object, bytes.byteLength);
      return true;
    }
    this.#send({ type: "store", object, bytes: cloneable(bytes) });
    this.#sizes.set(object, bytes.byteLength);
    this.#totalBytes += bytes.byteLength;
    return true;
  }

  /** After orders were sent: drop what exceeds the limit. The executor has resolved their objects. */
  trim(): void {
    if (this.#totalBytes <= this.#bytesMax) return;
    const objects: ObjectId[] = [];
    for (const [object, byteLength] of this.#sizes) {
      if (this.#totalBytes <= this.#bytesMax) break;
      this.#sizes.delete(object);
      this.#totalBytes -= byteLength;
      objects.push(object);
    }
    this.#send({ type: "drop", objects });
  }
}
