import { createSocket } from "node:dgram";
import { chromium, expect } from "playwright/test";
import { startMesh } from "manta";
import { chromiumArguments, findChromium } from "./setup/chromium.mjs";
import { linkBetween, Tabs, test } from "./support/mesh-test.ts";
import { ones, sum } from "./support/tasks.ts";
import { SHOW_ADDRESSES } from "./support/relayed-page.ts";
import { UdpRelay } from "./support/udp-relay.ts";
import { recordConnections } from "./support/webrtc.ts";

/** How tabs and Node workers find their ways to each other. */

const COUNT = 250_000;
/** What every STUN message has at byte 4. */
const STUN_COOKIE = 0x2112a442;

test("the mesh's STUN servers are told to every peer, and asked", async ({ browser }) => {
  const stun = createSocket("udp4");
  const asked = new Promise<void>((resolve) => {
    stun.on("message", (packet) => {
      if (packet.length >= 20 && packet.readUInt32BE(4) === STUN_COOKIE) resolve();
    });
  });
  await new Promise<void>((resolve) => stun.bind(0, "127.0.0.1", resolve));
  const server = `stun:127.0.0.1:${stun.address().port}`;
  const started = await startMesh({ workers: 1, cpus: 1, iceServers: [server] });
  const tabs = new Tabs(browser, started);
  const { mesh } = started;
  const { page } = await tabs.contribute("tab", { before: recordConnections });
  const made = mesh.remote(ones, { labels: { runtime: "browser" } })(COUNT);
  expect(await mesh.get(mesh.remote(sum, { labels: { runtime: "node" } })(made))).toBe(COUNT);

  await asked;
  const configured = await page.evaluate(() =>
    window
      // When it is loaded PeerJS makes one that it never uses.
      .rtcConnections!.filter(({ iceGatheringState }) => iceGatheringState !== "new")
      .map((connection) => connection.getConfiguration().iceServers),
  );
  expect(configured.length).toBeGreaterThan(0);
  for (const servers of configured) expect(servers).toMatchObject([{ urls: [server] }]);
  await tabs.closeAll();
  await mesh.close();
  stun.close();
});

/** Two tabs whose WebRTC goes through a network of its own, and what one says of the other. */
async function tabsAcross(roundTripMs: number) {
  const found = await findChromium({ install: false, log: () => {} });
  if ("missing" in found) throw new Error(found.missing);
  const relay = new UdpRelay({ roundTripMs });
  const browser = await chromium.launch({
    executablePath: found.path,
    headless: false,
    args: [...chromiumArguments({ webgpu: false }), SHOW_ADDRESSES],
  });
  const started = await startMesh({ workers: 1, cpus: 1 });
  const tabs = new Tabs(browser, started);
  for (const name of ["maker", "taker"]) {
    await tabs.contribute(name, { relay, before: recordConnections });
  }
  const { mesh } = started;
  /** One value from tab to tab. */
  const move = async (count: number) => {
    const of = (name: string) => ({ labels: { runtime: "browser", name } });
    using made = mesh.remote(ones, of("maker"))(count);
    return await mesh.get(mesh.remote(sum, of("taker"))(made));
  };
  const close = async () => {
    await tabs.closeAll();
    await browser.close();
    await mesh.close();
    await relay.close();
  };
  return { mesh, relay, move, close };
}

// That a near peer gets one connection is tested with a clock of the test's own (lanes.test.ts): on a
// busy machine an answer from nearby can take as long as one from afar.
test("what a tab sends to one far away is striped over four connections", async () => {
  const roundTripMs = 60;
  const { mesh, relay, move, close } = await tabsAcross(roundTripMs);
  const count = 2 ** 20;
  expect(await move(count)).toBe(count);
  expect(relay.packets).toBeGreaterThan(1_000);
  const link = await linkBetween(mesh, ["taker", "maker"], 4 * count);
  const { links } = (await mesh.peers()).find(({ name }) => name === "maker")!;
  expect(link.path).toBe("webrtc");
  expect(links.map((it) => it.lanes)).toEqual([4]);
  expect(link.roundTripMs).toBeGreaterThan(roundTripMs * 0.9);
  await close();
});

test("when the network between two tabs goes silent in the middle of a transfer, it goes on by another path", async () => {
  const { mesh, relay, move, close } = await tabsAcross(20);
  await move(1_000);
  const count = 6 * 2 ** 20;
  const moved = move(count);
  const before = relay.packets;
  await expect.poll(() => relay.packets - before).toBeGreaterThan(2_000);
  relay.isSilent = true;
  // Nobody waits for the half minute after which ICE gives up.
  expect(await moved).toBe(count);
  // Counters come with heartbeats.
  const paths = async () =>
    (await mesh.peers()).find(({ name }) => name === "taker")!.links.map(({ path }) => path);
  await expect.poll(paths, { timeout: 15_000 }).toContain("relay");
  await close();
});
