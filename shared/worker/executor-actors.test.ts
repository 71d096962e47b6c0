import { expect, test } from "vitest";
import { systemClock } from "../clock.ts";
import type { ActorId, CallableId, ObjectId } from "../ids.ts";
import { decodeValue, encodeValue } from "../objects/codec.ts";
import type { ActorOptions, RetryOn } from "../protocol/actor-options.ts";
import type { Define } from "../protocol/messages.ts";
import type { Order, Outcome } from "./executor-api.ts";
import { ExecutorRuntime } from "./executor-runtime.ts";
import { OutcomeWriter, unpackOutcomes } from "./executor-wire.ts";

/** One actor `d.a` in an executor: how its calls run beside each other, and its first and last words. */
class Stage {
  readonly outcomes = new Map<string, Outcome>();
  readonly exits: ActorId[] = [];
  readonly runtime: ExecutorRuntime;
  #waiting: (() => void)[] = [];
  #keys = 0;

  constructor(source: string, options: Partial<ActorOptions> = {}, retryOn?: RetryOn) {
    const writer = new OutcomeWriter((size) => new Uint8Array(size));
    this.runtime = new ExecutorRuntime({
      clock: systemClock,
      outcomes: writer,
      flush: () => {
        for (const outcome of unpackOutcomes(writer.take())) {
          this.outcomes.set(outcome.key, outcome);
        }
        for (const wake of this.#waiting.splice(0)) wake();
      },
      item: () => {},
      hold: () => {},
      release: () => {},
      exit: (actor) => void this.exits.push(actor),
      fetch: () => Promise.reject(new Error("nothing to fetch")),
      send: () => {},
      allocate: (size) => new Uint8Array(size),
      loadPackaging: () => import("../packaging/ship-function.ts"),
      importModule: () => Promise.reject(new Error("nothing to import")),
      later: (callback) => setImmediate(callback),
    });
    const actor = { restartsMax: 0, methods: [], ...options };
    const define = { callable: "d.A", name: "A", kind: "actor-class", source, actor, retryOn };
    this.runtime.define([define as unknown as Define]);
  }

  order(kind: Order["kind"], more: Partial<Order> = {}, args: unknown[] = []): Order {
    const key = `k${this.#keys++}`;
    const base = { key, kind, actor: "d.a" as ActorId, args: encodeValue(args).toBytes() };
    return { ...base, dependencies: [], callable: "d.A" as CallableId, ...more };
  }

  call(method: string, more: Partial<Order> = {}): Order {
    return this.order("call", { method, ...more });
  }

  /** What these gave, when all of them are done. */
  async results(...orders: Order[]): Promise<unknown[]> {
    this.runtime.run(orders);
    while (!orders.every(({ key }) => this.outcomes.has(key))) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return orders.map(({ key }) => {
      const { error, value } = this.outcomes.get(key)!;
      return error ? error.message : decodeValue(value!.bytes);
    });
  }
}

const COUNTED = `class A {
  now = 0;
  most = 0;
  async work() {
    this.most = Math.max(this.most, ++this.now);
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.now--;
    return this.most;
  }
  peek() { return this.now; }
  checkpoint() { return this.now; }
}`;

test.each([
  ["one at a time", {}, 1],
  ["as many as maxConcurrency allows", { maxConcurrency: 3 }, 3],
])("asynchronous calls are under way %s", async (_, options, most) => {
  const stage = new Stage(COUNTED, options);
  await stage.results(stage.order("create-actor"));
  const calls = Array.from({ length: 6 }, () => stage.call("work"));
  expect(Math.max(...((await stage.results(...calls)) as number[]))).toBe(most);
});

test("a group has its own limit and does not wait for others; a call may name another", async () => {
  const stage = new Stage(COUNTED, {
    groups: [{ name: "io", maxConcurrency: 2 }],
    methods: [{ name: "work", group: "io" }],
  });
  await stage.results(stage.order("create-actor"));
  const works = Array.from({ length: 4 }, () => stage.call("work"));
  const [peeked, inIo] = [stage.call("peek"), stage.call("peek", { group: "io" })];
  const results = await stage.results(...works, peeked, inIo);
  // The group was full. What had to wait for a place in it found one free, perhaps both: that hangs
  // on whether two timers of one millisecond fire in one turn.
  expect(results[4]).toBe(2);
  expect(results[5]).toBeLessThan(2);
  const [refused] = await stage.results(stage.call("peek", { group: "gpu" }));
  expect(refused).toMatch(/no concurrency group "gpu"/);
});

test("a checkpoint is taken while nothing else is under way, in its place among the calls", async () => {
  const stage = new Stage(COUNTED, { maxConcurrency: 10 });
  await stage.results(stage.order("create-actor"));
  const before = [stage.call("work"), stage.call("work")];
  const taken = [stage.call("checkpoint"), stage.call("checkpoint")];
  const after = [stage.call("work"), stage.call("work"), stage.call("work")];
  const results = await stage.results(...before, ...taken, ...after);
  expect(results).toEqual([2, 2, 0, 0, 3, 3, 3]);
});

test("a call that throws what retryOn is meant for is repeated in its place, as often as it may", async () => {
  const source = `class A {
    tries = 0;
    log = [];
    flaky(list) { list.push(1); this.log.push(list.length); if (++this.tries < 3) throw new TypeError("not yet"); return this.tries; }
    async fails() { this.tries++; throw new TypeError("never"); }
    seen() { return this.log; }
    count() { return this.tries; }
  }`;
  const stage = new Stage(source, { retriesMax: 2 }, { names: ["TypeError"] });
  await stage.results(stage.order("create-actor"));
  const flaky = stage.order("call", { method: "flaky" }, [[]]);
  const [tries, seen] = await stage.results(flaky, stage.call("seen"));
  expect(tries).toBe(3);
  expect(seen, "each time with its arguments anew").toEqual([1, 1, 1]);
  const once = stage.call("fails", { retriesMax: 1 });
  expect(await stage.results(once, stage.call("count"))).toEqual([
    expect.stringMatching(/never; that was attempt 2 of 2/),
    5,
  ]);
  const never = await stage.results(stage.call("fails", { retriesMax: 0 }), stage.call("count"));
  expect(never).toEqual([expect.stringMatching(/threw TypeError: never$/), 6]);
});

const HEEDFUL = `class A {
  async wait() {
    const { currentTask } = await __manta_import("manta");
    const { signal, method } = currentTask();
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return method + " ended: " + signal.reason.code;
  }
  async late() {
    await null;
    const { currentTask } = await __manta_import("manta");
    return currentTask().method;
  }
  spin() { return "span"; }
}`;

test("a cancelled call has its signal aborted if it runs, and does not begin if it waits", async () => {
  const stage = new Stage(HEEDFUL);
  await stage.results(stage.order("create-actor"));
  const [running, waiting] = [stage.call("wait"), stage.call("spin")];
  const results = stage.results(running, waiting);
  for (const { key } of [waiting, running]) stage.runtime.abort(key, "d.a" as ActorId);
  expect(await results).toEqual(["wait ended: TASK_CANCELLED", "it was cancelled"]);
  stage.runtime.abort(running.key, "d.a" as ActorId);
  expect(await stage.results(stage.call("spin"))).toEqual(["span"]);
});

test("of several calls under way, each has the signal of its own", async () => {
  const stage = new Stage(HEEDFUL, { maxConcurrency: 3 });
  await stage.results(stage.order("create-actor"));
  const calls = [stage.call("wait"), stage.call("wait")];
  const results = stage.results(...calls);
  stage.runtime.abort(calls[0]!.key, "d.a" as ActorId);
  await expect.poll(() => stage.outcomes.has(calls[0]!.key)).toBe(true);
  expect(stage.outcomes.has(calls[1]!.key)).toBe(false);
  const [late] = await stage.results(stage.call("late"));
  expect(late).toMatch(/import "manta" before the first await/);
  stage.runtime.abort(calls[1]!.key, "d.a" as ActorId);
  await results;
});

test("an actor that is restored has its state before its first call", async () => {
  const stage = new Stage(`class A {
    constructor(n) { this.n = n; }
    async restore(n) { await null; this.n += n; }
    get() { return this.n; }
  }`);
  const dependencies = [{ object: "w.s" as ObjectId, bytes: encodeValue(40).toBytes() }];
  const create = stage.order("create-actor", { method: "restore", dependencies }, [2]);
  expect(await stage.results(create, stage.call("get"))).toEqual([undefined, 42]);
});

test("an actor's own code has the last word when it ends in order, and only then", async () => {
  const source = (end: string) => `class A { ${end}() { globalThis.__ended = "${end}"; } }`;
  for (const end of ["dispose", "[Symbol.dispose]", "async [Symbol.asyncDispose]"]) {
    const stage = new Stage(source(end));
    await stage.results(stage.order("create-actor"));
    await stage.results(stage.order("end-actor", { method: "dispose" }));
    expect((globalThis as { __ended?: string }).__ended).toBe(end);
    delete (globalThis as { __ended?: string }).__ended;
    await stage.results(stage.order("create-actor"));
    await stage.results(stage.order("end-actor"));
    expect(globalThis).not.toHaveProperty("__ended");
  }
});

test("an actor that is made anew in the batch that ends it lives", async () => {
  const stage = new Stage("class A { n = 0; add() { return ++this.n; } }");
  await stage.results(stage.order("create-actor"), stage.call("add"));
  await stage.results(stage.order("end-actor"), stage.order("create-actor"));
  expect(await stage.results(stage.call("add"))).toEqual([1]);
});
