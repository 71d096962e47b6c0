import type { ActorId, CallableId, ObjectId, PeerId, TaskId } from "../../ids.ts";
import { checkInvariants } from "./invariants.ts";
import { emptyState } from "./state.ts";
import { step } from "./step.ts";
import type { ExecutorId, MachineEffect, MachineEvent, MachineSettings } from "./types.ts";

type Stimulus = MachineEvent extends infer E
  ? E extends unknown
    ? Omit<E, "atMs">
    : never
  : never;

export const object = "d.1" as ObjectId;
export const alice = "alice" as PeerId;
export const bob = "bob" as PeerId;

/** A worker with two CPUs and two warm executors, unless told otherwise. */
export function worker(settings: Partial<MachineSettings> = {}) {
  const state = emptyState({
    workerName: "w",
    capacity: { cpuMilli: 2_000, gpuMilli: 0, memoryBytes: 100 },
    executorsMin: 2,
    executorsMax: 2,
    ...settings,
  });
  let atMs = 0;
  let keys = 0;
  const all: MachineEffect[] = [];
  const feed = (stimulus: Stimulus): MachineEffect[] => {
    const effects = step(state, { ...stimulus, atMs });
    checkInvariants(state);
    all.push(...effects);
    return effects;
  };
  return {
    state,
    all,
    feed,
    at(ms: number) {
      atMs = ms;
      return feed({ type: "tick" });
    },
    start() {
      feed({ type: "started" });
      for (const executor of state.executors.keys()) feed({ type: "executor-ready", executor });
    },
    order(task: string, more: Partial<Extract<Stimulus, { type: "run-ordered" }>> = {}) {
      return feed({
        type: "run-ordered",
        key: String(keys++),
        kind: "task",
        task: task as TaskId,
        attempt: 0,
        callable: "f" as CallableId,
        name: "f",
        demands: { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 },
        missing: [],
        ...more,
      });
    },
    finish(executor: ExecutorId, key: string, ranForMs = 5) {
      return feed({ type: "order-finished", executor, outcome: { key, ranForMs } });
    },
  };
}

/** Effects in short: `give 3 e0`, `report t1 TASK_TIMEOUT`. */
export const short = (effects: readonly MachineEffect[]): string[] =>
  effects.map((effect) => {
    switch (effect.type) {
      case "give-order":
        return `give ${effect.key} ${effect.executor}`;
      case "abort-order":
        return `abort ${effect.key} ${effect.executor}`;
      case "report-task":
        return `report ${effect.order.task} ${effect.outcome.error?.code ?? "done"}`;
      case "return-task":
        return `return ${effect.order.task}`;
      case "report-call":
        return `answer ${effect.order.key} ${effect.outcome.error?.code ?? "done"}`;
      case "spawn-executor":
      case "stop-executor":
        return `${effect.type.slice(0, -9)} ${effect.executor}`;
      case "fetch-object":
      case "stop-fetch":
        return `${effect.type.slice(0, 5)} ${effect.object}`;
      case "host-actor":
      case "drop-actor":
      case "end-actor":
        return `${effect.type.slice(0, -6)} ${effect.actor}`;
      case "ignore-order":
        return `ignore ${effect.key}`;
    }
  });

export const light = { cpuMilli: 0, gpuMilli: 0, memoryBytes: 10 };

/** Two light actors, `x` and `y`, alive on e2. */
export function withActors() {
  const w = worker();
  w.start();
  w.order("x", { kind: "create-actor", demands: light });
  w.order("y", { kind: "create-actor", demands: light });
  w.feed({ type: "executor-ready", executor: "e2" });
  w.finish("e2", "0");
  w.finish("e2", "1");
  const call = (key: string, caller = alice, missing: ObjectId[] = []) =>
    short(w.feed({ type: "call-received", key, actor: "x" as ActorId, caller, missing }));
  return { ...w, call };
}
