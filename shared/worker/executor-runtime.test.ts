import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { type Clock, systemClock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { ActorOptions } from "../protocol/actor-options.ts";
import type { ActorId, CallableId, ObjectId, PeerId, TaskId } from "../ids.ts";
import { decodeValue, encodeValue, type RefCodec } from "../objects/codec.ts";
import { type Define, workerMessages } from "../protocol/messages.ts";
import type { ObjectBytes, Order, Outcome } from "./executor-api.ts";
import type { NestedMessage } from "./executor-messages.ts";
import { ExecutorRuntime } from "./executor-runtime.ts";
import { OutcomeWriter, packOrders, unpackOrders, unpackOutcomes } from "./executor-wire.ts";

const REF = Symbol("ref");
/** Refs as the agent's side sees them: plain marked objects. */
const agentRefs: RefCodec = {
  toWire: (value) =>
    REF in value ? { kind: "object", object: value[REF] as ObjectId } : undefined,
  fromWire: (wire) => ({ wire }),
};
const ref = (object: string) => ({ [REF]: object });

class Bench {
  readonly batches: Outcome[][] = [];
  readonly heard: string[] = [];
  readonly objects = new Map<string, ObjectBytes>();
  readonly #outcomes = new OutcomeWriter((size) => new Uint8Array(size));
  readonly #runtime: ExecutorRuntime;
  readonly #waiting = new Map<string, (outcome: Outcome) => void>();
  #keys = 0;

  constructor(clock: Clock = systemClock) {
    this.#runtime = new ExecutorRuntime({
      clock,
      outcomes: this.#outcomes,
      flush: () => this.#receive(unpackOutcomes(this.#outcomes.take())),
      item: (key, index) => this.heard.push(`item ${index} of ${key}`),
      hold: (objects) => this.heard.push(`hold ${objects.join(" ")}`),
      exit: (actor) => this.heard.push(`exit ${actor}`),
      release: (objects) => this.heard.push(`release ${objects.join(" ")}`),
      fetch: async (object) => {
        const bytes = this.objects.get(object);
        if (!bytes) throw new MeshError("OBJECT_LOST", `${object} is lost`);
        return bytes;
      },
      send: (message) => this.#answer(message),
      allocate: (size) => new Uint8Array(size),
      loadPackaging: () => import("../packaging/ship-function.ts"),
      importModule: async (specifier) => ({ specifier }),
      later: (callback) => setImmediate(callback),
    });
  }

  define(source: string, name = "f", actor?: Partial<ActorOptions>): CallableId {
    const callable = `d.${name}` as CallableId;
    const options = actor && { actor: { restartsMax: 0, methods: [], ...actor } };
    const define = { callable, name, source, ...options } as Define;
    this.#runtime.define([define]);
    return callable;
  }

  order(order: Partial<Order> & Pick<Order, "kind">, args: unknown[] = []): Order {
    const key = `k${this.#keys++}`;
    return { key, args: encodeValue(args, agentRefs).toBytes(), dependencies: [], ...order };
  }

  run(...orders: Order[]): Promise<Outcome[]> {
    const all = orders.map(
      ({ key }) => new Promise<Outcome>((resolve) => this.#waiting.set(key, resolve)),
    );
    // As between threads: packed and unpacked.
    this.#runtime.run(unpackOrders(packOrders(orders), new Map()));
    return Promise.all(all);
  }

  abort(key: string): void {
    this.#runtime.abort(key);
  }

  async task(source: string, ...args: unknown[]): Promise<Outcome> {
    const [outcome] = await this.run(
      this.order({ kind: "task", callable: this.define(source) }, args),
    );
    return outcome!;
  }

  /** As an agent does: every object exists, and has to be fetched. */
  #answer(message: NestedMessage): void {
    this.heard.push(message.type === "mesh" ? message.message.type : message.type);
    if (message.type !== "mesh" || message.message.type !== "locate-object") return;
    const { object } = message.message;
    const state = { object, sizeBytes: 1, locations: ["d" as PeerId] };
    this.#runtime.driver.receive({ type: "object-located", state });
  }

  #receive(outcomes: Outcome[]): void {
    this.batches.push(outcomes);
    for (const outcome of outcomes) {
      this.heard.push(`outcome ${outcome.key}`);
      this.#waiting.get(outcome.key)?.(outcome);
    }
  }
}

const valueOf = (outcome: Outcome | undefined): unknown => {
  expect(outcome?.error).toBeUndefined();
  return decodeValue(outcome!.value!.bytes, agentRefs);
};

test("a function is called with its arguments and answers, sync or async", async () => {
  const bench = new Bench();
  expect(valueOf(await bench.task("(a, b) => a + b", 2, 3))).toBe(5);
  expect(valueOf(await bench.task("async (a) => new Map([[a, [1n]]])", "x"))).toEqual(
    new Map([["x", [1n]]]),
  );
  expect(valueOf(await bench.task("function () { return this }"))).toBeUndefined();
});

test("a cancelled task hears of it by its signal, and those behind it run", async () => {
  const bench = new Bench();
  const callable = bench.define(`async () => {
    const { currentTask } = await __manta_import("manta");
    const { signal, id, name } = currentTask();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return id + " of " + name + ": " + signal.reason.code;
  }`);
  const task = (id: string) => bench.order({ kind: "task", callable, task: id as TaskId });
  const [running, dropped] = [task("d.1"), task("d.2")];
  const outcomes = bench.run(running, dropped);
  await expect.poll(() => bench.heard).toContain("signal-taken");
  bench.abort(dropped.key);
  bench.abort(running.key);
  const [ended, never] = await outcomes;
  expect(valueOf(ended)).toBe("d.1 of f: TASK_CANCELLED");
  expect(never?.error?.code).toBe("TASK_CANCELLED");
  bench.abort(running.key);
  const next = bench.run(task("d.3"));
  await expect.poll(() => bench.heard.filter((one) => one === "signal-taken")).toHaveLength(2);
  bench.abort("k2");
  expect(valueOf((await next)[0])).toContain("d.3");
});

test("esbuild's keepNames helper exists and import goes to the host", async () => {
  const bench = new Bench();
  const named = '__name(() => { const g = __name(() => {}, "gee"); return g.name }, "eff")';
  expect(valueOf(await bench.task(named))).toBe("gee");
  const importing = 'async () => (await __manta_import("x")).specifier';
  expect(valueOf(await bench.task(importing))).toBe("x");
});

test("what user code throws is TASK_FAILED with its name, message and its own frames", async () => {
  const bench = new Bench();
  const source = "function outer() {\n  function inner() {\n    null.x;\n  }\n  inner();\n}";
  const { error } = await bench.task(source);
  expect(error?.code).toBe("TASK_FAILED");
  expect(error?.message).toMatch(/^task "f" threw TypeError: Cannot read properties of null/);
  expect(error?.cause?.name).toBe("TypeError");
  const frames = error!.cause!.stack!.split("\n").slice(1);
  expect(frames).toHaveLength(2);
  expect(frames[0]).toMatch(/at inner \(manta:f:3:10\)/);
  expect(frames[1]).toMatch(/at outer \(manta:f:5:3\)/);
});

test("a rejected promise and a thrown non-error fail the task as well", async () => {
  const bench = new Bench();
  const rejected = await bench.task('async () => { throw new RangeError("no") }');
  expect(rejected.error?.message).toBe('task "f" threw RangeError: no');
  const odd = await bench.task('() => { throw "a string" }');
  expect(odd.error?.message).toBe(
    'task "f" threw "a string", which is no Error and so has no stack',
  );
});

test.each([
  ["an object that is no string", "async () => { throw Object.create(null) }"],
  [
    "an error whose message throws",
    'async () => { throw { get message() { throw new Error("no") } } }',
  ],
  [
    "a revoked proxy",
    "async () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy }",
  ],
  [
    "a revoked proxy that is a function",
    "() => { const { proxy, revoke } = Proxy.revocable(() => {}, {}); revoke(); throw proxy }",
  ],
  [
    "an error of ours that is none",
    '() => { throw { name: "MeshError", code: { toString() { throw 1 } }, message: "odd" } }',
  ],
])("%s fails its task when it is thrown, and the next task runs", async (_, source) => {
  const bench = new Bench();
  expect((await bench.task(source)).error).toMatchObject({ code: "TASK_FAILED" });
  expect(valueOf(await bench.task("() => 1"))).toBe(1);
});

test.each([
  ["a `then` that cannot be read", '() => ({ get then() { throw new RangeError("no") } })'],
  [
    "a revoked proxy",
    "() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy }",
  ],
  ["a `then` that throws", '() => ({ then() { throw new RangeError("no") } })'],
  [
    "a promise that hides its constructor",
    '() => Object.defineProperty(Promise.resolve(), "constructor", { get() { throw 1 } })',
  ],
])("%s fails the task that returns it, and the next task runs", async (_, source) => {
  const bench = new Bench();
  expect((await bench.task(source)).error).toMatchObject({ code: "TASK_FAILED" });
  expect(valueOf(await bench.task("() => 1"))).toBe(1);
});

test("a result that cannot be encoded is NOT_ENCODABLE and names the task and the path", async () => {
  const bench = new Bench();
  const { error } = await bench.task("() => ({ list: [1, () => 2] })");
  expect(error?.code).toBe("NOT_ENCODABLE");
  expect(error?.message).toContain('the result of task "f" cannot be encoded');
  expect(error?.message).toContain("list[1]");
});

test("an error that is too long is cut, whatever is put before it", async () => {
  const bench = new Bench();
  const thrown = await bench.task('() => { throw new Error("x".repeat(20000)) }');
  const notEncoded = await bench.task(
    '() => ({ get bad() { throw new RangeError("x".repeat(20000)) } })',
  );
  for (const { error } of [thrown, notEncoded]) {
    const message = { type: "task-failed", task: "d.t", attempt: 0, ranForMs: 0, error };
    expect(workerMessages.accepts(message)).toBe(true);
  }
});

test("a result with more refs than a message carries fails with the number", async () => {
  const bench = new Bench();
  const callable = bench.define("(box) => box.refs");
  const refs = Array.from({ length: 16_385 }, (_, i) => ref(`d.${i}`));
  const [outcome] = await bench.run(bench.order({ kind: "task", callable }, [{ refs }]));
  expect(outcome?.error?.code).toBe("NOT_ENCODABLE");
  expect(outcome?.error?.message).toContain("it holds 16385 refs");
});

test("source that does not compile is INVALID_ARGUMENT", async () => {
  const { error } = await new Bench().task("(a) => {");
  expect(error?.code).toBe("INVALID_ARGUMENT");
  expect(error?.message).toContain('the source of "f" does not compile: SyntaxError');
});

test("tasks run strictly one after the other, and outcomes of a turn leave together", async () => {
  // Outcomes of a slow turn leave before its end, and this machine may be busy.
  const bench = new Bench({ ...systemClock, nowMs: () => 0 });
  const callable = bench.define(
    "async (i) => { globalThis.log.push(`>${i}`); await 0; globalThis.log.push(`<${i}`) }",
  );
  const log: string[] = [];
  Object.assign(globalThis, { log });
  const orders = [0, 1, 2].map((i) => bench.order({ kind: "task", callable }, [i]));
  await bench.run(...orders);
  expect(log).toEqual([">0", "<0", ">1", "<1", ">2", "<2"]);
  expect(bench.batches).toHaveLength(1);
});

test("an actor keeps its state, its calls run in order and beside a waiting task", async () => {
  const bench = new Bench();
  const actor = "d.a" as ActorId;
  const callable = bench.define(
    "class Counter { n = 0; add(k) { return (this.n += k) } }",
    "Counter",
  );
  const never = bench.define("() => new Promise(() => {})", "never");
  void bench.run(bench.order({ kind: "task", callable: never }));
  const outcomes = await bench.run(
    bench.order({ kind: "create-actor", callable, actor }),
    bench.order({ kind: "call", actor, method: "add" }, [2]),
    bench.order({ kind: "call", actor, method: "add" }, [3]),
    bench.order({ kind: "call", actor, method: "sub" }, [3]),
    bench.order({ kind: "call", actor, method: "constructor" }),
    bench.order({ kind: "call", actor, method: "hasOwnProperty" }),
  );
  const [ended] = await bench.run(bench.order({ kind: "end-actor", actor }));
  const [late] = await bench.run(bench.order({ kind: "call", actor, method: "add" }, [1]));
  expect(outcomes.slice(0, 3).map(valueOf)).toEqual([undefined, 2, 5]);
  expect(outcomes[3]?.error?.code).toBe("ACTOR_METHOD_UNKNOWN");
  expect(outcomes[3]?.error?.message).toBe(
    'actor "Counter" has no method "sub". Its methods are add',
  );
  expect(outcomes[4]?.error?.code).toBe("ACTOR_METHOD_UNKNOWN");
  expect(outcomes[5]?.error?.code).toBe("ACTOR_METHOD_UNKNOWN");
  expect(valueOf(ended)).toBeUndefined();
  expect(late?.error?.code).toBe("ACTOR_DIED");
});

test("an actor ends at once whatever it awaits, and can be created anew", async () => {
  const bench = new Bench();
  const actor = "d.a" as ActorId;
  const callable = bench.define(
    "class Waits { wait() { return new Promise((go) => (globalThis.go = go)) } is() { return 1 } }",
    "Waits",
  );
  await bench.run(bench.order({ kind: "create-actor", callable, actor }));
  const waiting = bench.run(
    bench.order({ kind: "call", actor, method: "wait" }),
    bench.order({ kind: "call", actor, method: "is" }),
  );
  expect(valueOf((await bench.run(bench.order({ kind: "end-actor", actor })))[0])).toBeUndefined();
  await bench.run(bench.order({ kind: "create-actor", callable, actor }));
  (globalThis as { go?: () => void }).go!();
  expect((await waiting)[1]?.error?.code).toBe("ACTOR_DIED");
  const [is] = await bench.run(bench.order({ kind: "call", actor, method: "is" }));
  expect(valueOf(is)).toBe(1);
});

test("a constructor that throws fails its order, and the calls behind it", async () => {
  const bench = new Bench();
  const actor = "d.a" as ActorId;
  const callable = bench.define('class Bad { constructor() { throw new Error("no") } }', "Bad");
  const [created, called] = await bench.run(
    bench.order({ kind: "create-actor", callable, actor }),
    bench.order({ kind: "call", actor, method: "x" }),
  );
  expect(created?.error?.message).toBe('the constructor of actor "Bad" threw Error: no');
  expect(called?.error?.code).toBe("ACTOR_DIED");
});

test("a ref that is an argument arrives as its value, a ref inside one stays a ref", async () => {
  const bench = new Bench();
  bench.objects.set("d.2", encodeValue("inner", agentRefs).toBytes());
  const callable = bench.define(
    "async (value, box) => [value, box.ref.id, await box.ref.get(), box.ref]",
  );
  const object = "d.1" as ObjectId;
  const dependencies = [{ object, bytes: encodeValue(Float64Array.of(1.5), agentRefs).toBytes() }];
  const order = bench.order({ kind: "task", callable, dependencies }, [
    ref("d.1"),
    { ref: ref("d.2") },
  ]);
  const [outcome] = await bench.run(order);
  expect(valueOf(outcome)).toEqual([
    Float64Array.of(1.5),
    "d.2",
    "inner",
    { wire: { kind: "object", object: "d.2" } },
  ]);
  expect(outcome?.value?.contained).toEqual(["d.2"]);
  expect(bench.heard.at(0)).toContain("d.2");
  // The task's refs end with it, after its outcome is known.
  expect(bench.heard.slice(-2)).toEqual([`outcome ${order.key}`, "release d.1 d.2"]);
});

test("refs that were replaced by their values are not held", async () => {
  const bench = new Bench();
  const callable = bench.define("(value) => value");
  const object = "d.1" as ObjectId;
  const dependencies = [{ object, bytes: encodeValue(7).toBytes() }];
  await bench.run(bench.order({ kind: "task", callable, dependencies }, [ref("d.1")]));
  expect(bench.heard.filter((line) => line.startsWith("hold"))).toEqual([]);
});

test("a ref that user code keeps is held, and released once it lets go", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  const bench = new Bench();
  const actor = "d.a" as ActorId;
  const callable = bench.define(
    "class Keeper { keep(box) { this.box = box } drop() { delete this.box } }",
    "Keeper",
  );
  await bench.run(
    bench.order({ kind: "create-actor", callable, actor }),
    bench.order({ kind: "call", actor, method: "keep" }, [[ref("d.7"), ref("d.7")]]),
  );
  expect(bench.heard).toContain("hold d.7");
  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  await turn();
  collectGarbage();
  await turn();
  expect(bench.heard).not.toContain("release d.7");
  await bench.run(bench.order({ kind: "call", actor, method: "drop" }));
  await expect
    .poll(() => {
      collectGarbage();
      return bench.heard.filter((line) => line.startsWith("release"));
    })
    .toEqual(["release d.7"]);
});

test("get on a lost object and get past its deadline reject with their codes", async () => {
  const bench = new Bench();
  const lost = await bench.task("async (box) => box.ref.get()", { ref: ref("d.9") });
  expect(lost.error?.message).toContain("MeshError OBJECT_LOST: d.9 is lost");
  const slow = "async (box) => box.ref.get({ timeoutMs: 1 })";
  bench.objects.get = () => new Promise(() => {}) as never;
  const late = await bench.task(slow, { ref: ref("d.9") });
  expect(late.error?.message).toContain("MeshError TIMEOUT");
});

test("a big value of an array that changes after it was returned is as it was", async () => {
  const bench = new Bench();
  const actor = "d.a" as ActorId;
  const callable = bench.define(
    "class Box { all = new Float32Array(20000); fill(x) { return this.all.fill(x) } }",
    "Box",
  );
  const outcomes = await bench.run(
    bench.order({ kind: "create-actor", callable, actor }),
    bench.order({ kind: "call", actor, method: "fill" }, [1]),
    bench.order({ kind: "call", actor, method: "fill" }, [2]),
  );
  expect((valueOf(outcomes[1]) as Float32Array)[19_999]).toBe(1);
  expect((valueOf(outcomes[2]) as Float32Array)[19_999]).toBe(2);
});

test("a long run of tasks lets timers and other lanes have a turn", async () => {
  const bench = new Bench();
  const callable = bench.define(
    "() => { const t = performance.now(); while (performance.now() - t < 4); }",
  );
  const orders = Array.from({ length: 20 }, () => bench.order({ kind: "task", callable }));
  const done = bench.run(...orders);
  let finishedAtTimer = -1;
  setTimeout(() => (finishedAtTimer = bench.batches.flat().length), 1);
  await done;
  expect(finishedAtTimer).toBeGreaterThan(0);
  expect(finishedAtTimer).toBeLessThan(20);
});
