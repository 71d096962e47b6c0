import { expect } from "playwright/test";
import type { Mesh, ObjectRef } from "manta";
import { linkBetween, peerNamed, test, type Tab } from "./support/mesh-test.ts";
import { Diary, doubleOnGpu, fitLine, never, ones, sum } from "./support/tasks.ts";
import {
  blockDirectPaths,
  connectionStats,
  expectDirect,
  recordConnections,
  removeWebRtc,
} from "./support/webrtc.ts";

/** Tabs of a real Chromium as workers of a real mesh, beside a Node worker. */

const COUNT = 1_000_000;
const BYTES = COUNT * 4;
const AT_ONCE = { timeout: 5_000 };
const inBrowser = { labels: { runtime: "browser" } };
const onNode = { labels: { runtime: "node" } };
const onTab = ({ name }: Tab) => ({ labels: { runtime: "browser", name } });

test("a tab runs a compute shader of a task", async ({ mesh, tabs }) => {
  await tabs.contribute("shader");
  const numbers = Float32Array.from({ length: 1_000 }, (_, i) => i);
  const double = mesh.remote(doubleOnGpu, { ...inBrowser, gpus: 1 });
  expect(await mesh.get(double(numbers))).toEqual(numbers.map((x) => 2 * x));
});

test("a tab trains with TensorFlow.js on WebGPU", async ({ mesh, tabs }) => {
  const { page } = await tabs.contribute("trainer");
  const fit = mesh.remote(fitLine, { ...inBrowser, gpus: 1 });
  const { backend, slope, offset, lossFell } = await mesh.get(fit("webgpu"));
  expect({ backend, lossFell }).toEqual({ backend: "webgpu", lossFell: true });
  expect(slope).toBeCloseTo(2, 1);
  expect(offset).toBeCloseTo(1, 1);
  await expect(page.locator("#device")).toContainText(/Tensors(webgpu|wasm|cpu) \(/);
});

test("an error that a task leaves in a tab's timer fails the task, and the tab goes on", async ({
  mesh,
  tabs,
}) => {
  const tab = await tabs.contribute("careless");
  const careless = mesh.remote(async function careless() {
    setTimeout(() => {
      throw new RangeError("later");
    }, 1);
    await new Promise(() => {});
  }, onTab(tab));
  await expect(mesh.get(careless())).rejects.toMatchObject({
    code: "TASK_FAILED",
    cause: { name: "RangeError", message: "later", stack: expect.stringContaining("careless") },
  });
  expect(await mesh.get(mesh.remote(() => 1, onTab(tab))())).toBe(1);
});

test("an object goes from tab to tab over WebRTC", async ({ mesh, tabs }) => {
  const maker = await tabs.contribute("maker", { before: recordConnections });
  const taker = await tabs.contribute("taker", { before: recordConnections });
  const made = mesh.remote(ones, onTab(maker))(COUNT);
  expect(await mesh.get(mesh.remote(sum, onTab(taker))(made))).toBe(COUNT);

  await expectDirect(maker.page, { sentBytes: BYTES });
  await expectDirect(taker.page, { receivedBytes: BYTES });
  expect((await linkBetween(mesh, ["taker", "maker"], BYTES)).path).toBe("webrtc");
  const path = taker.page.getByTestId("paths").getByRole("listitem");
  await expect(path).toContainText(["direct"]);
  await expect(path).toContainText(["peer to peer over WebRTC"]);
});

test("objects go between a tab and a Node worker over WebRTC", async ({ mesh, tabs }) => {
  const tab = await tabs.contribute("exchanger", { before: recordConnections });
  const fromTab = mesh.remote(ones, onTab(tab))(COUNT);
  expect(await mesh.get(mesh.remote(sum, onNode)(fromTab))).toBe(COUNT);
  const fromNode = mesh.remote(ones, onNode)(COUNT);
  expect(await mesh.get(mesh.remote(sum, onTab(tab))(fromNode))).toBe(COUNT);

  await expectDirect(tab.page, { sentBytes: BYTES, receivedBytes: BYTES });
  expect((await linkBetween(mesh, ["node-1", "exchanger"], BYTES)).path).toBe("webrtc");
});

test("a tab that is asked to do without WebRTC is served by the relay", async ({ mesh, tabs }) => {
  const tab = await tabs.contribute("asked", {
    wishes: { webrtc: "0" },
    before: recordConnections,
  });
  await expectRelayed(mesh, tab, new RegExp(`${await idOf(mesh, tab)} cannot use WebRTC`));
  expect(await connectionStats(tab.page)).toEqual([]);
});

test("a tab in a browser without WebRTC is served by the relay", async ({ mesh, tabs }) => {
  const tab = await tabs.contribute("without", { before: removeWebRtc });
  await expectRelayed(mesh, tab, new RegExp(`${await idOf(mesh, tab)} cannot use WebRTC`));
});

test("where the network lets no direct packets through, the relay serves, and says so", async ({
  mesh,
  tabs,
}) => {
  const tab = await tabs.contribute("blocked", { before: blockDirectPaths });
  // ICE goes on for ten seconds; nobody waits for it.
  await expectRelayed(mesh, tab, /webrtc: (not open after 1500 ms|no WebRTC connection)/);
});

/** Objects go both ways between the tab and the Node worker, and the relay says that it was it. */
async function expectRelayed(mesh: Mesh, tab: Tab, reason: RegExp): Promise<void> {
  const fromNode = mesh.remote(ones, onNode)(COUNT);
  expect(await mesh.get(mesh.remote(sum, onTab(tab))(fromNode))).toBe(COUNT);
  const fromTab = mesh.remote(ones, onTab(tab))(COUNT);
  expect(await mesh.get(mesh.remote(sum, onNode)(fromTab))).toBe(COUNT);
  const link = await linkBetween(mesh, ["node-1", tab.name], BYTES);
  expect(link.path).toBe("relay");
  expect(link.sentBytes).toBeGreaterThanOrEqual(BYTES);
  expect(link.reason).toMatch(reason);
  await expect(tab.page.getByTestId("paths")).toContainText("relayed");
  await expect(tab.page.getByTestId("paths")).toContainText(reason);
  const { relayedBytes } = await mesh.summary();
  expect(relayedBytes).toBeGreaterThanOrEqual(BYTES);
}

const idOf = async (mesh: Mesh, { name }: Tab) => (await peerNamed(mesh, name)).peer;

interface Departure {
  readonly how: string;
  leave(tab: Tab): Promise<unknown>;
  /** What the mesh says of why the task was moved. */
  readonly why: RegExp;
}

const departures: readonly Departure[] = [
  {
    how: "closed",
    leave: ({ page }) => page.close(),
    why: /goodbye \(its tab was closed\)/,
  },
  {
    how: "led to another page",
    leave: ({ page }) => page.goto("about:blank"),
    why: /goodbye \(its tab was closed\)/,
  },
  {
    how: "stopped by its owner",
    leave: ({ page }) => page.getByTestId("stop").click(),
    why: /first left: it leaves \(its owner stopped it\)/,
  },
  {
    how: "crashed",
    leave: ({ page }) => page.goto("chrome://crash").catch(() => undefined),
    why: /first left: WebSocket closed/,
  },
];

for (const { how, leave, why } of departures) {
  test(`a tab is ${how} in the middle of a task: it ends elsewhere, at once`, async ({
    mesh,
    tabs,
  }) => {
    const first = await tabs.contribute("first");
    // The value that the task waits for is made when the Node worker has nothing else to do.
    const blocker = mesh.remote(never, onNode)();
    const gate = mesh.remote(() => "opened", onNode)();
    const wait = mesh.remote(
      async function waitForGate(box: { gate: ObjectRef<string> }) {
        return await box.gate.get();
      },
      { ...inBrowser, retriesMax: 1 },
    );
    const result = wait({ gate });
    await expect(first.page.getByTestId("current")).toHaveText("waitForGate");
    const second = await tabs.contribute("second");

    await leave(first);
    // A tab that only falls silent is given up after more than a minute.
    await expect(second.page.getByTestId("current")).toHaveText("waitForGate", AT_ONCE);
    expect(JSON.stringify((await mesh.explain(result)).story)).toMatch(why);
    await mesh.cancel(blocker);
    expect(await mesh.get(result)).toBe("opened");
  });
}

test("a tab that can run nothing any more leaves the mesh, and says what to do", async ({
  mesh,
  tabs,
}) => {
  const { page, name } = await tabs.contribute("crashed");
  await page.evaluate(() => document.querySelector("iframe")!.remove());
  await expect(page.getByRole("main")).toHaveAttribute("data-phase", "failed", { timeout: 30_000 });
  await expect(page.locator("#detail")).toContainText("Press Start again");
  expect((await mesh.peers()).map((peer) => peer.name)).not.toContain(name);
});

test("an actor in a tab answers a Node driver and a page driver, each in order", async ({
  started: { tokens },
  mesh,
  tabs,
}) => {
  const tab = await tabs.contribute("home");
  const diary = mesh.actor(Diary, onTab(tab)).create();
  const entries = Array.from({ length: 200 }, (_, i) => `node ${i}`);
  const lengths = entries.map((entry) => diary.write(entry));
  const read = diary.read();
  expect(await mesh.get(lengths)).toEqual(entries.map((_, i) => i + 1));
  expect(await mesh.get(read)).toEqual(entries);
  expect((await peerNamed(mesh, "home")).actors).toBe(1);

  const driver = await tabs.open(`/console#token=${tokens.submit}`);
  const fromPage = await driver.evaluate(async (labels) => {
    const { connect } = (await import(`${location.origin}/manta.js`)) as {
      connect: () => Promise<Mesh>;
    };
    const pageMesh = await connect();
    class PageDiary {
      readonly entries: string[] = [];

      write(entry: string): number {
        return this.entries.push(entry);
      }

      read(): readonly string[] {
        return this.entries;
      }
    }
    const actor = pageMesh.actor(PageDiary, { labels }).create();
    const refs = Array.from({ length: 200 }, (_, i) => actor.write(`page ${i}`));
    const all = actor.read();
    const written = { lengths: await pageMesh.get(refs), all: await pageMesh.get(all) };
    await pageMesh.close();
    return written;
  }, onTab(tab).labels);
  expect(fromPage.lengths).toEqual(entries.map((_, i) => i + 1));
  expect(fromPage.all).toEqual(entries.map((_, i) => `page ${i}`));
  expect(await mesh.get(diary.read())).toEqual(entries);
  mesh.kill(diary);
});
