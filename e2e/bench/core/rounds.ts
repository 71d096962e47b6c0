import type { Mesh, ObjectRef } from "manta";

/** Tasks or calls in one round: what Ray's microbenchmarks use. */
export const ROUND = 1_000;

/** Make so many results, and get them all at once. */
export async function getRound(mesh: Mesh, make: () => ObjectRef): Promise<void> {
  const refs = Array.from({ length: ROUND }, make);
  await mesh.get(refs);
  for (const ref of refs) ref.dispose();
}
