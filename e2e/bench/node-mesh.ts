import { availableParallelism } from "node:os";
import { startMesh, type Mesh, type StartedMesh } from "manta";
import type { Stage } from "./stage.ts";

/** A coordinator and one Node worker with one CPU, each a process of its own; this one drives. */
export function nodeMesh(stage: Stage): Promise<StartedMesh> {
  return stage.share(
    "node mesh",
    () => startMesh({ workers: 1, cpus: 1, name: "bench" }),
    ({ mesh }) => mesh.close(),
  );
}

/** The same with all of the machine's CPUs, as `ray.init()` makes one. */
export async function rayMesh(stage: Stage): Promise<Mesh> {
  const { mesh } = await stage.share(
    "ray mesh",
    () => startMesh({ workers: 1, cpus: availableParallelism(), name: "bench" }),
    ({ mesh: started }) => started.close(),
  );
  return mesh;
}
