import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { compileFunction } from "node:vm";
import { WebSocket } from "ws";
import type { PeerConstructor } from "../transport/peerjs-api.ts";

/** node-datachannel's defaults assume a LAN; at 51 ms these carry 31 MB/s where they carry 2. */
export const SCTP_SETTINGS = {
  recvBufferSize: 8 * 2 ** 20,
  sendBufferSize: 8 * 2 ** 20,
  initialCongestionWindow: 32,
};

const SIGNAL_BYTES_MAX = 256 * 1024;

const require = createRequire(import.meta.url);

let loading: Promise<PeerConstructor> | undefined;

/**
 * The stock PeerJS client, in Node. It wants a browser's globals; they exist for its code alone, as
 * parameters of the function it is compiled into. Setting them on `globalThis` would tell other
 * libraries in the process (TensorFlow.js, for one) that they run in a page.
 *
 * @param onMissing told why there is none: the native part of node-datachannel exists for the common
 *   platforms only. The mesh works without it, over WebSockets and the relay.
 */
export async function loadPeerJs(
  onMissing?: (reason: string) => void,
): Promise<PeerConstructor | undefined> {
  try {
    loading ??= load();
    return await loading;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    onMissing?.(`no WebRTC in this Node process: ${why}`);
    return undefined;
  }
}

async function load(): Promise<PeerConstructor> {
  const { setSctpSettings } = await import("node-datachannel");
  const polyfill = await import("node-datachannel/polyfill");
  setSctpSettings(SCTP_SETTINGS);
  const path = require.resolve("peerjs");
  const source = await readFile(path, "utf8");
  const { PeerConnection, endProbe } = peerConnectionFrom(polyfill.RTCPeerConnection);
  const browser: Record<string, unknown> = {
    WebSocket: SignalSocket,
    RTCPeerConnection: PeerConnection,
    RTCSessionDescription: polyfill.RTCSessionDescription,
    RTCIceCandidate: polyfill.RTCIceCandidate,
    location: { protocol: "http:", hostname: "localhost" },
    navigator: { platform: "", userAgent: "Node" },
  };
  browser["window"] = browser;
  const module: { exports: Record<string, unknown> } = { exports: {} };
  const scope = { ...browser, module, exports: module.exports, require: createRequire(path) };
  const run = compileFunction(source, Object.keys(scope), { filename: path }) as (
    ...values: unknown[]
  ) => void;
  run(...Object.values(scope));
  endProbe();
  return module.exports["Peer"] as PeerConstructor;
}

interface Channel {
  close(): void;
}

interface Connection extends EventTarget {
  createDataChannel(label: string, options?: object): Channel;
  setLocalDescription(description: object): Promise<void>;
  setRemoteDescription(description: object): Promise<void>;
  close(): void;
}

/** The polyfill's RTCPeerConnection without three of its habits. */
function peerConnectionFrom(Base: new (configuration: object) => Connection) {
  let isProbe = true;
  class PeerConnection extends Base {
    readonly #channels = new Set<Channel>();
    #heldCandidates: Event[] | undefined = [];
    #hasLocal = false;
    #hasRemote = false;

    constructor(configuration: object) {
      // When PeerJS is loaded it tries whether WebRTC works, with public STUN and TURN servers of
      // others; the native part would contact them at once.
      super(isProbe ? { iceServers: [] } : configuration);
      this.addEventListener("datachannel", (event) => {
        this.#channels.add((event as unknown as { channel: Channel }).channel);
      });
    }

    override createDataChannel(label: string, options?: object): Channel {
      const channel = super.createDataChannel(label, options);
      this.#channels.add(channel);
      return channel;
    }

    override async setLocalDescription(description: object): Promise<void> {
      await super.setLocalDescription(description);
      this.#hasLocal = true;
      // PeerJS sends the description as soon as this has resolved.
      setImmediate(() => this.#releaseCandidates());
    }

    override async setRemoteDescription(description: object): Promise<void> {
      await super.setRemoteDescription(description);
      this.#hasRemote = true;
      this.#releaseCandidates();
    }

    /**
     * Candidates wait for both descriptions. Those that overtake a description are refused at the
     * other end; and if the answering end begins to check a path before this one knows its answer,
     * libdatachannel may start DTLS before it knows the fingerprint and fail: "unknown CA".
     */
    #releaseCandidates(): void {
      if (!this.#hasLocal || !this.#hasRemote) return;
      const held = this.#heldCandidates ?? [];
      this.#heldCandidates = undefined;
      for (const candidate of held) super.dispatchEvent(candidate);
    }

    override dispatchEvent(event: Event): boolean {
      if (event.type !== "icecandidate" || !this.#heldCandidates) return super.dispatchEvent(event);
      this.#heldCandidates.push(event);
      return true;
    }

    /** Closes the channels too, as in browsers: each that is not closed keeps the process alive. */
    override close(): void {
      for (const channel of this.#channels) channel.close();
      this.#channels.clear();
      super.close();
    }
  }
  return { PeerConnection, endProbe: () => void (isProbe = false) };
}

/**
 * A browser reports what goes wrong in an event handler and goes on, where Node would end the
 * process: for a refused connection, or for signalling that PeerJS cannot read.
 */
class SignalSocket extends WebSocket {
  constructor(url: string) {
    super(url, { maxPayload: SIGNAL_BYTES_MAX, perMessageDeflate: false });
  }

  override emit(event: string | symbol, ...details: unknown[]): boolean {
    try {
      return super.emit(event, ...details);
    } catch {
      // PeerJS has no way to hear of it; a dial that depends on it ends at its deadline.
      return true;
    }
  }
}
