import type { Clock } from "../../clock.ts";
import type { Transport } from "../../transport/transport.ts";
import { reasonOf } from "../deadline.ts";
import { LanePolicy } from "./lane-policy.ts";

/** Lanes that carried nothing for so long are closed: connections are few. */
const IDLE_MS_MAX = 10_000;

export interface LanesOptions {
  /** The link's own transport: the lane that is always there. */
  readonly transport: Transport;
  readonly clock: Clock;
  /** Opens one more, greeted; rejects if there is none to be had. Unset where more are of no use. */
  readonly open: (() => Promise<Transport>) | undefined;
  roundTripMs(): number | undefined;
  /** Ask the other end whether it has all; it calls {@link Lanes.delivered} if so. */
  askDelivered(): void;
  /** For people: how many there are now, and why not more, if one more could not be had. */
  onChange(lanes: number, obstacle?: string): void;
  /** A lane ended with parts on it that the other end has not read: the link cannot go on. */
  onBroken(detail: string): void;
}

interface Lane {
  readonly transport: Transport;
  isReady: boolean;
}

/**
 * The sending side of a link's bulk: the link's own transport, and more beside it when much is sent
 * over a long way ({@link LanePolicy}). Each peer sends on the lanes that it opened, so it knows when
 * one can be closed.
 */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #policy = new LanePolicy();
  readonly #lanes: Lane[];
  #waiting: (() => void)[] = [];
  #opening = 0;
  #isClosed = false;
  #isAsking = false;
  #usedMs = 0;
  #cancelIdle: (() => void) | undefined;

  constructor(options: LanesOptions) {
    this.#options = options;
    this.#lanes = [{ transport: options.transport, isReady: true }];
  }

  /** @returns when some lane wants more. */
  send(head: Uint8Array<ArrayBuffer>, payload?: Uint8Array): Promise<void> {
    const { clock, roundTripMs, open } = this.#options;
    this.#usedMs = clock.nowMs();
    this.#isAsking = false;
    const wanted = this.#policy.sent(
      head.length + (payload?.length ?? 0),
      this.#usedMs,
      roundTripMs(),
    );
    if (open) this.#openUpTo(wanted, open);
    const lane = this.#emptiest();
    lane.isReady = false;
    const ready = lane.transport.send(head, payload);
    if (!open) return ready;
    void ready.then(() => this.#isReady(lane));
    if (this.#lanes.some(({ isReady }) => isReady)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** What the other end has taken on those there are now. */
  get takenBytes(): number {
    return this.#lanes.reduce((sum, { transport }) => sum + transport.takenBytes, 0);
  }

  /** The other end has delivered all there was to deliver. */
  delivered(): void {
    if (this.#isAsking) this.#closeExtra();
  }

  /** The link is over: so are the lanes that this peer opened for it. */
  close(): void {
    this.#isClosed = true;
    this.#closeExtra();
  }

  #isReady(lane: Lane): void {
    lane.isReady = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #emptiest(): Lane {
    return this.#lanes.reduce((best, lane) => {
      if (lane.isReady !== best.isReady) return lane.isReady ? lane : best;
      return lane.transport.unreadBytes < best.transport.unreadBytes ? lane : best;
    });
  }

  #openUpTo(wanted: number, open: () => Promise<Transport>): void {
    while (this.#lanes.length + this.#opening < wanted) void this.#open(open);
  }

  async #open(open: () => Promise<Transport>): Promise<void> {
    const { clock, onChange, onBroken } = this.#options;
    this.#opening++;
    try {
      const transport = await open();
      if (this.#isClosed) return transport.close({ code: "done" });
      const lane: Lane = { transport, isReady: true };
      this.#lanes.push(lane);
      this.#policy.opened();
      onChange(this.#lanes.length);
      this.#isReady(lane);
      this.#cancelIdle ??= clock.after(IDLE_MS_MAX, () => this.#closeIfIdle());
      void transport.closed.then(({ code, detail }) => {
        if (!this.#forget(lane)) return;
        if (transport.unreadBytes > 0) onBroken(`one of its connections ended (${detail ?? code})`);
      });
    } catch (error) {
      this.#policy.failed(clock.nowMs());
      onChange(this.#lanes.length, reasonOf(error));
    } finally {
      this.#opening--;
    }
  }

  /**
   * What the transports know to be unread is rough, and a part that is lost would hold up all later
   * ones: so the other end is asked.
   */
  #closeIfIdle(): void {
    const { clock, askDelivered } = this.#options;
    const idleMs = clock.nowMs() - this.#usedMs;
    this.#isAsking = idleMs >= IDLE_MS_MAX;
    if (this.#isAsking) askDelivered();
    const afterMs = this.#isAsking ? IDLE_MS_MAX : IDLE_MS_MAX - idleMs;
    this.#cancelIdle = clock.after(afterMs, () => this.#closeIfIdle());
  }

  #closeExtra(): void {
    this.#isAsking = false;
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    const extra = this.#lanes.splice(1);
    for (const { transport } of extra) transport.close({ code: "done" });
    if (extra.length > 0) this.#options.onChange(this.#lanes.length);
  }

  /** @returns whether it was one of them. */
  #forget(lane: Lane): boolean {
    const index = this.#lanes.indexOf(lane);
    if (index < 0) return false;
    this.#lanes.splice(index, 1);
    this.#options.onChange(this.#lanes.length);
    return true;
  }
}
