import type { RayBody } from "./body.ts";

const GROUPS = 100;
const READY_MS_MAX = 30_000;

export const PLACEMENT_BODIES: readonly RayBody[] = [
  {
    name: "placement_group_create/removal",
    measures:
      "100 placement groups of one bundle made, waited for and removed: groups per second. A bundle is a thousandth of a CPU, where Ray's is one of a custom resource.",
    operations: GROUPS,
    atLeast: 3,
    prepare: (mesh) => ({
      async run() {
        const groups = Array.from({ length: GROUPS }, () =>
          mesh.placementGroup({ bundles: [{ cpus: 0.001 }] }),
        );
        for (const group of groups) await group.ready({ timeoutMs: READY_MS_MAX });
        for (const group of groups) group.remove();
      },
    }),
  },
];
