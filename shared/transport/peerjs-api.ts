import type { DataChannelLike } from "./data-channel.ts";
import type { EventSourceLike } from "./event-source.ts";

/**
 * The part of PeerJS that we use, in our own words: its types need the DOM, and in Node it is loaded
 * in a way of its own (node/peerjs-for-node.ts).
 */
export type PeerConstructor = new (id: string, options: PeerOptions) => PeerLike;

export interface PeerOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly secure: boolean;
  readonly key: string;
  readonly token: string;
  /** Configuration of each RTCPeerConnection. */
  readonly config: { readonly iceServers: readonly IceServer[] };
}

export interface IceServer {
  readonly urls: string[];
  readonly username?: string;
  readonly credential?: string;
}

interface Emitter {
  on(event: string, listener: (detail?: unknown) => void): unknown;
}

export interface PeerLike extends Emitter {
  /** Whether the signalling server has welcomed it. */
  readonly open: boolean;
  readonly destroyed: boolean;
  connect(
    peer: string,
    options: { serialization: "raw"; reliable: boolean },
  ): DataConnectionLike | undefined;
  reconnect(): void;
  destroy(): void;
}

export interface DataConnectionLike extends Emitter {
  readonly peer: string;
  /** Taken away by PeerJS when the connection closes. */
  readonly peerConnection: PeerConnectionLike | null;
  readonly dataChannel: DataChannelLike | null | undefined;
  close(): void;
}

export interface PeerConnectionLike extends EventSourceLike {
  readonly iceConnectionState: string;
  readonly connectionState: string;
  /** `have-local-offer` until the other end has answered. */
  readonly signalingState: string;
  readonly sctp: { readonly maxMessageSize: number | null } | null;
  getStats(): Promise<{ forEach(visit: (stats: unknown) => void): void }>;
  close(): void;
}
