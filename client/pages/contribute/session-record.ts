import type { ContributionSnapshot } from "../../browser-worker/contribution-types.ts";
import type { LinkCounters } from "../../../shared/protocol/messages.ts";
import { History } from "../page/sparkline.ts";

/** Short gaps between tasks are still work: a tab is idle only after this long without any. */
const QUIET_MS_MAX = 1_500;
const RATE_SAMPLES = 60;

/**
 * What a page can say about a whole contribution, from snapshots that each tell only the present:
 * links come and go with their counters, and the engine does not keep time.
 */
export class SessionRecord {
  /** Tasks a second, sampled by {@link sample}. */
  readonly rates = new History(RATE_SAMPLES);
  readonly #traffic = new Map<string, LinkCounters>();
  #pastSentBytes = 0;
  #pastReceivedBytes = 0;
  #workedMs = 0;
  #workingSinceMs: number | undefined;
  #busyMs = -Infinity;
  #ended = 0;
  #sampled: { readonly atMs: number; readonly ended: number } | undefined;

  note(snapshot: ContributionSnapshot, nowMs: number): void {
    if (snapshot.phase === "working") {
      this.#workingSinceMs ??= nowMs;
    } else if (this.#workingSinceMs !== undefined) {
      this.#workedMs += nowMs - this.#workingSinceMs;
      this.#workingSinceMs = undefined;
    }
    const ended = snapshot.tasksDone + snapshot.tasksFailed;
    if (snapshot.tasksRunning > 0 || ended !== this.#ended) this.#busyMs = nowMs;
    this.#ended = ended;
    for (const link of snapshot.links) this.#count(link);
  }

  /** Call about once a second. */
  sample(nowMs: number): void {
    const last = this.#sampled;
    if (last && nowMs > last.atMs) {
      this.rates.add(((this.#ended - last.ended) * 1_000) / (nowMs - last.atMs));
    }
    this.#sampled = { atMs: nowMs, ended: this.#ended };
  }

  contributedMs(nowMs: number): number {
    return this.#workedMs + (this.#workingSinceMs === undefined ? 0 : nowMs - this.#workingSinceMs);
  }

  isBusy(nowMs: number): boolean {
    return nowMs - this.#busyMs <= QUIET_MS_MAX;
  }

  get sentBytes(): number {
    return this.#sum((link) => link.sentBytes) + this.#pastSentBytes;
  }

  get receivedBytes(): number {
    return this.#sum((link) => link.receivedBytes) + this.#pastReceivedBytes;
  }

  #count(link: LinkCounters): void {
    const key = `${link.peer} ${link.path}`;
    const before = this.#traffic.get(key);
    // Counters that went back belong to a new link: what the old one moved stays counted.
    if (
      before &&
      (link.sentBytes < before.sentBytes || link.receivedBytes < before.receivedBytes)
    ) {
      this.#pastSentBytes += before.sentBytes;
      this.#pastReceivedBytes += before.receivedBytes;
    }
    this.#traffic.set(key, link);
  }

  #sum(bytesOf: (link: LinkCounters) => number): number {
    let sum = 0;
    for (const link of this.#traffic.values()) sum += bytesOf(link);
    return sum;
  }
}
