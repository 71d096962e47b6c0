import { Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { ControlPlane } from "../control/control-plane.ts";
import { summarizeMesh } from "../control/queries.ts";
import type { MeshSummary } from "../../shared/protocol/messages.ts";

const GAUGES: Record<keyof MeshSummary, string> = {
  workers: "Connected workers",
  drivers: "Connected drivers",
  tasksWaiting: "Tasks that wait for an argument",
  tasksReady: "Tasks that wait for a worker",
  tasksRunning: "Tasks given to a worker",
  tasksDone: "Tasks that returned, since the start",
  tasksFailed: "Tasks that failed, since the start",
  tasksRetried: "Attempts that were lost and made again, since the start",
  actors: "Actors that live",
  objects: "Objects in the directory",
  objectBytes: "Bytes of objects in the stores of all peers",
  spilledBytes: "Bytes of those that are on disk and not in memory",
  relayedBytes: "Object bytes that connected peers sent through the relay",
};

/** Prometheus metrics: the mesh in numbers, and the coordinator's own process. */
export class Metrics {
  readonly #registry = new Registry();

  constructor(plane: ControlPlane) {
    collectDefaultMetrics({ register: this.#registry, prefix: "manta_coordinator_" });
    for (const [field, help] of Object.entries(GAUGES) as [keyof MeshSummary, string][]) {
      const name = `manta_${field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
      const gauge: Gauge = new Gauge({
        name,
        help,
        registers: [this.#registry],
        collect: () => gauge.set(summarizeMesh(plane)[field] ?? 0),
      });
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
