import { createSocket, type RemoteInfo, type Socket } from "node:dgram";

/** One packet on its way. */
interface Parcel {
  readonly atMs: number;
  readonly from: Socket;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

interface Signal {
  readonly payload?: {
    readonly sdp?: { sdp: string };
    readonly candidate?: { candidate: string };
  };
}

const BUFFER_BYTES = 4 * 2 ** 20;

/**
 * A network with a round trip, in one process: every end of a WebRTC connection gets a port here, and
 * what is sent to that port reaches the end some milliseconds later, from the port of who sent it. The
 * ends are told of each other's ports by candidates that are rewritten on the way.
 */
export class UdpRelay {
  /** While true, packets vanish. */
  isSilent = false;
  packets = 0;
  readonly #oneWayMs: number;
  readonly #sockets = new Map<string, Promise<Socket>>();
  readonly #ownPorts = new Set<number>();
  #queue: Parcel[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { readonly roundTripMs: number }) {
    this.#oneWayMs = options.roundTripMs / 2;
  }

  /** A session description with this relay's ports in place of the candidates in it. */
  async rewriteDescription(sdp: string): Promise<string> {
    const lines = await Promise.all(
      sdp.split("\r\n").map(async (line) => {
        if (!line.startsWith("a=candidate:")) return line;
        const rewritten = await this.#rewriteCandidate(line.slice("a=".length));
        return rewritten && `a=${rewritten}`;
      }),
    );
    return lines.filter((line) => line !== undefined).join("\r\n");
  }

  /** The same for a message of PeerJS signalling; undefined if it should not be passed on. */
  async rewriteSignal(text: string): Promise<string | undefined> {
    const message = JSON.parse(text) as Signal;
    const { candidate, sdp } = message.payload ?? {};
    if (sdp) sdp.sdp = await this.rewriteDescription(sdp.sdp);
    if (candidate) {
      const rewritten = await this.#rewriteCandidate(candidate.candidate);
      if (rewritten === undefined) return undefined;
      candidate.candidate = rewritten;
    }
    return JSON.stringify(message);
  }

  /** @returns undefined for TCP and IPv6: by those, ends would find each other without this relay. */
  async #rewriteCandidate(candidate: string): Promise<string | undefined> {
    const fields = candidate.split(" ");
    const [, , protocol = "", , host = "", port] = fields;
    if (protocol.toLowerCase() !== "udp" || !/^\d+\.\d+\.\d+\.\d+$/.test(host)) return undefined;
    if (this.#ownPorts.has(Number(port))) return candidate;
    const socket = await this.#socketOf({ host, port: Number(port) });
    fields[5] = String(socket.address().port);
    return fields.join(" ");
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    for (const socket of this.#sockets.values()) (await socket).close();
  }

  /** The port at which others reach the end that is at `end`. */
  #socketOf(end: Address): Promise<Socket> {
    const key = `${end.host}:${end.port}`;
    const known = this.#sockets.get(key);
    if (known) return known;
    const opening = new Promise<Socket>((resolve) => {
      const socket = createSocket("udp4");
      socket.on("message", (bytes, from) => this.#received(end, bytes, from));
      socket.on("error", () => {});
      socket.bind(0, () => {
        socket.setRecvBufferSize(BUFFER_BYTES);
        socket.setSendBufferSize(BUFFER_BYTES);
        this.#ownPorts.add(socket.address().port);
        resolve(socket);
      });
    });
    this.#sockets.set(key, opening);
    return opening;
  }

  #received(end: Address, bytes: Uint8Array, { address: host, port }: RemoteInfo): void {
    if (this.isSilent) return;
    this.packets++;
    const atMs = performance.now() + this.#oneWayMs;
    void this.#socketOf({ host, port }).then((from) => {
      this.#queue.push({ atMs, from, to: end, bytes });
      this.#timer ??= setTimeout(() => this.#deliver(), this.#oneWayMs);
    });
  }

  #deliver(): void {
    const nowMs = performance.now();
    let due = 0;
    for (; due < this.#queue.length && this.#queue[due]!.atMs <= nowMs; due++) {
      const { from, to, bytes } = this.#queue[due]!;
      from.send(bytes, to.port, to.host);
    }
    this.#queue.splice(0, due);
    const next = this.#queue[0];
    this.#timer = next
      ? setTimeout(() => this.#deliver(), Math.max(0, next.atMs - nowMs))
      : undefined;
  }
}
