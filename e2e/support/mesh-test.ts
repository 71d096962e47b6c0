import {
  expect,
  test as base,
  type Browser,
  type BrowserContext,
  type Page,
} from "playwright/test";
import { connect, startMesh, type Mesh, type StartedMesh } from "manta";
import { meshIsEmpty } from "./empty-mesh.ts";

import { relayConnections } from "./relayed-page.ts";
import type { UdpRelay } from "./udp-relay.ts";

type PeerSummary = Awaited<ReturnType<Mesh["peers"]>>[number];

/** Counters come with heartbeats, one in five seconds. */
const COUNTERS_MS_MAX = 15_000;

export interface TabOptions {
  /** More of the contribute page's address, such as `{ webrtc: "0" }`. */
  readonly wishes?: Readonly<Record<string, string>>;
  /** Runs in the page before its own scripts. */
  readonly before?: () => void;
  /** The network that its WebRTC goes through. The browser must show addresses. */
  readonly relay?: UdpRelay;
}

/** A browser tab that contributes to the mesh. */
export interface Tab {
  readonly page: Page;
  readonly name: string;
}

/** The tabs of one test, each as separate as those of different people. */
export class Tabs {
  readonly #browser: Browser;
  readonly #started: StartedMesh;
  readonly #contexts: BrowserContext[] = [];
  readonly #errors: string[] = [];

  constructor(browser: Browser, started: StartedMesh) {
    this.#browser = browser;
    this.#started = started;
  }

  /** Open a page of the coordinator, such as `/console#token=...`. */
  async open(address: string, before?: () => void, relay?: UdpRelay): Promise<Page> {
    const context = await this.#browser.newContext();
    this.#contexts.push(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.#errors.push(error.stack ?? error.message));
    if (before) await page.addInitScript(before);
    if (relay) await relayConnections(page, relay);
    await page.goto(`${this.#started.url}${address}`);
    return page;
  }

  /** Open the contribute page as the link says, and wait until it is a worker of the mesh. */
  async contribute(name: string, { wishes, before, relay }: TabOptions = {}): Promise<Tab> {
    const query = new URLSearchParams({ start: "1", name, ...wishes });
    const token = this.#started.tokens.contribute;
    const page = await this.open(`/contribute?${query}#token=${token}`, before, relay);
    await expect(page.getByRole("main")).toHaveAttribute("data-phase", "working");
    return { page, name };
  }

  /** Close them all, and wait until the mesh is as it was. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
    const { mesh, workerPids } = this.#started;
    await expect
      .poll(async () => (await mesh.summary()).workers, { intervals: [50] })
      .toBe(workerPids.length);
    expect(this.#errors).toEqual([]);
  }
}

interface TestFixtures {
  /** A driver of the test's own: what it leaves behind goes with it. */
  readonly mesh: Mesh;
  readonly tabs: Tabs;
}

interface WorkerFixtures {
  /** A coordinator and a Node worker, for many tests. */
  readonly started: StartedMesh;
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
  started: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads what a fixture needs from it
    async ({}, use) => {
      const started = await startMesh({ workers: 1, cpus: 1 });
      await use(started);
      await started.mesh.close();
    },
    { scope: "worker" },
  ],
  mesh: async ({ started }, use) => {
    const { url, tokens } = started;
    const mesh = await connect(url, { token: tokens.submit, name: "test" });
    // That a worker is missing is no news: tabs come later.
    mesh.onWarning = () => {};
    await use(mesh);
    await mesh.close();
    await meshIsEmpty(started);
  },
  tabs: async ({ browser, started }, use) => {
    const tabs = new Tabs(browser, started);
    await use(tabs);
    await tabs.closeAll();
  },
});

/** The one peer of this name. */
export async function peerNamed(mesh: Mesh, name: string): Promise<PeerSummary> {
  const named = (await mesh.peers()).filter((peer) => peer.name === name);
  expect(named.map((peer) => peer.name)).toEqual([name]);
  return named[0]!;
}

/** What `from` says it moved from and to `to`, by one path, once it has received so many bytes. */
export async function linkBetween(
  mesh: Mesh,
  [from, to]: readonly [from: string, to: string],
  receivedBytes: number,
): Promise<PeerSummary["links"][number]> {
  const { peer } = await peerNamed(mesh, to);
  const find = async () => (await peerNamed(mesh, from)).links.filter((link) => link.peer === peer);
  const received = async () => (await find()).reduce((sum, link) => sum + link.receivedBytes, 0);
  await expect
    .poll(received, { timeout: COUNTERS_MS_MAX, intervals: [100] })
    .toBeGreaterThanOrEqual(receivedBytes);
  const links = await find();
  expect(links).toHaveLength(1);
  return links[0]!;
}
