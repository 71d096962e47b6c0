import { expect, type Page } from "playwright/test";

/** For `addInitScript`: these run in the page, before its own scripts, and use nothing from here. */

declare global {
  interface Window {
    rtcConnections?: RTCPeerConnection[];
  }
}

/** Keep every RTCPeerConnection that the page makes, to ask it for its statistics. */
export function recordConnections(): void {
  const connections: RTCPeerConnection[] = [];
  window.rtcConnections = connections;
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      connections.push(this);
    }
  };
}

/** A network that lets no direct packets through, and has no TURN server either. */
export function blockDirectPaths(): void {
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super({ ...configuration, iceTransportPolicy: "relay" });
    }
  };
}

/** A browser that was built or told to do without WebRTC. */
export function removeWebRtc(): void {
  Reflect.deleteProperty(window, "RTCPeerConnection");
  // PeerJS would take this instead.
  Reflect.deleteProperty(window, "webkitRTCPeerConnection");
}

/** What one connection moved, as the browser's own WebRTC counts its packets. */
export interface ConnectionStats {
  /** Kinds of the ICE candidates at both ends of the pairs in use: `relay` would be a TURN server. */
  readonly candidateTypes: readonly string[];
  /** Over all its candidate pairs: ICE may change to a better one in the middle. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Of all connections that a page opened with {@link recordConnections} ever had. */
export const connectionStats = (page: Page): Promise<ConnectionStats[]> =>
  page.evaluate(async () => {
    type Entry = Readonly<Record<string, string | number>>;
    const all: ConnectionStats[] = [];
    for (const connection of window.rtcConnections ?? []) {
      const entries = new Map<string, Entry>();
      (await connection.getStats()).forEach((entry: Entry) =>
        entries.set(String(entry["id"]), entry),
      );
      const pairs = [...entries.values()].filter(
        (entry) => entry["type"] === "candidate-pair" && entry["state"] === "succeeded",
      );
      if (pairs.length === 0) continue;
      const sumOf = (field: string) => pairs.reduce((sum, pair) => sum + Number(pair[field]), 0);
      const typeOf = (candidate: unknown) =>
        String(entries.get(String(candidate))?.["candidateType"]);
      all.push({
        candidateTypes: pairs.flatMap((pair) => [
          typeOf(pair["localCandidateId"]),
          typeOf(pair["remoteCandidateId"]),
        ]),
        sentBytes: sumOf("bytesSent"),
        receivedBytes: sumOf("bytesReceived"),
      });
    }
    return all;
  });

/** That packets of so many bytes went directly to and from a page, by its connections' statistics. */
export async function expectDirect(
  page: Page,
  { sentBytes = 0, receivedBytes = 0 }: { sentBytes?: number; receivedBytes?: number },
): Promise<void> {
  // The browser renews its statistics now and then.
  await expect
    .poll(async () => {
      const all = await connectionStats(page);
      return all.some((it) => it.sentBytes >= sentBytes && it.receivedBytes >= receivedBytes);
    })
    .toBe(true);
  const types = new Set((await connectionStats(page)).flatMap((it) => it.candidateTypes));
  expect(types.size).toBeGreaterThan(0);
  expect([...types].filter((type) => !["host", "srflx", "prflx"].includes(type))).toEqual([]);
}
