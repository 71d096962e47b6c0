import { createSocket } from "node:dgram";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type Page, test } from "playwright/test";
import { build, type Rolldown } from "vite";
import { buildCage } from "../client/browser-worker/cage/build.ts";
import type { CagePage } from "./cage-page.ts";
import { hostileTask } from "./hostile-task.ts";

/** The cage in a real Chromium, served by the smallest server that does it. */

declare global {
  interface Window {
    cagePage: CagePage;
    pwned?: unknown;
  }
}

let folder: string;
let served: { readonly url: string; readonly paths: string[]; close(): void };

test.beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "manta-cage-"));
  await buildCage(folder);
  served = await serve(folder, await bundleCagePage());
});
test.afterAll(async () => {
  served.close();
  await rm(folder, { recursive: true });
});
test.beforeEach(async ({ page }) => {
  await page.goto(served.url);
  await page.waitForFunction(() => "cagePage" in window);
  await page.evaluate(() => window.cagePage.open());
});

const run = (page: Page, source: string, ...args: unknown[]) =>
  page.evaluate(([code, list]) => window.cagePage.run(code, list), [source, args] as const);

test("a task runs in the cage and answers; what it throws has its own frames", async ({ page }) => {
  expect(await run(page, "(a, b) => new Map([[a, b]]).get(a) * 2", "x", 21)).toEqual({ value: 42 });
  const { error } = await run(page, "function bad() { throw new RangeError('no') }");
  expect(error?.message).toBe('task "f" threw RangeError: no');
  expect(error?.cause?.stack).toMatch(/^RangeError: no\n\s+at bad \(manta:f:1:24\)$/);
});

test("a hostile task reaches neither network, storage, peers nor the page", async ({ page }) => {
  const trap = await setTrap();
  const before = served.paths.length;
  await page.evaluate(() => window.cagePage.listen("leak"));
  const { value, error } = await run(page, String(hostileTask), {
    origin: served.url,
    trap: `127.0.0.1:${trap.port}`,
  });
  expect(error).toBeUndefined();
  const results = value as Record<string, string>;
  const allowed = Object.entries(results).filter(([, what]) => !what.startsWith("blocked"));
  expect(allowed).toEqual([]);
  expect(Object.keys(results).length).toBeGreaterThan(30);
  expect(await page.evaluate(() => window.cagePage.heard)).toEqual([]);
  expect(await page.evaluate(() => window.pwned)).toBeUndefined();
  expect(served.paths.slice(before)).toEqual([]);
  expect(trap.contacts).toEqual([]);
  trap.close();
});

test("outside the cage the same task gets through: the trap does count", async ({ page }) => {
  const trap = await setTrap();
  await page.goto(`${served.url}open`);
  const targets = { origin: served.url, trap: `127.0.0.1:${trap.port}` };
  const results = await page.evaluate(hostileTask, targets);
  expect(Object.values(results).filter((what) => what.startsWith("GOT")).length).toBeGreaterThan(5);
  expect(served.paths).toContain("/leak");
  expect(trap.contacts.length).toBeGreaterThan(5);
  trap.close();
});

test("a task that takes the executor's port runs nothing in the page", async ({ page }) => {
  const takePort = `async (box) => {
    let port;
    const { postMessage } = MessagePort.prototype;
    MessagePort.prototype.postMessage = function (...args) { port = this; return postMessage.apply(this, args); };
    await box.in.get();
    MessagePort.prototype.postMessage = postMessage;
    const construct = { id: "1", type: "CONSTRUCT", path: ["constructor", "constructor"], argumentList: [{ type: "RAW", value: "globalThis.pwned = 1" }] };
    const answer = new Promise((resolve) => port.addEventListener("message", ({ data }) => resolve(data)));
    port.postMessage(construct);
    port.postMessage({ ...construct, type: "APPLY" });
    return Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300, "no answer"))]);
  }`;
  expect(await run(page, takePort, { in: { ref: "d.1" } })).toEqual({ value: "no answer" });
  expect(await page.evaluate(() => window.pwned)).toBeUndefined();
});

test("a malformed message from inside ends that executor only", async ({ page }) => {
  const forge = `async (box) => {
    const { postMessage } = MessagePort.prototype;
    MessagePort.prototype.postMessage = function (message, ...rest) {
      return postMessage.call(this, { ...message, object: 7 }, ...rest);
    };
    await box.in.get();
  }`;
  const other = page.evaluate(() => window.cagePage.runElsewhere("() => 'fine'"));
  const { ended } = await run(page, forge, { in: { ref: "d.1" } });
  expect(ended).toContain("it sent a malformed message: fetch");
  expect(await other).toEqual({ value: "fine" });
});

test("an endless loop is stopped while its neighbour goes on", async ({ page }) => {
  const endless = page.evaluate(() => window.cagePage.run("() => { for (;;); }", []));
  await page.evaluate(() => window.cagePage.runElsewhere("() => 1"));
  await page.evaluate(() => window.cagePage.stop());
  expect(await endless).toEqual({ ended: "it was stopped" });
  expect(await run(page, "() => 2")).toEqual({ value: 2 });
});

test("an error left in a timer fails its task; one of the executor's own ends it", async ({
  page,
}) => {
  const left =
    "() => { setTimeout(() => { throw new Error('boom') }); return new Promise(() => {}) }";
  expect((await run(page, left)).error?.message).toContain("left uncaught Error: boom");
  const stack = "Error\\n    at step (https://mesh.example.org/executor.js:1:1)";
  const broken = `() => {
    setTimeout(() => { throw Object.assign(new Error("boom"), { stack: "${stack}" }) });
    return new Promise(() => {});
  }`;
  expect((await run(page, broken)).ended).toMatch(/it crashed: .*(boom|error)/i);
  const closing = await run(page, "() => self.close()");
  expect(closing.error?.message).toContain("ended by its worker");
});

test("a data set is sent to an executor once, and again after it was dropped", async ({ page }) => {
  const sum = "(data) => data.reduce((a, b) => a + b, 0)";
  const sent = await page.evaluate(async (code) => {
    const first = await window.cagePage.runWithData(code, ["d.1"]);
    const second = await window.cagePage.runWithData(code, ["d.1"]);
    const beforeDrop = window.cagePage.stored.length;
    // Each has 4 MB, and the executor may keep 10.
    for (const other of ["d.2", "d.3", "d.4"]) await window.cagePage.runWithData(code, [other]);
    const third = await window.cagePage.runWithData(code, ["d.1"]);
    return { values: [first, second, third], beforeDrop, stored: window.cagePage.stored };
  }, sum);
  expect(sent.values).toEqual([{ value: 1e6 }, { value: 1e6 }, { value: 1e6 }]);
  expect(sent.beforeDrop).toBe(1);
  expect(sent.stored).toEqual(["d.1", "d.2", "d.3", "d.4", "d.1"]);
});

test("closing the cage ends executors and nested workers", async ({ page }) => {
  const nest = `() => {
    const worker = new Worker("data:text/javascript,postMessage(1);for(;;);");
    return new Promise((resolve) => (worker.onmessage = () => resolve("nested runs")));
  }`;
  expect(await run(page, nest)).toEqual({ value: "nested runs" });
  const waiting = page.evaluate(() => window.cagePage.run("() => new Promise(() => {})", []));
  await page.evaluate(() => window.cagePage.close());
  expect(await waiting).toEqual({ ended: "its cage was closed" });
  await expect.poll(() => page.workers().length).toBe(0);
  expect(await page.locator("iframe").count()).toBe(0);
});

test("opened by itself the cage's document has no origin", async ({ page }) => {
  const response = await page.goto(`${served.url}cage.html`);
  expect(response?.headers()["content-security-policy"]).toContain("sandbox allow-scripts");
  expect(await page.evaluate(() => self.origin)).toBe("null");
});

test("a compute shader runs in the cage", async ({ page }) => {
  const shader = `async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter.requestDevice();
    const usage = GPUBufferUsage;
    const data = device.createBuffer({ size: 256, usage: usage.STORAGE | usage.COPY_SRC });
    const out = device.createBuffer({ size: 256, usage: usage.MAP_READ | usage.COPY_DST });
    const module = device.createShaderModule({ code: \`
      @group(0) @binding(0) var<storage, read_write> x: array<f32>;
      @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) i: vec3u) {
        x[i.x] = f32(i.x) * 2.0;
      }\` });
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
    const layout = pipeline.getBindGroupLayout(0);
    const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: data } }] });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(data, 0, out, 0, 256);
    device.queue.submit([encoder.finish()]);
    await out.mapAsync(GPUMapMode.READ);
    return Array.from(new Float32Array(out.getMappedRange()).slice(60));
  }`;
  expect(await run(page, shader)).toEqual({ value: [120, 122, 124, 126] });
});

test("without leave to use the graphics processor, code has no way to it", async ({ page }) => {
  await page.evaluate(() => window.cagePage.open({ gpu: false }));
  const ways = `async () => {
    const tf = await __manta_import("@tensorflow/tfjs");
    const usesGpu = await tf.setBackend("webgpu").catch(() => false);
    const names = ["Worker", "OffscreenCanvas", "SharedWorker"].filter((name) => name in self);
    for (const name of ["gpu", "ml"]) if (name in navigator) names.push(name);
    return { names, gpu: navigator.gpu, usesGpu };
  }`;
  expect(await run(page, ways)).toEqual({ value: { names: [], gpu: undefined, usesGpu: false } });
  const reports = await page.evaluate(() => window.cagePage.backends);
  expect(reports[0]?.measured.map(({ name }) => name)).toEqual(["wasm", "cpu"]);
});

test("a cage that crashes says so to its page", async ({ page }) => {
  await page.evaluate(() => window.cagePage.open({ askEveryMs: 100 }));
  const waiting = page.evaluate(() => window.cagePage.run("() => new Promise(() => {})", []));
  await page.evaluate(() => [...document.querySelectorAll("iframe")].at(-1)!.remove());
  expect(await page.evaluate(() => window.cagePage.ended())).toBe("its cage crashed");
  expect(await waiting).toEqual({ ended: "its cage crashed" });
});

test("tfjs measures its backends in the cage and trains, on webgpu too", async ({ page }) => {
  const train = `async (backend) => {
    const tf = await __manta_import("@tensorflow/tfjs");
    const chosen = tf.getBackend();
    if (backend) await tf.setBackend(backend);
    const x = tf.randomNormal([64, 8], 0, 1, "float32", 1);
    const y = tf.matMul(x, tf.ones([8, 1]));
    const w = tf.variable(tf.zeros([8, 1]));
    const optimizer = tf.train.sgd(0.1);
    const losses = [];
    for (let i = 0; i < 10; i++) {
      const loss = optimizer.minimize(() => tf.matMul(x, w).sub(y).square().mean(), true);
      losses.push((await loss.data())[0]);
    }
    return { chosen, used: tf.getBackend(), first: losses[0], last: losses[9] };
  }`;
  interface Trained {
    readonly chosen: string;
    readonly used: string;
    readonly first: number;
    readonly last: number;
  }
  const { value, error } = (await run(page, train)) as { value: Trained; error?: unknown };
  expect(error).toBeUndefined();
  expect(value.last).toBeLessThan(value.first / 4);
  const reports = await page.evaluate(() => window.cagePage.backends);
  expect(reports).toHaveLength(1);
  expect(reports[0]?.chosen).toBe(value.chosen);
  const works = reports[0]?.measured.filter(({ ms }) => ms !== undefined).map(({ name }) => name);
  expect(works).toEqual(["webgpu", "wasm", "cpu"]);
  const onGpu = (await run(page, train, "webgpu")) as { value: Trained };
  expect(onGpu.value.used).toBe("webgpu");
  expect(onGpu.value.last).toBeLessThan(onGpu.value.first / 4);
});

/** Listens for anything at all on one TCP and UDP port. */
async function setTrap() {
  const contacts: string[] = [];
  const tcp = createTcpServer((socket) => {
    contacts.push("tcp");
    socket.destroy();
  });
  await new Promise<void>((resolve) => tcp.listen(0, "127.0.0.1", resolve));
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket("udp4", () => contacts.push("udp"));
  await new Promise<void>((resolve) => udp.bind(port, "127.0.0.1", resolve));
  return {
    port,
    contacts,
    close() {
      tcp.close();
      udp.close();
    },
  };
}

const TYPES: Record<string, string> = { ".js": "text/javascript", ".wasm": "application/wasm" };

async function serve(root: string, pageScript: string) {
  const paths: string[] = [];
  const cageHeaders = JSON.parse(await readFile(join(root, "headers.json"), "utf8")) as object;
  const answer = async (pathname: string, response: ServerResponse) => {
    if (pathname === "/") {
      response.setHeader("Content-Type", "text/html");
      response.setHeader("Content-Security-Policy", "default-src 'self'");
      return response.end('<!doctype html><body><script type="module" src="/page.js"></script>');
    }
    if (pathname === "/open") {
      return response.setHeader("Content-Type", "text/html").end("<!doctype html><body>");
    }
    if (pathname === "/page.js") {
      return response.setHeader("Content-Type", "text/javascript").end(pageScript);
    }
    const content = await readFile(join(root, pathname)).catch(() => undefined);
    if (!content) return response.writeHead(404).end();
    const headers = pathname === "/cage.html" ? cageHeaders : {};
    const type = { "Content-Type": TYPES[extname(pathname)] ?? "text/plain" };
    return response.writeHead(200, { ...type, ...headers }).end(content);
  };
  const server = createHttpServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://cage.test");
    paths.push(pathname);
    void answer(pathname, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, paths, close: () => void server.close() };
}

async function bundleCagePage(): Promise<string> {
  const results = (await build({
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      minify: false,
      target: "es2022",
      lib: { entry: fileURLToPath(new URL("./cage-page.ts", import.meta.url)), formats: ["es"] },
    },
  })) as Rolldown.RolldownOutput[];
  const chunk = results[0]?.output[0];
  if (chunk?.type !== "chunk") throw new Error("the page has no script");
  return chunk.code;
}
