import type { Mesh, ObjectRef } from "manta";

/** Tasks or calls in one round: what most of Ray's microbenchmarks use. */
export const ROUND = 1_000;

/** Make so many refs, get their values at once, and let go of them, as Python does at scope's end. */
export async function getAndDispose(
  mesh: Mesh,
  count: number,
  make: (index: number) => ObjectRef,
): Promise<void> {
  const refs = Array.from({ length: count }, (_, index) => make(index));
  await mesh.get(refs);
  for (const ref of refs) ref.dispose();
}
