import type { PeerId } from "../../shared/ids.ts";
import type { ControlPorts, PeerRecord } from "./types.ts";

/** Introduces peers to each other, and tells those it introduced when one of them leaves. */
export class Acquaintances {
  readonly #ports: ControlPorts;
  readonly #known = new Map<PeerId, Set<PeerId>>();

  constructor(ports: ControlPorts) {
    this.#ports = ports;
  }

  introduce(from: PeerId, to: PeerId, target: PeerRecord | undefined): void {
    if (!target) {
      const error = { code: "NOT_FOUND", message: `peer ${to} is not connected` } as const;
      this.#ports.send(from, { type: "introduction", peer: to, error }, 0);
      return;
    }
    this.#acquaint(from, to);
    this.#acquaint(to, from);
    const { runtime, webrtc, directUrl } = target;
    const ticket = this.#ports.signTicket(from, to);
    const introduction = { type: "introduction", peer: to, ticket, runtime, webrtc } as const;
    this.#ports.send(from, directUrl ? { ...introduction, directUrl } : introduction, 0);
  }

  peerLeft(peer: PeerId): void {
    for (const other of this.#known.get(peer) ?? []) {
      this.#known.get(other)?.delete(peer);
      this.#ports.send(other, { type: "peer-left", peer }, 0);
    }
    this.#known.delete(peer);
  }

  #acquaint(peer: PeerId, other: PeerId): void {
    const known = this.#known.get(peer);
    if (known) known.add(other);
    else this.#known.set(peer, new Set([other]));
  }
}
