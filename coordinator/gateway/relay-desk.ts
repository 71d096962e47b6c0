import type { Clock } from "../../shared/clock.ts";
import { MeshError } from "../../shared/errors.ts";
import type { PeerId } from "../../shared/ids.ts";
import type { RelayHeader } from "../../shared/protocol/messages.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { toWireError } from "../../shared/protocol/wire-error.ts";
import { relayRefusal } from "../../shared/transport/relay.ts";
import { RelayQuota, type RelayLimits } from "./relay-quota.ts";

/** The coordinator's end of a peer's connection, as far as the relay needs it. */
interface RelaySession {
  /** @returns false if so much waits for that peer that it cannot be reading. */
  sendRelay(header: RelayHeader, payload: Uint8Array<ArrayBuffer>): boolean;
  send(message: { readonly type: "refused"; readonly error: WireError }, valueBytes: number): void;
}

export interface RelayDeskOptions {
  readonly clock: Clock;
  readonly limits: RelayLimits;
  sessionOf(peer: PeerId): RelaySession | undefined;
  /** What there is to say of a peer's quota, for people. */
  onQuota(peer: PeerId, text: string): void;
}

interface Frame {
  readonly header: RelayHeader;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly atMs: number;
  /** That the quota has it down as waiting. */
  readonly waitingBytes: number;
}

interface Sender {
  readonly quota: RelayQuota;
  /** In the order they came. */
  readonly waiting: Frame[];
  cancel: (() => void) | undefined;
  isTold: boolean;
}

const NOTHING = new Uint8Array(0);

/** Passes frames on from peer to peer: at once within the sender's quota, later above it, or not. */
export class RelayDesk {
  readonly #options: RelayDeskOptions;
  readonly #senders = new Map<PeerId, Sender>();

  constructor(options: RelayDeskOptions) {
    this.#options = options;
  }

  take(from: PeerId, header: RelayHeader, payload: Uint8Array<ArrayBuffer>): void {
    const { clock, limits } = this.#options;
    let sender = this.#senders.get(from);
    if (!sender) {
      const quota = new RelayQuota(limits, clock.nowMs());
      sender = { quota, waiting: [], cancel: undefined, isTold: false };
      this.#senders.set(from, sender);
    }
    const verdict = sender.quota.take(payload.byteLength, clock.nowMs());
    if (verdict.type === "refuse") return this.#refuse(from, sender, header, verdict.why);
    const { type, afterMs } = verdict;
    // What came before goes first.
    if (type === "pass" && sender.waiting.length === 0) return this.#pass(from, header, payload);
    if (sender.waiting.length === 0) this.#options.onQuota(from, slowedText(limits));
    const waitingBytes = type === "wait" ? payload.byteLength : 0;
    sender.waiting.push({ header, payload, atMs: clock.nowMs() + afterMs, waitingBytes });
    this.#passLater(from, sender);
  }

  /** Nothing of it is passed on any more. */
  peerLeft(peer: PeerId): void {
    this.#senders.get(peer)?.cancel?.();
    this.#senders.delete(peer);
  }

  #passLater(from: PeerId, sender: Sender): void {
    const [first] = sender.waiting;
    if (!first || sender.cancel) return;
    const { clock } = this.#options;
    sender.cancel = clock.after(Math.max(0, first.atMs - clock.nowMs()), () => {
      sender.cancel = undefined;
      const nowMs = clock.nowMs();
      while (sender.waiting.length > 0 && sender.waiting[0]!.atMs <= nowMs) {
        const { header, payload, waitingBytes } = sender.waiting.shift()!;
        sender.quota.passed(waitingBytes);
        this.#pass(from, header, payload);
      }
      this.#passLater(from, sender);
    });
  }

  #pass(from: PeerId, header: RelayHeader, payload: Uint8Array<ArrayBuffer>): void {
    const { sessionOf } = this.#options;
    const receiver = sessionOf(header.peer);
    if (receiver?.sendRelay({ ...header, peer: from }, payload)) return;
    const reason = receiver
      ? ({ code: "refused", detail: `${header.peer} does not read what ${from} sends` } as const)
      : ({ code: "peer-left", detail: `${header.peer} is not connected` } as const);
    sessionOf(from)?.sendRelay(relayRefusal(header, reason), NOTHING);
  }

  #refuse(from: PeerId, sender: Sender, header: RelayHeader, why: string): void {
    const session = this.#options.sessionOf(from);
    const advice = "a direct connection has no such limit: see why there is none in mesh.peers()";
    const message = `the link of ${from} to ${header.peer} by the relay is closed: ${why}; ${advice}`;
    const detail = `QUOTA_EXCEEDED: ${message}`.slice(0, 200);
    session?.sendRelay(relayRefusal(header, { code: "refused", detail }), NOTHING);
    this.#options.onQuota(from, why.slice(0, 200));
    if (sender.isTold) return;
    sender.isTold = true;
    const error = toWireError(new MeshError("QUOTA_EXCEEDED", message, { peer: header.peer }));
    session?.send({ type: "refused", error }, 0);
  }
}

const slowedText = ({ bytesPerSecond }: RelayLimits): string =>
  `what it sends by the relay is slowed to its quota of ${bytesPerSecond} bytes a second (--relay-rate)`;
