import { createSocket } from "node:dgram";
import { expect } from "playwright/test";
import { startMesh } from "manta";
import { Tabs, test } from "./support/mesh-test.ts";
import { ones, sum } from "./support/tasks.ts";
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
