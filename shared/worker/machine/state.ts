import { LinkedSet } from "../../collections/linked-set.ts";
import { noAmounts } from "./amounts.ts";
import type { TaskId } from "../../ids.ts";
import type { MachineSettings, MachineState, TaskOrder } from "./types.ts";

export const emptyState = (settings: MachineSettings): MachineState => ({
  settings,
  orders: new Map(),
  tasks: new Map(),
  executors: new Map(),
  actors: new Map(),
  averageMs: new Map(),
  wanted: new Map(),
  fetchQueue: new LinkedSet(),
  fetching: new Set(),
  returned: new LinkedSet(),
  ready: new LinkedSet(),
  parked: new LinkedSet(),
  idle: new LinkedSet(),
  creating: new LinkedSet(),
  ending: new LinkedSet(),
  used: noAmounts(),
  usedByActors: noAmounts(),
  startFailures: 0,
  spawnAfterMs: 0,
  executorsSpawned: 0,
});

/** A heartbeat names no more. */
const ATTEMPTS_MAX = 16_384;

/** What this worker has and has not finished. */
export const attemptsOf = ({ orders }: MachineState): [TaskId, number][] =>
  [...orders.values()]
    .filter((order): order is TaskOrder => order.kind !== "call")
    .slice(0, ATTEMPTS_MAX)
    .map(({ task, attempt }) => [task, attempt]);
