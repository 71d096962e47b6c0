import { afterAll, expect, test } from "vitest";
import { MeshError } from "../shared/errors.ts";
import type { CallableId, ObjectId, PeerId } from "../shared/ids.ts";
import { decodeValue, encodeValue } from "../shared/objects/codec.ts";
import type { Define } from "../shared/protocol/messages.ts";
import type {
  BackendReport,
  ExecutorHandle,
  ObjectBytes,
  Order,
  Outcome,
} from "../shared/worker/executor-api.ts";
import { ThreadSpawner } from "./thread-spawner.ts";

const spawner = new ThreadSpawner({ settings: { workerName: "test" } });
afterAll(() => spawner.close());

class Agent {
  readonly handle: ExecutorHandle;
  readonly ready: Promise<void>;
  readonly ended: Promise<string>;
  readonly backends: BackendReport[] = [];
  onLocate = (): void => {};
  readonly #waiting = new Map<string, (outcome: Outcome) => void>();
  #keys = 0;

  constructor(fetch: (object: ObjectId) => Promise<ObjectBytes> = async () => new Uint8Array()) {
    let onReady!: () => void;
    let onEnded!: (reason: string) => void;
    this.ready = new Promise((resolve) => (onReady = resolve));
    this.ended = new Promise((resolve) => (onEnded = resolve));
    this.handle = spawner.spawn({
      onReady,
      onEnded,
      onOutcomes: (outcomes) => {
        for (const outcome of outcomes) this.#waiting.get(outcome.key)?.(outcome);
      },
      onHold: () => {},
      onNested: (message) => {
        // Every object exists, and has to be fetched.
        if (message.type !== "mesh" || message.message.type !== "locate-object") return;
        this.onLocate();
        const state = { object: message.message.object, locations: ["d" as PeerId] };
        this.handle.tell({ type: "news", news: { type: "object-located", state } });
      },
      onRelease: () => {},
      onBackendChosen: (report) => void this.backends.push(report),
      fetch,
    });
  }

  start(source: string, args: unknown[] = [], dependencies: Order["dependencies"] = []) {
    const key = `k${this.#keys++}`;
    const callable = `d.${key}` as CallableId;
    const outcome = new Promise<Outcome>((resolve) => this.#waiting.set(key, resolve));
    this.handle.define({ callable, source, name: "f" } as Define);
    const refs = {
      toWire: (value: object) =>
        "ref" in value ? ({ kind: "object", object: value.ref as ObjectId } as const) : undefined,
      fromWire: () => undefined,
    };
    const encoded = encodeValue(args, refs).toBytes();
    this.handle.run([{ key, kind: "task", callable, args: encoded, dependencies }]);
    return outcome;
  }

  async value(source: string, args: unknown[] = [], dependencies: Order["dependencies"] = []) {
    const { value, error } = await this.start(source, args, dependencies);
    expect(error).toBeUndefined();
    return decodeValue(value!.bytes);
  }
}

function shared(value: unknown): ObjectBytes {
  const encoded = encodeValue(value);
  const bytes = new Uint8Array(new SharedArrayBuffer(encoded.byteLength));
  encoded.writeTo(bytes);
  return bytes;
}

test("a task runs in a thread of its own", async () => {
  const agent = new Agent();
  await agent.ready;
  expect(await agent.value("(a) => a * a", [12])).toBe(144);
  agent.handle.stop();
  expect(await agent.ended).toBe("it was stopped");
});

test("`self` is the global object, as in tabs", async () => {
  const agent = new Agent();
  expect(await agent.value("() => self === globalThis && self.Math === Math")).toBe(true);
  agent.handle.stop();
});

test("an endless loop is stopped", async () => {
  let sawLoop!: () => void;
  const looping = new Promise<void>((resolve) => (sawLoop = resolve));
  const agent = new Agent();
  agent.onLocate = sawLoop;
  void agent.start("(box) => { box.in.get(); for (;;); }", [{ in: { ref: "d.1" } }]);
  await looping;
  agent.handle.stop();
  expect(await agent.ended).toBe("it was stopped");
});

test("an error left in a timer fails the task that left it, and the executor goes on", async () => {
  const agent = new Agent();
  const { error } = await agent.start(
    '() => { setTimeout(() => { throw new RangeError("boom") }, 0); return new Promise(() => {}) }',
  );
  expect(error).toMatchObject({
    code: "TASK_FAILED",
    message: 'task "f" left uncaught RangeError: boom',
    cause: { name: "RangeError", stack: expect.stringContaining("manta:f:1") },
  });
  expect(await agent.value("() => 1")).toBe(1);
  agent.handle.stop();
});

/** A task that leaves an error whose stack is of our own code: as a bug of ours would. */
const brokenExecutor = (message: string) => `() => {
  const error = new Error(${message});
  error.stack = "Error\\n    at step (file:///dist/shared/worker/executor-runtime.js:1:1)";
  setTimeout(() => { throw error }, 0);
  return new Promise(() => {});
}`;

test.each([
  ["process.exit", "() => process.exit(3)", /its thread exited with code 3/],
  ["an error of the executor's own", brokenExecutor('"boom"'), /it crashed: Error: boom/],
  ["one that is too long", brokenExecutor('"x".repeat(1e5)'), /^it crashed: Error: x{900,1100}$/],
])("%s ends the executor with a reason", async (_, source, reason) => {
  const agent = new Agent();
  void agent.start(source);
  expect(await agent.ended).toMatch(reason);
});

test("running out of memory ends the executor, not the process", async () => {
  const small = new ThreadSpawner({ settings: { workerName: "small" }, spares: 0, heapMbMax: 32 });
  const ended = new Promise<string>((resolve) => {
    const handle = small.spawn({
      onReady() {
        const source = "() => { const all = []; for (;;) all.push({ some: [all.length] }); }";
        const callable = "d.0" as CallableId;
        handle.define({ callable, source, name: "hog" } as Define);
        const args = encodeValue([]).toBytes();
        handle.run([{ key: "k", kind: "task", callable, args, dependencies: [] }]);
      },
      onEnded: resolve,
      onOutcomes: () => {},
      onHold: () => {},
      onRelease: () => {},
      fetch: () => Promise.reject(new MeshError("OBJECT_LOST", "none")),
    });
  });
  expect(await ended).toBe("it crashed: it ran out of memory");
  small.close();
});

test("a rejected promise that user code forgot does not end the executor", async () => {
  const agent = new Agent();
  await agent.value('() => { Promise.reject(new Error("expected in this test")); }');
  expect(await agent.value("() => new Promise((done) => setTimeout(done, 5, 1))")).toBe(1);
  agent.handle.stop();
});

test("a dependency is read where it lies and a big result comes back in shared memory", async () => {
  const agent = new Agent();
  const object = "d.9" as ObjectId;
  const bytes = shared(new Float64Array(100_000).fill(1));
  const write = "(data) => { data[7] = 5; return data.buffer instanceof SharedArrayBuffer; }";
  expect(await agent.value(write, [{ ref: object }], [{ object, bytes }])).toBe(true);
  expect((decodeValue(bytes) as Float64Array)[7]).toBe(5);
  const { value } = await agent.start("() => new Float32Array(1e6).fill(3)");
  expect(value?.bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect((decodeValue(value!.bytes) as Float32Array)[999_999]).toBe(3);
  agent.handle.stop();
});

test("a ref inside a value is fetched through the agent", async () => {
  const asked: ObjectId[] = [];
  const agent = new Agent(async (object) => {
    asked.push(object);
    if (object === "d.2") throw new MeshError("OBJECT_LOST", "d.2 is lost");
    return encodeValue("here").toBytes();
  });
  const get = "async (box) => box.in.get()";
  expect(await agent.value(get, [{ in: { ref: "d.1" } }])).toBe("here");
  const { error } = await agent.start(get, [{ in: { ref: "d.2" } }]);
  expect(error?.message).toContain("OBJECT_LOST: d.2 is lost");
  expect(asked).toEqual(["d.1", "d.2"]);
  agent.handle.stop();
});

test("imports other than tfjs are refused with what works", async () => {
  const agent = new Agent();
  const { error } = await agent.start('() => __manta_import("node:fs")');
  expect(error?.message).toContain('INVALID_ARGUMENT: import("node:fs") is not possible');
  expect(error?.message).toContain('import("@tensorflow/tfjs")');
  agent.handle.stop();
});

test("tfjs trains on a measured backend, and the next executor does not measure again", async () => {
  const train = `async () => {
    const tf = await __manta_import("@tensorflow/tfjs");
    const w = tf.variable(tf.scalar(0));
    const optimizer = tf.train.sgd(0.1);
    for (let i = 0; i < 50; i++) optimizer.minimize(() => w.sub(3).square());
    return [(await w.data())[0], tf.getBackend(), tf === await __manta_import("@tensorflow/tfjs")];
  }`;
  const first = new Agent();
  const [value, backend, isOne] = (await first.value(train)) as [number, string, boolean];
  expect(value).toBeCloseTo(3, 3);
  expect(isOne).toBe(true);
  expect(first.backends).toHaveLength(1);
  expect(first.backends[0]?.chosen).toBe(backend);
  expect(first.backends[0]?.measured.filter(({ ms }) => ms !== undefined)).not.toHaveLength(0);
  const second = new Agent();
  expect(((await second.value(train)) as unknown[])[1]).toBe(backend);
  expect(second.backends).toEqual([]);
  first.handle.stop();
  second.handle.stop();
});

test("a closed spawner spawns nothing", () => {
  const closed = new ThreadSpawner({ settings: { workerName: "closed" } });
  closed.close();
  expect(() => closed.spawn({} as never)).toThrow("this spawner was closed");
});
