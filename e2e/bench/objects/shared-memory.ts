import { startMesh } from "manta";
import { median } from "../compare.ts";
import type { Row } from "../suite.ts";

const SIZES = { "1MiB": 2 ** 20, "256MiB": 256 * 2 ** 20 };
const EXECUTORS = [1, 2, 4];
const ROUNDS = 200;
const WARM_UP_ROUNDS = 50;

export const sharedMemory: Row = {
  name: "read_by_executors",
  measures:
    "One object that is in a Node worker, read there by 1, 2 and 4 executors at once: each of so many actors takes its ref and looks at both ends of it. The time must not depend on the size.",
  async *run() {
    // A CPU for each reader, and one for the task that makes the object.
    const { mesh } = await startMesh({ workers: 1, cpus: 5, name: "bench" });
    try {
      const make = mesh.remote((size: number) => new Uint8Array(size).fill(7), { name: "make" });
      const Reader = mesh.actor(
        class Reader {
          read(value: Uint8Array) {
            return value[0]! + value.at(-1)! + value.length;
          }
          /** Which executor this is: they share no globals. */
          executor() {
            const here = globalThis as { benchExecutor?: number };
            return (here.benchExecutor ??= Math.random());
          }
        },
        { cpus: 1 },
      );
      const readers = Array.from({ length: Math.max(...EXECUTORS) }, () => Reader.create());
      const executors = await mesh.get(readers.map((reader) => reader.executor()));
      if (new Set(executors).size < readers.length) throw new Error("readers share executors");
      for (const [size, sizeBytes] of Object.entries(SIZES)) {
        using made = make(sizeBytes);
        for (const count of EXECUTORS) {
          const tookMs: number[] = [];
          for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
            const startedMs = performance.now();
            const seen = readers.slice(0, count).map((reader) => reader.read(made));
            const sums = await mesh.get(seen);
            if (round >= 0) tookMs.push(performance.now() - startedMs);
            for (const ref of seen) ref.dispose();
            if (sums.some((sum) => sum !== sizeBytes + 14)) throw new Error("not what was made");
          }
          yield { name: `read_${size}_by_${count}`, value: median(tookMs), unit: "ms" };
        }
      }
    } finally {
      await mesh.close();
    }
  },
};
