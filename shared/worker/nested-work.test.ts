import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { CallableId, ObjectId, PeerId, TaskId } from "../ids.ts";
import type { PeerMessage } from "../protocol/messages.ts";
import type { NestedNews } from "./executor-api.ts";
import type { NestedMessage } from "./executor-messages.ts";
import { HeldRefs } from "./held-refs.ts";
import { JobsHere } from "./jobs-here.ts";
import { emptyState } from "./machine/state.ts";
import { step } from "./machine/step.ts";
import { NestedWork, type NestedWorkOptions } from "./nested-work.ts";

const self = "w1" as PeerId;
const demands = { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 };

/** An agent's dealings with two executors: e0 runs the task d.1, e1 runs d.2. */
class Bench {
  readonly said: PeerMessage[] = [];
  readonly told: [string, NestedNews][] = [];
  readonly held = new HeldRefs((type, objects) => void this.said.push({ type, objects }));
  readonly nested: NestedWork;

  constructor() {
    const settings = { workerName: "w", capacity: { ...demands, cpuMilli: 2_000 } };
    const state = emptyState({ ...settings, executorsMin: 2, executorsMax: 2 });
    step(state, { type: "started", atMs: 0 });
    for (const [i, task] of ["d.1", "d.2"].entries()) {
      step(state, { type: "executor-ready", executor: `e${i}`, atMs: 0 });
      step(state, {
        type: "run-ordered",
        atMs: 0,
        key: `o${i}`,
        kind: "task",
        task: task as TaskId,
        attempt: 0,
        callable: "d.f" as CallableId,
        name: "f",
        demands,
        missing: [],
      });
    }
    const peer = {
      self,
      session: { send: (message: PeerMessage) => void this.said.push(message) },
      links: { onMessage() {}, onDown() {}, onPeerLeft() {}, onLive() {} },
    };
    this.nested = new NestedWork({
      peer: peer as unknown as NestedWorkOptions["peer"],
      clock: systemClock,
      supply: { sizeHere: () => undefined, keep() {} } as unknown as NestedWorkOptions["supply"],
      held: this.held,
      jobs: new JobsHere(),
      state: () => state,
      definition: () => undefined,
      tell: (executor, news) => void this.told.push([executor, news]),
    });
  }

  say(executor: "e0" | "e1", message: Extract<NestedMessage, { type: "mesh" }>["message"]): void {
    this.nested.receive(executor, { type: "mesh", message });
  }

  submit(executor: "e0" | "e1", task: string, parent?: string): void {
    this.say(executor, {
      type: "submit",
      task: task as TaskId,
      callable: "d.f" as CallableId,
      args: new Uint8Array(1),
      ...(parent ? { parent: parent as TaskId } : {}),
    });
  }
}

test("what an executor submits goes on, and it hears of the result", () => {
  const bench = new Bench();
  bench.submit("e0", "w1.0x0", "d.1");
  expect(bench.said.map(({ type }) => type)).toEqual(["submit"]);
  const state = { object: "w1.0x0" as ObjectId, inline: new Uint8Array(1) };
  bench.nested.located({ type: "object-located", state });
  expect(bench.told.map(([executor]) => executor)).toEqual(["e0"]);
});

test.each([
  ["of another executor's making", "w1.1x0"],
  ["of a driver's making", "d.9"],
  ["of no executor's making", "w1.0"],
])("an id %s is a violation, whoever it is said to be for", (_, id) => {
  const bench = new Bench();
  expect(() => bench.submit("e0", id, "d.1")).toThrow(/PROTOCOL|said what it may not/);
  const object = id as ObjectId;
  for (const message of [
    { type: "put-object", object, sizeBytes: 1, inline: new Uint8Array(1) },
    { type: "promise-object", object },
  ] as const) {
    expect(() => bench.say("e0", message)).toThrow(/may not/);
  }
  expect(bench.said).toEqual([]);
});

test.each([["d.2"], ["d.77"], [undefined]])(
  "nothing is submitted in the name of %s, which that executor does not run",
  (parent) => {
    const bench = new Bench();
    bench.submit("e0", "w1.0x0", parent);
    expect(bench.said).toEqual([]);
    const [, news] = bench.told[0]!;
    expect(JSON.stringify(news)).toContain("TASK_CANCELLED");
  },
);

test("a value that is put for somebody else is a violation", () => {
  const bench = new Bench();
  const object = "w1.0x0" as ObjectId;
  const message = { type: "put-object", object, sizeBytes: 1, holder: "d" as PeerId } as const;
  expect(() => bench.say("e0", message)).toThrow(/for d/);
});

test("an executor that ends holds nothing more, and what it promised will not come", () => {
  const bench = new Bench();
  const object = "w1.0x0" as ObjectId;
  bench.say("e0", { type: "promise-object", object });
  bench.nested.executorEnded("e0");
  bench.held.releaseAll("e0");
  const [, failed, released] = bench.said;
  expect(failed).toMatchObject({ type: "put-object", object, error: { code: "OBJECT_LOST" } });
  expect(released).toEqual({ type: "release", objects: [object] });
});

test("two executors that ask for an object share the question and the answer", () => {
  const bench = new Bench();
  const object = "d.5" as ObjectId;
  bench.say("e0", { type: "locate-object", object });
  bench.say("e1", { type: "locate-object", object });
  expect(bench.said).toHaveLength(1);
  const state = { object, inline: new Uint8Array(1) };
  bench.nested.located({ type: "object-located", state });
  expect(bench.told.map(([executor]) => executor)).toEqual(["e0", "e1"]);
});

test("what was defined too late for one task is defined for the next one that uses it", () => {
  const bench = new Bench();
  const define = {
    type: "define",
    callable: "w1.0x1" as CallableId,
    kind: "function",
    name: "g",
    source: "() => 1",
    demands,
    retriesMax: 0,
    priority: 0,
    parent: "d.9" as TaskId,
  } as const;
  bench.say("e0", define);
  expect(bench.said).toEqual([]);
  const submit = { type: "submit", callable: define.callable, args: new Uint8Array(1) } as const;
  const parent = "d.1" as TaskId;
  bench.say("e0", { ...submit, task: "w1.0x2" as TaskId, parent });
  bench.say("e0", { ...submit, task: "w1.0x3" as TaskId, parent });
  expect(bench.said.map(({ type }) => type)).toEqual(["define", "submit", "submit"]);
  expect(bench.said[0]).toMatchObject({ callable: "w1.0x1", parent });
});
