import type { PeerId } from "../ids.ts";
import type { LocalStore } from "../objects/local-store.ts";
import type { MeshPeer } from "../peer/mesh-peer.ts";
import type { LinkCounters } from "../protocol/messages.ts";
import type { BackendReport } from "./executor-api.ts";
import type { MachineState, TaskOrder } from "./machine/types.ts";

/** What a worker does now. Counts are since it joined. */
export interface WorkerSnapshot {
  readonly peer: PeerId;
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
  readonly backend?: BackendReport;
}

/** @param worker what it consists of, and what it has counted. */
export function snapshotOf(worker: {
  readonly peer: MeshPeer;
  readonly store: LocalStore;
  readonly state: MachineState;
  readonly tasksDone: number;
  readonly tasksFailed: number;
  readonly backend: BackendReport | undefined;
}): WorkerSnapshot {
  const { peer, store, state, tasksDone, tasksFailed, backend } = worker;
  const running = [...state.orders.values()].filter(
    (order): order is TaskOrder => order.kind !== "call" && order.state === "assigned",
  );
  return {
    peer: peer.self,
    tasksRunning: running.length,
    tasksDone,
    tasksFailed,
    actors: state.actors.size,
    storedBytes: store.storedBytes,
    spilledBytes: store.usage().spilledBytes,
    links: peer.links.counters(),
    current: [...new Set(running.map(({ name }) => name))],
    ...(backend ? { backend } : {}),
  };
}
