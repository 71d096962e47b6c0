import { setTimeout as pause } from "node:timers/promises";
import { startMesh, type ObjectRef } from "manta";
import type { Row } from "../suite.ts";
import { CoordinatorMemory } from "./coordinator-memory.ts";

const TASKS = 1_000_000;
/** Submitted in one turn of the event loop: what a program's loop over its data would do at a time. */
const AT_ONCE = 10_000;

export const queuedMillion: Row = {
  name: "queued_1M",
  measures:
    "1,000,000 no-op tasks queued while the only slot of the only worker is held, then drained: one driver, one Node worker. Ray's release test of a node with a million queued tasks does the same.",
  async *run() {
    const { mesh, url, tokens } = await startMesh({ workers: 1, cpus: 1, name: "bench" });
    const memory = new CoordinatorMemory(url, tokens.view);
    try {
      const Holder = mesh.actor(
        class Holder {
          isHere() {
            return true;
          }
        },
        { cpus: 1 },
      );
      const holder = Holder.create();
      await mesh.get(holder.isHere());
      const before = await memory.settled();
      memory.watch();
      const noop = mesh.remote(() => "ok");
      const startedMs = performance.now();
      const refs: ObjectRef[] = [];
      while (refs.length < TASKS) {
        for (let i = 0; i < AT_ONCE; i++) refs.push(noop());
        await pause(0);
      }
      while ((await mesh.summary()).tasksReady < TASKS) await pause(100);
      const queuedMs = performance.now() - startedMs;
      const queued = await memory.settled();
      mesh.kill(holder);
      const drainingMs = performance.now();
      await mesh.get(refs);
      const drainedMs = performance.now() - drainingMs;
      yield { name: "queue_1M", value: queuedMs / 1_000, unit: "s" };
      yield { name: "drain_1M", value: drainedMs / 1_000, unit: "s" };
      yield { name: "drain_1M_rate", value: (TASKS * 1_000) / drainedMs, unit: "1/s" };
      yield {
        name: "bytes_per_queued_task",
        value: (queued.heapBytes - before.heapBytes) / TASKS,
        unit: "bytes",
        note: "of the coordinator's heap, with what cannot be told from garbage there",
        target: { below: 1_024 },
      };
      yield {
        name: "coordinator_memory_1M",
        value: memory.peakBytes / 2 ** 20,
        unit: "MiB",
        note: "resident, at its peak",
      };
    } finally {
      memory.stop();
      await mesh.close();
    }
  },
};
