import type { RayBody } from "./body.ts";

const REFS = 10_000;
/** The array of Ray's benchmark: 838.9 MB, which it counts as 0.8 GB. */
const LARGE_LENGTH = 100 * 1024 * 1024;

export const OBJECT_BODIES: readonly RayBody[] = [
  {
    name: "single_client_get_calls_Plasma_Store",
    measures: "Get of a small value that this driver put.",
    operations: 1,
    async prepare(mesh) {
      const ref = await mesh.put(0);
      return { run: async () => void (await mesh.get(ref)), close: () => ref.dispose() };
    },
  },
  {
    name: "single_client_put_calls_Plasma_Store",
    measures: "Put of a small value.",
    operations: 1,
    prepare: (mesh) => ({ run: async () => (await mesh.put(0)).dispose() }),
  },
  {
    name: "single_client_put_gigabytes",
    measures: "Put of one array of 838.9 MB, counted as 0.8 GB as Ray does: gigabytes per second.",
    operations: 0.8,
    prepare(mesh) {
      const array = new BigInt64Array(LARGE_LENGTH);
      return { run: async () => (await mesh.put(array)).dispose() };
    },
  },
  {
    name: "single_client_get_object_containing_10k_refs",
    measures: "Get of a task's result that is a list of 10,000 refs.",
    operations: 1,
    atLeast: 3,
    async prepare(mesh) {
      const list = mesh.remote(async (count: number) => {
        const inner = await (await import("manta")).connect();
        return Promise.all(Array.from({ length: count }, () => inner.put(1)));
      })(REFS);
      await mesh.wait([list]);
      return {
        async run() {
          for (const ref of await mesh.get(list)) ref.dispose();
        },
        close: () => list.dispose(),
      };
    },
  },
];
