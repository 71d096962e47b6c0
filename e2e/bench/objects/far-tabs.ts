import { chromium, type Browser } from "playwright";
import { startMesh } from "manta";
import { chromiumArguments, findChromium } from "../../setup/chromium.mjs";
import { relayConnections, SHOW_ADDRESSES } from "../../support/relayed-page.ts";
import { UdpRelay } from "../../support/udp-relay.ts";
import { compare } from "../compare.ts";
import type { Row } from "../suite.ts";
import { bareChannel } from "./bare/bare-rate.ts";
import { connectEnds } from "./bare/channel-pair.ts";
import { BarePage } from "./bare/page.ts";
import { movesObject } from "./mesh-rate.ts";

const ROUND_TRIP_MS = 50;
const SIZE_BYTES = 16 * 2 ** 20;
const ROUNDS = 3;
const JOIN_MS_MAX = 30_000;

export const farTabs: Row = {
  name: "far_tabs_16MiB",
  measures: `An object of 16 MiB from tab to tab through a UDP relay with a round trip of ${ROUND_TRIP_MS} ms.`,
  peer: "one bare RTCDataChannel between two pages of the same Chromium, through the same relay",
  async *run() {
    const relay = new UdpRelay({ roundTripMs: ROUND_TRIP_MS });
    const { mesh, url, tokens } = await startMesh({ workers: 0 });
    const browser = await openBrowser();
    try {
      for (const name of ["far-1", "far-2"]) {
        const page = await (await browser.newContext()).newPage();
        await relayConnections(page, relay);
        await page.goto(`${url}/contribute?start=1&name=${name}#token=${tokens.contribute}`);
        await page.waitForSelector('[data-phase="working"]', { timeout: JOIN_MS_MAX });
      }
      const ends = { from: await BarePage.open(browser), to: await BarePage.open(browser) };
      await connectEnds(ends.from, ends.to, (sdp) => relay.rewriteDescription(sdp));
      yield* compare({
        ours: movesObject(farTabs.name, {
          mesh,
          from: "far-1",
          to: "far-2",
          sizeBytes: SIZE_BYTES,
        }),
        peers: [bareChannel("bare_channel_50ms", { ...ends, sizeBytes: SIZE_BYTES })],
        unit: "MB/s",
        rounds: ROUNDS,
        target: { atLeast: 2.5 },
        note: "with the lanes that the link opens, and the window that the reading tab asks for",
      });
    } finally {
      await browser.close();
      await mesh.close();
      await relay.close();
    }
  },
};

async function openBrowser(): Promise<Browser> {
  const found = await findChromium({ install: true, log: (text) => console.error(text) });
  if ("missing" in found) throw new Error(found.missing);
  return await chromium.launch({
    executablePath: found.path,
    headless: false,
    args: [...chromiumArguments({ webgpu: false }), SHOW_ADDRESSES],
  });
}
