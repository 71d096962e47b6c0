import { startMesh, type StartedMesh } from "manta";
import type { Stage } from "./stage.ts";

/** A coordinator and one Node worker with one CPU, each a process of its own; this one drives. */
export function nodeMesh(stage: Stage): Promise<StartedMesh> {
  return stage.share(
    "node mesh",
    () => startMesh({ workers: 1, cpus: 1, name: "bench" }),
    ({ mesh }) => mesh.close(),
  );
}
