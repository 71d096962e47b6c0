import type { Page } from "playwright/test";
import type { UdpRelay } from "./udp-relay.ts";

/**
 * Chromium's flag that tells pages' real addresses to other peers, in place of names that only
 * multicast DNS knows: a relay must know them.
 */
export const SHOW_ADDRESSES = "--disable-features=WebRtcHideLocalIpsWithMdns";

/** All of a page's WebRTC goes through the relay: its signalling names no other address. */
export async function relayConnections(page: Page, relay: UdpRelay): Promise<void> {
  await page.routeWebSocket(/\/signal\/peerjs/, (toPage) => {
    const toServer = toPage.connectToServer();
    const pass = (send: (text: string) => void) => {
      let order = Promise.resolve();
      return (text: string | Buffer) => {
        order = order.then(async () => {
          const rewritten = await relay.rewriteSignal(String(text));
          if (rewritten !== undefined) send(rewritten);
        });
      };
    };
    toPage.onMessage(pass((text) => toServer.send(text)));
    toServer.onMessage(pass((text) => toPage.send(text)));
  });
}
