import type { Mesh } from "manta";

/** One of Ray's own microbenchmarks, for Manta. Its twin in Python is in bodies.py, by the same name. */
export interface RayBody {
  /** As in Ray's published results; `ray microbenchmark` prints it in words. */
  readonly name: string;
  readonly measures: string;
  /** What one run of the body counts for. */
  readonly operations: number;
  /** The ratio to Ray that is promised. */
  readonly atLeast?: number;
  /** Make what the body needs. */
  prepare(mesh: Mesh): Promise<PreparedBody> | PreparedBody;
}

export interface PreparedBody {
  run(): Promise<void>;
  /** Give back what it held: the next row finds the mesh as this one did. */
  close?(): void;
}
