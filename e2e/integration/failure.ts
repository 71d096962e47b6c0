import type { MeshError } from "manta";

/** What a promise fails with. A promise that does not fail is a failure of the test. */
export function failure(promise: Promise<unknown>): Promise<MeshError> {
  return promise.then(
    (value) => {
      throw new Error(`it should have failed, not given ${String(value)}`);
    },
    (error: unknown) => error as MeshError,
  );
}
