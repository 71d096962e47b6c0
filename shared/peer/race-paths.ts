import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import type { Introduction } from "../protocol/messages.ts";
import type { Transport } from "../transport/transport.ts";
import { reasonOf } from "./deadline.ts";
import { openTransport, type Dialer } from "./dialer.ts";
import type { Link } from "./link.ts";
import { PathRace, type RaceEffect } from "./path-race.ts";

/** What fits into a link's reason. */
const REASON_CHARS_MAX = 256;

/** Says hello on a transport that opened; `reason` is why no better path is used. */
export type Greet = (transport: Transport, reason: string | undefined) => Promise<Link>;

export interface RaceOptions {
  readonly clock: Clock;
  /** Best first. */
  readonly dialers: readonly Dialer[];
  readonly introduction: Introduction;
  readonly greet: Greet;
}

/** The shell of {@link PathRace}: dials, greets, and moves to the better link when one opens later. */
export class PathRunner {
  /**
   * The link by the first path that works. Rejects with `PEER_UNREACHABLE` that says of each path
   * why it failed.
   */
  readonly link: Promise<Link>;
  readonly #options: RaceOptions;
  readonly #race: PathRace;
  #inUse: Link | undefined;
  #resolve!: (link: Link) => void;
  #reject!: (error: MeshError) => void;
  #cancelTimer = (): void => {};
  #isStopped = false;

  constructor(options: RaceOptions) {
    this.#options = options;
    this.link = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#race = new PathRace(
      options.dialers.map((dialer) => ({
        path: dialer.path,
        obstacle: dialer.obstacle(options.introduction),
      })),
    );
    this.#apply(this.#race.step({ type: "started" }));
  }

  /** The other end has opened a link. */
  admitted(link: Link): void {
    this.#apply(this.#race.step({ type: "admitted", path: link.path }), link);
  }

  /** No link is needed (any more): what opens later is closed. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  /** @param opened the link that has just opened. */
  #apply(effects: readonly RaceEffect[], opened?: Link): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "dial":
          void this.#dial(effect.index);
          break;
        case "set-timer":
          this.#cancelTimer();
          this.#cancelTimer = this.#options.clock.after(effect.delayMs, () =>
            this.#apply(this.#race.step({ type: "head-start-over" })),
          );
          break;
        case "stop-timer":
          this.#cancelTimer();
          break;
        case "won":
          this.#inUse = opened;
          this.#resolve(opened!);
          break;
        case "move":
          this.#inUse?.close({ code: "done", detail: `a better path is open: ${opened!.path}` });
          this.#inUse = opened;
          break;
        case "explain":
          this.#inUse?.explainPath(this.#reason(effect.index));
          break;
        case "lost":
          this.#reject(this.#lost(effect.failures));
      }
    }
  }

  async #dial(index: number): Promise<void> {
    const { dialers, introduction, clock, greet } = this.#options;
    try {
      const transport = await openTransport(dialers[index]!, introduction, clock);
      if (this.#isStopped || !this.#race.wants(index)) {
        transport.close({ code: "done", detail: "not needed any more" });
        return;
      }
      const link = await greet(transport, this.#reason(index));
      if (this.#isStopped) {
        link.close({ code: "done", detail: "not needed any more" });
      } else if (this.#race.isSuperfluous(index)) {
        link.close({ code: "done", detail: "a better path is open" });
      } else this.#apply(this.#race.step({ type: "opened", index }), link);
    } catch (error) {
      if (this.#isStopped) return;
      this.#apply(this.#race.step({ type: "failed", index, why: reasonOf(error) }));
    }
  }

  #reason(index: number): string | undefined {
    return this.#race.reason(index)?.slice(0, REASON_CHARS_MAX);
  }

  #lost(failures: readonly string[]): MeshError {
    const { peer } = this.#options.introduction;
    return new MeshError(
      "PEER_UNREACHABLE",
      `${peer} cannot be reached by any of ${failures.length} paths: ${failures.join("; ")}; check ` +
        `that the peer's network allows one of them, then try again`,
      { peer },
    );
  }
}
