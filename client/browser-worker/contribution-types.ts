import type { PeerId } from "../../shared/ids.ts";
import type { LinkCounters } from "../../shared/protocol/messages.ts";

/**
 * The seam between the contribute page (which shows and decides) and the tab's agent (which joins
 * the mesh and runs work in the cage).
 */

/** What a person agreed to give, and how to reach the mesh. */
export interface ContributionOptions {
  /** The coordinator's origin, such as `http://127.0.0.1:7777`. */
  readonly url: string;
  readonly token: string;
  /** How the tab is called on the dashboard. */
  readonly name: string;
  /** Web Workers that run tasks, at most. */
  readonly executors: number;
  /** Bytes of objects this tab keeps in memory for the mesh, at most. */
  readonly storeBytesMax: number;
  /** Bytes of objects on disk, in the browser's storage for this site, at most. */
  readonly diskBytesMax: number;
  /** Whether tasks may use the graphics processor (WebGPU). */
  readonly gpu: boolean;
  /** False sends everything through the coordinator's relay. */
  readonly webrtc: boolean;
  /** Told after every change, and never after `stopped` or `failed`. */
  onChange(snapshot: ContributionSnapshot): void;
}

/** What the tab does now. Counts and bytes are since Start. */
export interface ContributionSnapshot {
  readonly phase: "measuring" | "connecting" | "working" | "stopping" | "stopped" | "failed";
  /** The tab's id in the mesh, once it has joined. */
  readonly peer?: PeerId;
  readonly tasksRunning: number;
  readonly tasksDone: number;
  readonly tasksFailed: number;
  readonly actors: number;
  /** Of objects here, and how much of that is on disk alone. */
  readonly storedBytes: number;
  readonly spilledBytes: number;
  readonly links: readonly LinkCounters[];
  /** Names of what runs now. */
  readonly current: readonly string[];
  /** Which tensor backend won the measurement, and how the others did. */
  readonly backend?: {
    readonly chosen: string;
    readonly measured: readonly {
      readonly name: string;
      readonly ms?: number;
      readonly rejected?: string;
    }[];
  };
  readonly gpuName?: string;
  /** There when `connecting` again: why the mesh is out of reach. The tab tries until it is stopped. */
  readonly outage?: string;
  /** There when `failed`: what went wrong, and what the person can do. */
  readonly error?: { readonly text: string; readonly next: string };
}

export interface Contribution {
  snapshot(): ContributionSnapshot;
  /** Hand work back, say goodbye, and settle when the tab has left. */
  stop(): Promise<void>;
}

export type Contribute = (options: ContributionOptions) => Contribution;
