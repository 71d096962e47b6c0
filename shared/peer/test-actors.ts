import type { ActorId, ObjectId, PeerId } from "../ids.ts";
import type { Call } from "../protocol/link-messages.ts";
import { ActorCaller, type CallRequest } from "./actor-caller.ts";
import { ActorHost, type CallOutcome } from "./actor-host.ts";
import type { ActorPlace } from "./actor-locator.ts";
import { TestMesh, type TestPeer } from "./test-mesh.ts";

export const actor = "x.a" as ActorId;

export const request = (n: number, method = "add"): CallRequest => ({
  actor,
  method,
  args: Uint8Array.of(n),
  result: `d.${n}` as ObjectId,
});

/** A worker whose actors keep a list of what they were called with, and answer with its length. */
export class Worker {
  readonly peer: TestPeer;
  readonly host: ActorHost;
  readonly ran: string[] = [];
  readonly cancelled: string[] = [];
  /** While set, calls wait here instead of being answered. */
  held: (() => void)[] | undefined;

  constructor(peer: TestPeer) {
    this.peer = peer;
    this.host = new ActorHost({
      links: peer.links,
      execute: (call, from, done) => this.#run(call, from, done),
      cancel: (from, result) => void this.cancelled.push(`${from} ${result}`),
    });
  }

  #run(call: Call, from: PeerId, done: (outcome: CallOutcome) => void): void {
    this.ran.push(`${from} ${call.method} ${call.args[0]}`);
    const outcome: CallOutcome =
      call.method === "fail"
        ? { sizeBytes: 0, error: { code: "TASK_FAILED", message: "it threw" } }
        : { sizeBytes: 1, inline: Uint8Array.of(this.ran.length) };
    const { held } = this;
    if (held) held.push(() => done(outcome));
    else done(outcome);
  }
}

export function scene() {
  const mesh = new TestMesh();
  const worker = new Worker(mesh.add("w"));
  const driver = mesh.add("d");
  const home = { at: worker.peer.id, life: 0, locates: 0 };
  const locate = (): Promise<ActorPlace> => {
    home.locates++;
    return Promise.resolve({ worker: home.at, life: home.life });
  };
  const caller = new ActorCaller({ links: driver.links, clock: mesh.clock, locate });
  worker.host.add(actor, 0);
  return { mesh, worker, driver, caller, home };
}
