import { formatDuration, plural } from "../../page/format.ts";
import type { Check, Finding } from "../check.ts";
import type { Scene } from "./scene.ts";

const GATHER_MS_MAX = 5_000;
const LOOPBACK_MS_MAX = 5_000;

export const webRtcCheck: Check<Scene> = {
  id: "webrtc",
  title: "WebRTC within this page",
  deadlineMs: 10_000,
  async run() {
    if (!("RTCPeerConnection" in globalThis)) {
      return {
        tone: "bad",
        text: "This browser has no WebRTC, or an extension took it away.",
        next: "Allow WebRTC for this page; privacy extensions and settings can block it.",
      };
    }
    const roundTripMs = await loopback();
    if (roundTripMs !== undefined) {
      const text = `Two connections of this page reached each other; an echo took ${formatDuration(roundTripMs)}.`;
      return { tone: "good", text };
    }
    return {
      tone: "bad",
      text: "Two connections of this very page do not reach each other.",
      next: "The browser, an extension or a firewall on this machine blocks WebRTC altogether.",
    };
  },
};

/** @returns the round trip of a message; undefined if the two ends do not find each other. */
async function loopback(): Promise<number | undefined> {
  const [near, far] = [new RTCPeerConnection(), new RTCPeerConnection()];
  try {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate) void to.addIceCandidate(candidate);
      });
    }
    far.addEventListener("datachannel", ({ channel }) => {
      channel.addEventListener("message", () => channel.send("echo"));
    });
    const channel = near.createDataChannel("diagnosis");
    const echoed = new Promise<number>((resolve) => {
      let sentMs = 0;
      channel.addEventListener("open", () => {
        sentMs = performance.now();
        channel.send("echo");
      });
      channel.addEventListener("message", () => resolve(performance.now() - sentMs));
    });
    await near.setLocalDescription();
    await far.setRemoteDescription(near.localDescription!);
    await far.setLocalDescription();
    await near.setRemoteDescription(far.localDescription!);
    return await Promise.race([echoed, after(LOOPBACK_MS_MAX, undefined)]);
  } finally {
    near.close();
    far.close();
  }
}

export const candidatesCheck: Check<Scene> = {
  id: "candidates",
  title: "Addresses that others could reach",
  needs: ["join", "webrtc"],
  deadlineMs: GATHER_MS_MAX + 2_000,
  async run({ welcome }) {
    const iceServers = (welcome?.iceServers ?? []).map((server) => ({ ...server }));
    const kinds = await gather(iceServers);
    return judgeCandidates(
      kinds,
      iceServers.flatMap(({ urls }) => urls),
    );
  },
};

/** @returns how many candidates of each kind the browser finds. */
async function gather(iceServers: RTCIceServer[]): Promise<ReadonlyMap<string, number>> {
  const kinds = new Map<string, number>();
  const connection = new RTCPeerConnection({ iceServers });
  try {
    const complete = new Promise<void>((resolve) => {
      connection.addEventListener("icecandidate", ({ candidate }) => {
        if (!candidate) return resolve();
        const kind = candidate.type ?? "unknown";
        if (candidate.candidate) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      });
    });
    connection.createDataChannel("diagnosis");
    await connection.setLocalDescription();
    await Promise.race([complete, after(GATHER_MS_MAX, undefined)]);
    return kinds;
  } finally {
    connection.close();
  }
}

/** What the kinds of candidates say, given the STUN and TURN servers that the mesh names. */
export function judgeCandidates(
  kinds: ReadonlyMap<string, number>,
  servers: readonly string[],
): Finding {
  const [host, srflx, relay] = ["host", "srflx", "relay"].map((kind) => kinds.get(kind) ?? 0);
  const found =
    `${plural(host!, "address", "addresses")} in this network, ${srflx} seen by STUN servers, ` +
    `${relay} at TURN servers.`;
  const hasStun = servers.some((url) => /^stuns?:/.test(url));
  const hasTurn = servers.some((url) => /^turns?:/.test(url));
  if (host === 0 && relay === 0) {
    const next = "The browser hides all addresses. Privacy settings or an extension may do that.";
    return { tone: "bad", text: found, next };
  }
  if (hasTurn && relay === 0) {
    const next =
      "The mesh's TURN server did not answer: a firewall may block it, or its password is wrong.";
    return { tone: "warn", text: found, next };
  }
  if (hasStun && srflx === 0) {
    const next =
      "The mesh's STUN server did not answer, so peers in other networks may be out of reach: UDP may be blocked here.";
    return { tone: "warn", text: found, next };
  }
  if (servers.length > 0) return { tone: "good", text: found };
  return {
    tone: "good",
    text: `${found} The mesh names no STUN or TURN server: enough within one network.`,
  };
}

const after = <T>(delayMs: number, value: T): Promise<T> =>
  new Promise((resolve) => setTimeout(resolve, delayMs, value));
