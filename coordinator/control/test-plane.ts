import type { MeshError } from "../../shared/errors.ts";
import type { CallableId, JobId, ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import type {
  CoordinatorMessage,
  Define,
  Hello,
  PeerMessage,
  Submit,
} from "../../shared/protocol/messages.ts";
import type { Demands, WireError } from "../../shared/protocol/schema.ts";
import { checkPlane } from "../simulator/plane-invariants.ts";
import { ControlPlane } from "./control-plane.ts";

interface Sent {
  readonly to: string;
  readonly message: CoordinatorMessage;
}

export const ONE_CPU: Demands = { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 };

/** A control plane for tests: its ports record, and every invariant is checked after each event. */
export class TestPlane {
  readonly plane: ControlPlane;
  readonly dropped: { readonly peer: string; readonly error: WireError }[] = [];
  nowMs = 0;
  /** Called in the middle of what the control plane does. */
  onSend: (to: string, message: CoordinatorMessage) => void = () => {};
  #sent: Sent[] = [];
  readonly #drivers: JobId[] = [];
  readonly #workers: PeerId[] = [];
  readonly #isApart: boolean;

  /** @param options.isApart whether jobs are as apart as they are; else all may read everything. */
  constructor({ isApart = false } = {}) {
    this.#isApart = isApart;
    this.plane = new ControlPlane({
      send: (to, message) => {
        this.#sent.push({ to, message });
        this.onSend(to, message);
      },
      drop: (peer, error) => void this.dropped.push({ peer, error }),
      signTicket: (from, to) => new TextEncoder().encode(`${from} to ${to}`),
      jobSecret: (job) => new TextEncoder().encode(`secret of ${job}`.padEnd(32)),
    });
  }

  /** What was sent since the last look, as `[to, message]`. */
  sent(): [string, CoordinatorMessage][] {
    const sent = this.#sent.map(({ to, message }): [string, CoordinatorMessage] => [to, message]);
    this.#sent = [];
    return sent;
  }

  /** The same in short: `"run w1"`. */
  sentInShort(): string[] {
    return this.sent().map(([to, { type }]) => `${type} ${to}`);
  }

  driver(peer = "d"): void {
    const hello = helloOf("driver", peer);
    this.#check(() => this.plane.peerJoined({ peer: peer as PeerId, hello }, this.nowMs));
    this.#drivers.push(peer as JobId);
    this.#meet(...this.#drivers);
  }

  worker(peer: string, capacity: Demands = ONE_CPU, more: Partial<Hello> = {}): void {
    const hello = { ...helloOf("worker", peer), capacity, ...more };
    this.#check(() => this.plane.peerJoined({ peer: peer as PeerId, hello }, this.nowMs));
    this.#workers.push(peer as PeerId);
    this.#meet(...this.#drivers);
  }

  #meet(...jobs: JobId[]): void {
    if (this.#isApart) return;
    const { circles } = this.plane;
    for (const job of jobs) {
      circles.met(jobs[0]!, job);
      for (const worker of this.#workers) circles.joined(worker, job);
    }
  }

  leave(peer: string): void {
    this.#check(() => this.plane.peerLeft(peer as PeerId, "it hung up", this.nowMs));
  }

  tick(atMs: number): void {
    this.nowMs = atMs;
    this.#check(() => this.plane.tick(atMs));
  }

  receive(peer: string, message: PeerMessage): void {
    this.#check(() => this.plane.receive(peer as PeerId, message, this.nowMs));
  }

  define(callable: string, more: Partial<Define> = {}): void {
    this.receive(callable.split(".")[0]!, {
      type: "define",
      callable: callable as CallableId,
      kind: "function",
      name: "f",
      source: "() => 1",
      demands: ONE_CPU,
      retriesMax: 1,
      priority: 0,
      ...more,
    });
  }

  submit(task: string, callable = "d.f", more: Partial<Submit> = {}): void {
    this.receive(task.split(".")[0]!, {
      type: "submit",
      task: task as TaskId,
      callable: callable as CallableId,
      args: new Uint8Array(2),
      ...more,
    });
  }

  /** @param inline whether the value rides along, or stays in the worker's store. */
  done(
    worker: string,
    task: string,
    { attempt = 0, inline = true, contained = [] as string[] } = {},
  ): void {
    this.receive(worker, {
      type: "task-done",
      task: task as TaskId,
      attempt,
      sizeBytes: 3,
      ...(inline ? { inline: new Uint8Array(3) } : {}),
      contained: contained as ObjectId[],
      ranForMs: 1_000,
    });
  }

  put(
    peer: string,
    object: string,
    { inline = true, holder = "", contained = [] as string[] } = {},
  ) {
    // Where all are together, it is no matter for which task a worker has made it.
    const [job] = this.#isApart ? [] : this.#drivers;
    if (job) this.plane.circles.made(object as ObjectId, job);
    this.receive(peer, {
      type: "put-object",
      object: object as ObjectId,
      sizeBytes: 3,
      ...(inline ? { inline: new Uint8Array(3) } : {}),
      ...(holder ? { holder: holder as PeerId } : {}),
      contained: contained as ObjectId[],
    });
  }

  hold(peer: string, ...objects: string[]): void {
    this.receive(peer, { type: "hold", objects: objects as ObjectId[] });
  }

  release(peer: string, ...objects: string[]): void {
    this.receive(peer, { type: "release", objects: objects as ObjectId[] });
  }

  locate(peer: string, object: string): void {
    this.receive(peer, { type: "locate-object", object: object as ObjectId });
  }

  /** What the peer was told of objects since the last look: `"d.1 inline"`, `"d.2 OBJECT_LOST"`. */
  located(peer: string): string[] {
    return this.sent().flatMap(([to, message]) => {
      if (to !== peer || message.type !== "object-located") return [];
      const { object, inline, error, locations } = message.state;
      return [`${object} ${error?.code ?? (inline ? "inline" : locations!.join())}`];
    });
  }

  #check(act: () => void): void {
    act();
    checkPlane(this.plane);
  }
}

/** A mesh of one driver `d` with the function `d.f`, and workers. */
export function meshOf(...workers: string[]): TestPlane {
  const mesh = new TestPlane();
  mesh.driver();
  mesh.define("d.f");
  for (const worker of workers) mesh.worker(worker);
  return mesh;
}

const helloOf = (role: Hello["role"], name: string): Hello => ({
  type: "hello",
  protocolVersions: [1],
  token: "",
  role,
  runtime: "node",
  name,
  webrtc: false,
});

/** What this fails with. */
export function failureOf(act: () => void): MeshError {
  try {
    act();
  } catch (error) {
    return error as MeshError;
  }
  throw new Error("it should have failed");
}
