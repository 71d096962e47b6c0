import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { Introduction } from "../protocol/messages.ts";
import type { Transport } from "../transport/transport.ts";
import { reasonOf } from "./deadline.ts";
import { openTransport, type Dialer } from "./dialer.ts";
import type { Link } from "./link.ts";

/** What fits into a link's reason. */
const REASON_CHARS_MAX = 256;

/** Says hello on a transport that opened; `reason` is why no better path is used. */
export type Greet = (transport: Transport, reason: string | undefined) => Promise<Link>;

/** One attempt to reach a peer, by one path after the other, shared by all who want the link. */
export class Attempt {
  readonly link: Promise<Link>;
  #isSettled = false;
  #resolve!: (link: Link) => void;
  #reject!: (error: Error) => void;
  #cancelPause: (() => void) | undefined;

  constructor() {
    this.link = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether it was decided meanwhile: the peer dialled this one, or has left. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  succeed(link: Link): void {
    this.#settle();
    this.#resolve(link);
  }

  fail(error: unknown): void {
    this.#settle();
    this.#reject(error as Error);
  }

  /** Resolves after `delayMs`, or as soon as the attempt is settled. */
  pause(clock: Clock, delayMs: number): Promise<void> {
    if (delayMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = clock.after(delayMs, resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }

  /**
   * @returns the link by the first path that works; nothing if the attempt was settled meanwhile.
   * @throws MeshError `PEER_UNREACHABLE` that says of each path why it failed.
   */
  async tryPaths(
    clock: Clock,
    dialers: readonly Dialer[],
    introduction: Introduction,
    greet: Greet,
  ): Promise<Link | undefined> {
    const failures: string[] = [];
    for (const dialer of dialers) {
      if (this.#isSettled) return undefined;
      try {
        const obstacle = dialer.obstacle(introduction);
        if (obstacle !== undefined) throw new MeshError("PEER_UNREACHABLE", obstacle);
        const transport = await openTransport(dialer, introduction, clock);
        if (this.#isSettled) {
          transport.close({ code: "done", detail: "not needed any more" });
          return undefined;
        }
        return await greet(transport, failures.join("; ").slice(0, REASON_CHARS_MAX) || undefined);
      } catch (error) {
        failures.push(`${dialer.path}: ${reasonOf(error)}`);
      }
    }
    const { peer } = introduction;
    throw new MeshError(
      "PEER_UNREACHABLE",
      `${peer} cannot be reached by any of ${dialers.length} paths: ${failures.join("; ")}; check ` +
        `that the peer's network allows one of them, then try again`,
      { peer },
    );
  }

  #settle(): void {
    this.#isSettled = true;
    this.#cancelPause?.();
  }
}
