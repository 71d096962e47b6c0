import type { Clock } from "../clock.ts";
import type { Introduction, Path } from "../protocol/messages.ts";
import type { Transport } from "../transport/transport.ts";
import { withDeadline } from "./deadline.ts";

/** Gathering candidates and trying them takes WebRTC some seconds behind bad networks. */
const DIAL_MS_MAX = 10_000;

/** One way to reach peers. */
export interface Dialer {
  readonly path: Path;
  /** Undefined if this path may work; else the reason in words why it cannot, to that peer. */
  obstacle(introduction: Introduction): string | undefined;
  /** Undefined if one more connection may be opened beside another to the same peer; else why not. */
  laneObstacle?(): string | undefined;
  /** @param deadlineMs how long it may take, from now. */
  dial(introduction: Introduction, deadlineMs: number): Promise<Transport>;
}

/** Dial, within a deadline even if the dialer does not keep it. A transport that comes later is closed. */
export async function openTransport(
  dialer: Dialer,
  introduction: Introduction,
  clock: Clock,
): Promise<Transport> {
  const dialing = dialer.dial(introduction, DIAL_MS_MAX);
  try {
    return await withDeadline(dialing, { clock, deadlineMs: DIAL_MS_MAX, what: "opening it" });
  } catch (error) {
    dialing.then(
      (late) => late.close({ code: "timeout" }),
      () => undefined,
    );
    throw error;
  }
}
