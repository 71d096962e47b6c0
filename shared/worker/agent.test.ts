import { afterEach, expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import { systemClock } from "../clock.ts";
import type { ActorId, CallableId, ObjectId, TaskId } from "../ids.ts";
import { decodeValue, encodeValue, type RefCodec } from "../objects/codec.ts";
import { LocalStore } from "../objects/local-store.ts";
import { ActorCaller } from "../peer/actor-caller.ts";
import { MeshPeer } from "../peer/mesh-peer.ts";
import { ManualClock, quiet } from "../peer/test-mesh.ts";
import type { Define, ObjectState } from "../protocol/messages.ts";
import { WorkerAgent } from "./agent.ts";
import type { ExecutorSpawner } from "./executor-api.ts";
import { ExecutorHost } from "./executor-host.ts";
import { serveExecutor } from "./executor-serve.ts";
import { DRIVER, Mesh, WORKER } from "./test-coordinator.ts";

const refs: RefCodec = { toWire: () => undefined, fromWire: (wire) => wire };
const encode = (value: unknown) => encodeValue(value, refs).toBytes();
const decode = (bytes: Uint8Array) => decodeValue(bytes, refs);
/** Too big to ride along. */
const MANY = 100_000;

/** Executors in this very thread, behind real ports. */
const spawner: ExecutorSpawner = {
  spawn(listener) {
    const { port1, port2 } = new MessageChannel();
    const host = new ExecutorHost({
      port: port1,
      settings: { workerName: "w" },
      listener,
      terminate() {
        port1.close();
        port2.close();
      },
    });
    serveExecutor(port2, {
      allocate: (size) => new Uint8Array(size),
      later: (callback) => void setTimeout(callback, 0),
      loadPackaging: () => import("../packaging/ship-function.ts"),
      loadTensorflow: () => Promise.reject(new Error("not here")),
    });
    return host;
  },
};

let cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const close of cleanUp) close();
  cleanUp = [];
});

interface JoinedOptions {
  readonly storeBytesMax?: number;
  /** With a clock that stands still no heartbeat is sent either. */
  readonly clock?: ManualClock;
  readonly spawner?: ExecutorSpawner;
  onChange?(): void;
}

async function joined({ storeBytesMax = 2 ** 24, ...more }: JoinedOptions = {}) {
  const mesh = new Mesh();
  if (more.clock) mesh.heartbeatEveryMs = 60_000;
  const agent = await WorkerAgent.join({
    transport: mesh.connect(WORKER),
    hello: {
      token: "t",
      runtime: "node",
      name: "w",
      webrtc: false,
      capacity: { cpuMilli: 2_000, gpuMilli: 0, memoryBytes: 2 ** 30 },
    },
    clock: systemClock,
    spawner,
    executorsMin: 1,
    executorsMax: 2,
    store: new LocalStore({ bytesMax: storeBytesMax }),
    dialers: () => [],
    log: (text) => expect.fail(text),
    ...more,
  });
  cleanUp.push(() => agent.leave("the test is over"));
  return { mesh, agent };
}

async function driver(mesh: Mesh) {
  const store = new LocalStore({ bytesMax: 2 ** 24 });
  const peer = await MeshPeer.join({
    transport: mesh.connect(DRIVER),
    hello: { token: "t", role: "driver", runtime: "node", name: "d", webrtc: false },
    clock: systemClock,
    store,
    dialers: () => [],
  });
  peer.start(() => {});
  cleanUp.push(() => peer.leave("the test is over"));
  return { peer, store };
}

function define(mesh: Mesh, source: string, more: Partial<Define> = {}): CallableId {
  const callable = `${DRIVER}.${source.length.toString(36)}` as CallableId;
  mesh.send({
    type: "define",
    callable,
    kind: "function",
    name: "f",
    source,
    demands: { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 },
    retriesMax: 0,
    priority: 0,
    ...more,
  });
  return callable;
}

function run(
  mesh: Mesh,
  callable: CallableId,
  args: unknown[] | Uint8Array<ArrayBuffer>,
  dependencies: ObjectState[] = [],
) {
  const task = `${DRIVER}.t` as TaskId;
  mesh.send({
    type: "run",
    task,
    attempt: 0,
    callable,
    args: args instanceof Uint8Array ? args : encode(args),
    dependencies,
  });
  return task;
}

test("a task that came before an executor was ready is shown once it runs", async () => {
  const clock = new ManualClock();
  let boot: () => void = () => expect.fail("no executor was spawned");
  const booting = new Promise<void>((resolve) => {
    boot = resolve;
  });
  const slow: ExecutorSpawner = {
    spawn: (listener) =>
      spawner.spawn({ ...listener, onReady: () => void booting.then(() => listener.onReady()) }),
  };
  const shown: (readonly string[])[] = [];
  const { mesh, agent } = await joined({
    clock,
    spawner: slow,
    onChange: () => shown.push(agent.snapshot().current),
  });
  run(mesh, define(mesh, "() => new Promise(() => {})"), []);
  await quiet();
  clock.advance(1_000);
  expect(shown.at(-1)).toEqual([]);

  boot();
  await quiet();
  clock.advance(1_000);
  expect(shown.at(-1)).toEqual(["f"]);
});

test("a task runs and its small result rides along", async () => {
  const { mesh, agent } = await joined();
  const task = run(mesh, define(mesh, "(x) => x * x"), [7]);
  const done = await mesh.hears("task-done", { task, attempt: 0 });
  expect(decode(done.inline!)).toBe(49);
  expect(agent.snapshot()).toMatchObject({ tasksDone: 1, tasksRunning: 0, tasksFailed: 0 });
});

test("what the user's code throws is reported with its stack", async () => {
  const { mesh } = await joined();
  const source = `() => { throw new RangeError("too far") }`;
  run(mesh, define(mesh, source), []);
  const { error } = await mesh.hears("task-failed");
  expect(error).toMatchObject({ code: "TASK_FAILED", cause: { name: "RangeError" } });
});

test("a big result stays here, others fetch it, and it goes when it is freed", async () => {
  const { mesh, agent } = await joined();
  const task = run(mesh, define(mesh, "(n) => new Uint8Array(n).fill(5)"), [MANY]);
  const { inline, sizeBytes } = await mesh.hears("task-done");
  expect(inline).toBeUndefined();
  const { peer } = await driver(mesh);
  const object = task as string as ObjectId;
  const place = { sizeBytes, locations: [WORKER] };
  const bytes = await peer.exchange.fetch(object, place, {
    allocate: (size) => new Uint8Array(size),
  });
  expect(decode(bytes)).toEqual(new Uint8Array(MANY).fill(5));
  mesh.send({ type: "free-objects", objects: [object] });
  run(mesh, define(mesh, "() => 'later'"), []);
  await mesh.hears("task-done", { sizeBytes: encode("later").length });
  expect(agent.snapshot().storedBytes).toBe(0);
});

test("a result that does not fit into the store fails the task, and says so", async () => {
  const { mesh } = await joined({ storeBytesMax: 1_000 });
  run(mesh, define(mesh, "(n) => new Uint8Array(n)"), [MANY]);
  const { error } = await mesh.hears("task-failed");
  expect(error.code).toBe("OBJECT_TOO_LARGE");
});

const wire: RefCodec = {
  toWire: (value) =>
    "ref" in value ? { kind: "object", object: value.ref as ObjectId } : undefined,
  fromWire: () => undefined,
};

/** An object in the driver's store, and the arguments of a task that takes a ref to it. */
async function argument(mesh: Mesh, value: unknown) {
  const { store, peer } = await driver(mesh);
  const object = `${DRIVER}.big` as ObjectId;
  const bytes = encode(value);
  store.put(object, bytes);
  const args = encodeValue([{ ref: object }], wire).toBytes();
  return { object, peer, args, sizeBytes: bytes.byteLength };
}

test("an argument is fetched from the peer that has it, and the copy is reported", async () => {
  const { mesh, agent } = await joined();
  const { object, sizeBytes, args } = await argument(mesh, new Uint8Array(MANY).fill(3));
  const callable = define(mesh, "(array) => array[MANY - 1]".replace("MANY", String(MANY)));
  run(mesh, callable, args, [{ object, sizeBytes, locations: [DRIVER] }]);
  await mesh.hears("copy-added", { object });
  expect(decode((await mesh.hears("task-done")).inline!)).toBe(3);
  expect(agent.snapshot().storedBytes).toBe(sizeBytes);
  expect(agent.snapshot().links).toMatchObject([{ peer: DRIVER, path: "relay" }]);
});

test("an argument that failed fails the task with that very error", async () => {
  const { mesh } = await joined();
  const error = { code: "TASK_FAILED", message: "made by another" } as const;
  run(mesh, define(mesh, "() => 1"), [], [{ object: "d.1" as ObjectId, error }]);
  expect((await mesh.hears("task-failed")).error).toEqual(error);
});

test("when no named place delivers its argument, a task is given back and can come again", async () => {
  const { mesh } = await joined();
  const { object, sizeBytes, args } = await argument(mesh, new Uint8Array(MANY));
  const callable = define(mesh, "(array) => array.length");
  const task = run(mesh, callable, args, [{ object, sizeBytes, locations: [] }]);
  const { error } = await mesh.hears("task-returned", { task, attempt: 0 });
  expect(error.code).toBe("OBJECT_LOST");
  const locations = [DRIVER];
  const dependencies = [{ object, sizeBytes, locations }];
  mesh.send({ type: "run", task, attempt: 1, callable, args, dependencies });
  expect(decode((await mesh.hears("task-done", { task, attempt: 1 })).inline!)).toBe(MANY);
});

test("when no named place delivers, an actor's call waits and the coordinator is asked again", async () => {
  const { mesh, call, store } = await withActor();
  const object = `${DRIVER}.five` as ObjectId;
  store.put(object, encode(5));
  const sizeBytes = encode(5).byteLength;
  const answer = call("add", [], [object]);
  await mesh.hears("locate-object", { object });
  mesh.heard.length = 0;
  mesh.send({ type: "object-located", state: { object, sizeBytes, locations: [] } });
  await mesh.hears("locate-object", { object });
  mesh.send({ type: "object-located", state: { object, sizeBytes, locations: [DRIVER] } });
  expect((await answer).error).toBeUndefined();
});

/** A light actor that adds up, and a caller of it. */
async function withActor() {
  const all = await joined();
  const source =
    "class { n = 0; add(k) { return (this.n += k) } many(n) { return new Uint8Array(n) } }";
  const demands = { cpuMilli: 0, gpuMilli: 0, memoryBytes: 0 };
  const callable = define(all.mesh, source, { kind: "actor-class", demands });
  const actor = run(all.mesh, callable, []) as string as ActorId;
  await all.mesh.hears("task-done");
  const { peer, store } = await driver(all.mesh);
  const caller = new ActorCaller({
    links: peer.links,
    clock: systemClock,
    locate: (_, after) =>
      after < 0
        ? Promise.resolve({ worker: WORKER, life: 0 })
        : Promise.reject(new MeshError("ACTOR_DIED", "it has ended")),
  });
  let calls = 0;
  const call = (method: string, args: unknown[], dependencies: ObjectId[] = []) => {
    const result = `${DRIVER}.c${calls++}` as ObjectId;
    return caller.call({ actor, result, method, args: encode(args), dependencies });
  };
  return { ...all, actor, call, store };
}

test("an actor is created, keeps its state between calls and ends when told to", async () => {
  const { mesh, agent, actor, call } = await withActor();
  const answers = await Promise.all([1, 2, 3].map((k) => call("add", [k])));
  expect(answers.map(({ inline }) => decode(inline!))).toEqual([1, 3, 6]);
  expect(agent.snapshot().actors).toBe(1);
  mesh.send({ type: "stop-actor", actor });
  expect((await mesh.hears("actor-ended", { actor })).error.code).toBe("ACTOR_DIED");
  await expect(call("add", [1])).rejects.toMatchObject({ code: "ACTOR_DIED" });
});

test("a big answer of an actor stays here, held by its caller", async () => {
  const { mesh, call } = await withActor();
  const answer = await call("many", [MANY]);
  expect(answer.inline).toBeUndefined();
  const put = await mesh.hears("put-object", { holder: DRIVER });
  expect(put.sizeBytes).toBe(answer.sizeBytes);
});

test("a call that waits for its argument holds back the caller's next call", async () => {
  const { mesh, call } = await withActor();
  const object = `${DRIVER}.z` as ObjectId;
  const order: string[] = [];
  const first = call("add", [1], [object]).then(() => order.push("first"));
  const second = call("add", [1]).then(() => order.push("second"));
  await mesh.hears("locate-object", { object });
  mesh.send({ type: "object-located", state: { object, inline: encode(1) } });
  await Promise.all([first, second]);
  expect(order).toEqual(["first", "second"]);
});

test("what user code holds is told before the outcome that it came with", async () => {
  const { mesh } = await joined();
  const object = `${DRIVER}.held` as ObjectId;
  const args = encodeValue([[{ ref: object }]], wire).toBytes();
  run(mesh, define(mesh, "([ref]) => { globalThis.kept = ref; return 1 }"), args);
  await mesh.hears("release");
  const types = mesh.heard.map(({ type }) => type).filter((type) => type !== "heartbeat");
  // The task is over, and so is what it kept.
  expect(types).toEqual(["hold", "task-done", "release"]);
});

test("user code gets the value behind a ref that it was given inside another value", async () => {
  const { mesh } = await joined();
  const { object, sizeBytes, peer } = await argument(mesh, new Uint8Array(MANY).fill(9));
  const args = encodeValue([[{ ref: object }]], wire).toBytes();
  run(mesh, define(mesh, "async ([ref]) => (await ref.get())[5]"), args);
  await mesh.hears("locate-object", { object });
  mesh.send({ type: "object-located", state: { object, sizeBytes, locations: [peer.self] } });
  expect(decode((await mesh.hears("task-done")).inline!)).toBe(9);
});

test("copies give way to newer ones when the store is full, and the mesh is told", async () => {
  const { mesh } = await joined({ storeBytesMax: 150_000 });
  const { object, sizeBytes, args } = await argument(mesh, new Uint8Array(MANY));
  const callable = define(mesh, "() => new Uint8Array(100000)");
  run(mesh, callable, args, [{ object, sizeBytes, locations: [DRIVER] }]);
  await mesh.hears("copy-lost", { object });
  await mesh.hears("task-done");
});

test("arguments that fit into the store one after the other are fetched so", async () => {
  const { mesh } = await joined({ storeBytesMax: 150_000 });
  const { store } = await driver(mesh);
  const states = [1, 2].map((fill) => {
    const object = `${DRIVER}.a${fill}` as ObjectId;
    const bytes = encode(new Uint8Array(MANY).fill(fill));
    store.put(object, bytes);
    return { object, sizeBytes: bytes.byteLength, locations: [DRIVER] };
  });
  const refsTo = states.map(({ object }) => ({ ref: object }));
  const callable = define(mesh, "(a, b) => a[0] + 10 * b[0]");
  run(mesh, callable, encodeValue(refsTo, wire).toBytes(), states);
  await mesh.hears("copy-lost", { object: states[0]!.object });
  expect(decode((await mesh.hears("task-done")).inline!)).toBe(21);
});

test("heartbeats name the tasks that are here", async () => {
  const { mesh } = await joined();
  const object = "d.never" as ObjectId;
  const task = run(mesh, define(mesh, "() => 1"), [], [{ object }]);
  await mesh.hears("locate-object", { object });
  mesh.heard.length = 0;
  expect((await mesh.hears("heartbeat")).tasks).toEqual([[task, 0]]);
});

test("when the coordinator is lost, the agent ends with the reason", async () => {
  const { mesh, agent } = await joined();
  mesh.cut(WORKER);
  expect((await agent.ended).code).toBe("DISCONNECTED");
});
