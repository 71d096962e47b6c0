import type { Clock } from "../clock.ts";
import type { Packaging } from "../driver/mesh.ts";
import type { ActorId, ObjectId } from "../ids.ts";
import type { EncodedValue } from "../objects/codec.ts";
import type { ObjectBytes } from "./executor-api.ts";
import type { NestedMessage } from "./executor-messages.ts";
import type { OutcomeWriter } from "./executor-wire.ts";

/** What the runtime needs from where it runs: a worker thread, or a worker in the cage. */
export interface RuntimeHost {
  readonly clock: Clock;
  /** Collects outcomes until {@link flush}. */
  readonly outcomes: OutcomeWriter;
  /** Send the collected outcomes. */
  flush(): void;
  /** Send one of the objects of an order that gives several. */
  item(key: string, index: number, value: EncodedValue): void;
  hold(objects: readonly ObjectId[]): void;
  release(objects: readonly ObjectId[]): void;
  fetch(object: ObjectId): Promise<ObjectBytes>;
  /** An actor wants to end. */
  exit(actor: ActorId): void;
  send(message: NestedMessage): void;
  /** Memory for one big value, shared with the agent if that is possible here. */
  allocate(byteLength: number): ObjectBytes;
  /** What turns functions into source, with its parser: only code that submits work needs it. */
  loadPackaging(): Promise<Packaging>;
  /** `import(specifier)` of user code. */
  importModule(specifier: string): Promise<unknown>;
  /** Call back on a later turn of the event loop, after what is queued already. */
  later(callback: () => void): void;
}
