import { invariant } from "../../shared/errors.ts";

/** What one peer may have passed on by the coordinator. */
export interface RelayLimits {
  /** In the long run. */
  readonly bytesPerSecond: number;
  /** At once, after it was quiet for a while. */
  readonly burstBytes: number;
  /** In one session. */
  readonly sessionBytesMax: number;
  /** That wait here for their turn: who keeps to the windows of its links never has so many. */
  readonly waitingBytesMax: number;
}

export type RelayVerdict =
  /** Pass it on, behind all that came before; or after so long, which is to be reported then. */
  | { readonly type: "pass"; readonly afterMs: 0 }
  | { readonly type: "wait"; readonly afterMs: number }
  /** It does not go on: which quota is used up. */
  | { readonly type: "refuse"; readonly why: string };

/**
 * A token bucket for one peer's relayed bytes. Pure: time comes in. Above the quota nothing is
 * dropped at first: frames go into debt and wait until it is paid, so that the windows of the links
 * slow the sender down. Only who sends on without regard to them is refused.
 */
export class RelayQuota {
  readonly #limits: RelayLimits;
  #tokens: number;
  #atMs: number;
  #sessionBytes = 0;
  #waitingBytes = 0;

  constructor(limits: RelayLimits, nowMs: number) {
    this.#limits = limits;
    this.#tokens = limits.burstBytes;
    this.#atMs = nowMs;
  }

  /** Bytes that have to wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** A frame came. */
  take(sizeBytes: number, nowMs: number): RelayVerdict {
    const { bytesPerSecond, sessionBytesMax, waitingBytesMax } = this.#limits;
    this.#refill(nowMs);
    if (this.#sessionBytes + sizeBytes > sessionBytesMax) {
      return refuse(
        `it has sent ${this.#sessionBytes} of the ${sessionBytesMax} bytes that one session may send by the relay (--relay-bytes)`,
      );
    }
    const debtBytes = sizeBytes - this.#tokens;
    if (debtBytes > 0 && this.#waitingBytes + sizeBytes > waitingBytesMax) {
      return refuse(
        `it sends more than ${bytesPerSecond} bytes a second by the relay (--relay-rate), and does not slow down: ${this.#waitingBytes} bytes wait already`,
      );
    }
    this.#sessionBytes += sizeBytes;
    this.#tokens -= sizeBytes;
    if (debtBytes <= 0) return PASS;
    this.#waitingBytes += sizeBytes;
    return { type: "wait", afterMs: Math.ceil((debtBytes / bytesPerSecond) * 1_000) };
  }

  /** What had to wait has gone on. */
  passed(sizeBytes: number): void {
    this.#waitingBytes -= sizeBytes;
    invariant(this.#waitingBytes >= 0, "more was passed on than was taken");
  }

  #refill(nowMs: number): void {
    const { bytesPerSecond, burstBytes } = this.#limits;
    // A clock that jumps back gives nothing, and takes nothing.
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(this.#atMs, nowMs);
    this.#tokens = Math.min(burstBytes, this.#tokens + (elapsedMs / 1_000) * bytesPerSecond);
  }
}

const PASS: RelayVerdict = { type: "pass", afterMs: 0 };
const refuse = (why: string): RelayVerdict => ({ type: "refuse", why });
