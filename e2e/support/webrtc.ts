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
  /** Kinds of the two ICE candidates in use: `relay` would be a TURN server. */
  readonly candidateTypes: readonly string[];
  /** By all the pairs of candidates it used: ICE may change to a better one in the middle. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Of all the connections that a page opened with {@link recordConnections} has. */
export const connectionStats = (page: Page): Promise<ConnectionStats[]> =>
  page.evaluate(async () => {
    type Entry = Readonly<Record<string, string | number>>;
    const all: ConnectionStats[] = [];
    for (const connection of window.rtcConnections ?? []) {
      const entries = new Map<unknown, Entry>();
      (await connection.getStats()).forEach((entry: Entry) => entries.set(entry["id"], entry));
      const transport = [...entries.values()].find((entry) => entry["type"] === "transport");
      const pair = entries.get(transport?.["selectedCandidatePairId"]);
      if (!transport || pair?.["state"] !== "succeeded") continue;
      const ends = [pair["localCandidateId"], pair["remoteCandidateId"]];
      all.push({
        candidateTypes: ends.map((id) => String(entries.get(id)?.["candidateType"])),
        sentBytes: Number(transport["bytesSent"]),
        receivedBytes: Number(transport["bytesReceived"]),
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
      // A link may have several connections, and on a busy machine a near peer looks far.
      const sum = (key: "sentBytes" | "receivedBytes") =>
        all.reduce((total, it) => total + it[key], 0);
      return (sum("sentBytes") >= sentBytes && sum("receivedBytes") >= receivedBytes) || all;
    })
    .toBe(true);
  const types = new Set((await connectionStats(page)).flatMap((it) => it.candidateTypes));
  expect(types.size).toBeGreaterThan(0);
  expect([...types].filter((type) => !["host", "srflx", "prflx"].includes(type))).toEqual([]);
}
