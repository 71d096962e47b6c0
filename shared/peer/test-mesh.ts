import type { Clock } from "../clock.ts";
import type { ObjectId, PeerId } from "../ids.ts";
import { LocalStore } from "../objects/local-store.ts";
import type { Introduction } from "../protocol/messages.ts";
import { signTicket } from "../protocol/tickets.ts";
import { memoryTransportPair } from "../transport/memory.ts";
import type { Transport } from "../transport/transport.ts";
import type { Dialer } from "./dialer.ts";
import { Links } from "./links.ts";
import { ObjectExchange } from "./object-exchange.ts";
import { ReadTickets } from "./read-tickets.ts";

/** For tests: time goes on when the test says so. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Timers that were neither run nor cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = [...this.#timers].filter(({ atMs }) => atMs <= this.#nowMs);
    for (const timer of due.sort((a, b) => a.atMs - b.atMs)) {
      if (this.#timers.delete(timer)) timer.callback();
    }
  }
}

export interface TestPeer {
  readonly id: PeerId;
  readonly ticketKey: Uint8Array;
  readonly links: Links;
  readonly store: LocalStore;
  readonly exchange: ObjectExchange;
  /** Objects that the exchange reported as new copies. */
  readonly copies: ObjectId[];
  /** What the exchange complained of. */
  readonly faults: { readonly object: ObjectId; readonly peer: PeerId; readonly fault: string }[];
  /** Who asked for what without a ticket: `"e x.1"`. */
  readonly trespasses: string[];
  /** What was asked for, and is not here. */
  readonly missing: ObjectId[];
}

export interface TestPeerOptions {
  /** Default: memory transports to whoever is in the mesh. */
  readonly dialers?: readonly Dialer[];
  readonly bytesMax?: number;
  /** Default: everybody. */
  readonly isTrusted?: (peer: PeerId) => boolean;
  /** Whether it asks for tickets. Default: whoever has a link may read. */
  readonly asksForTickets?: boolean;
}

interface Connection {
  readonly ends: readonly [Transport, Transport];
  readonly key: string;
  /** Who dialled. */
  readonly from: PeerId;
  isOpen: boolean;
}

/** For tests: real links between peers of one process, and a stand-in for the coordinator. */
export class TestMesh {
  readonly clock = new ManualClock();
  readonly nowEpochMs = 1_000_000;
  /** Batches and frames that peers gave to transports. */
  messagesSent = 0;
  connectionsMade = 0;
  readonly #peers = new Map<PeerId, TestPeer>();
  #connections: Connection[] = [];

  add(name: string, options: TestPeerOptions = {}): TestPeer {
    const id = name as PeerId;
    const ticketKey = new Uint8Array(32).fill(this.#peers.size + 1);
    const links = new Links({
      self: id,
      ticketKey,
      clock: this.clock,
      nowEpochMs: () => this.nowEpochMs,
      introduce: (peer) => Promise.resolve(this.introduction(id, peer)),
      dialers: options.dialers ?? [this.dialer(id)],
    });
    const store = new LocalStore({ bytesMax: options.bytesMax ?? 2 ** 30 });
    const copies: ObjectId[] = [];
    const onCopy = (object: ObjectId) => void copies.push(object);
    const faults: TestPeer["faults"] = [];
    const trespasses: string[] = [];
    const missing: ObjectId[] = [];
    const nowEpochMs = () => this.nowEpochMs;
    const exchange = new ObjectExchange({
      links,
      store,
      clock: this.clock,
      onCopy,
      onMissing: (object) => void missing.push(object),
      isTrusted: options.isTrusted ?? (() => true),
      ...(options.asksForTickets ? { tickets: new ReadTickets({ self: id, nowEpochMs }) } : {}),
      onTrespass: (object, from) => void trespasses.push(`${from} ${object}`),
      onFault: (object, from, fault) => void faults.push({ object, peer: from, fault }),
    });
    const peer: TestPeer = {
      id,
      ticketKey,
      links,
      store,
      exchange,
      copies,
      faults,
      trespasses,
      missing,
    };
    this.#peers.set(id, peer);
    return peer;
  }

  /** What the coordinator would say to `from` about `to`. */
  introduction(from: PeerId, to: PeerId, validMs = 60_000): Introduction {
    const target = this.#peers.get(to);
    if (!target) {
      const error = { code: "PEER_UNREACHABLE" as const, message: `${to} is not in the mesh` };
      return { type: "introduction", peer: to, error };
    }
    const ticket = signTicket(target.ticketKey, { from, to }, this.nowEpochMs + validMs);
    return { type: "introduction", peer: to, ticket };
  }

  dialer(from: PeerId, path: "local" | "webrtc" = "local"): Dialer {
    return {
      path,
      obstacle: () => undefined,
      dial: ({ peer }) => Promise.resolve(this.connect(from, peer, path)),
    };
  }

  /** The same, called something else, and open only after a while. */
  slowDialer(from: PeerId, path: Dialer["path"], delayMs: number): Dialer {
    return {
      ...this.dialer(from),
      path,
      dial: ({ peer }) =>
        new Promise((resolve) => {
          this.clock.after(delayMs, () => resolve(this.connect(from, peer)));
        }),
    };
  }

  /** @returns the dialler's end of a new transport; the other end accepts it. */
  connect(from: PeerId, to: PeerId, path: "local" | "webrtc" = "local"): Transport {
    this.connectionsMade++;
    const ends = memoryTransportPair(path === "local" ? "memory" : path);
    for (const end of ends) {
      const send = end.send.bind(end);
      end.send = (message, tail) => {
        this.messagesSent++;
        return send(message, tail);
      };
    }
    const connection = { ends, key: keyOf(from, to), from, isOpen: true };
    this.#connections.push(connection);
    for (const end of ends) void end.closed.then(() => (connection.isOpen = false));
    this.#peers.get(to)?.links.accept(ends[1]);
    return ends[0];
  }

  get openConnections(): number {
    return this.#connections.filter(({ isOpen }) => isOpen).length;
  }

  /** What comes to `reader` from the other on connections that are open waits until then, each. */
  holdUp(
    reader: PeerId,
    other: PeerId,
    until: Promise<void> | ((sizeBytes: number) => Promise<void>),
  ): void {
    for (const { ends, key, from } of this.#connections) {
      if (key !== keyOf(reader, other)) continue;
      const end = ends[from === reader ? 0 : 1];
      const { onMessage } = end;
      end.onMessage = async (bytes) => {
        await (typeof until === "function" ? until(bytes.length) : until);
        await onMessage?.(bytes);
      };
    }
  }

  /** Break every connection between two peers. What is under way is lost. */
  cut(a: PeerId, b: PeerId): void {
    const key = keyOf(a, b);
    for (const connection of this.#connections) {
      if (connection.key !== key) continue;
      for (const end of connection.ends) end.close({ code: "failed", detail: "cable cut" });
    }
    this.#connections = this.#connections.filter((connection) => connection.key !== key);
  }
}

const keyOf = (a: PeerId, b: PeerId): string => [a, b].toSorted().join(" ");

/** Let everything happen that can happen without time passing. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise<void>((resolve) => nextTurn(resolve));
  }
}

export const nextTurn = (globalThis as unknown as { setImmediate(callback: () => void): void })
  .setImmediate;
