import { getAndDispose, ROUND } from "../get-and-dispose.ts";
import type { RayBody } from "./body.ts";

export const TASK_BODIES: readonly RayBody[] = [
  {
    name: "single_client_tasks_and_get_batch",
    measures: "1,000 no-op tasks and one get of all: batches per second.",
    operations: 1,
    prepare(mesh) {
      const smallValue = mesh.remote(() => "ok");
      return { run: () => getAndDispose(mesh, ROUND, () => smallValue()) };
    },
  },
  {
    name: "single_client_wait_1k_refs",
    measures: "1,000 no-op tasks, then 1,000 times wait for one of those that are left.",
    operations: 1,
    atLeast: 3,
    prepare(mesh) {
      const smallValue = mesh.remote(() => "ok");
      return {
        async run() {
          const refs = Array.from({ length: ROUND }, () => smallValue());
          let left = refs;
          while (left.length > 0) left = (await mesh.wait(left)).pending;
          for (const ref of refs) ref.dispose();
        },
      };
    },
  },
  {
    name: "single_client_tasks_sync",
    measures: "A no-op task and its result, one after the other.",
    operations: 1,
    atLeast: 3,
    prepare(mesh) {
      const smallValue = mesh.remote(() => "ok");
      return { run: () => getAndDispose(mesh, 1, () => smallValue()) };
    },
  },
  {
    name: "single_client_tasks_async",
    measures: "1,000 no-op tasks at a time.",
    operations: ROUND,
    atLeast: 10,
    prepare(mesh) {
      const smallValue = mesh.remote(() => "ok");
      return { run: () => getAndDispose(mesh, ROUND, () => smallValue()) };
    },
  },
];
