import { afterAll, beforeAll, expect, test } from "vitest";
import { startMesh, type StartedMesh } from "manta";
import { failure } from "./failure.ts";
import { processId } from "./process-id.ts";

/** Placement groups and strategies on real processes: two Node workers with two CPUs each. */
let started: StartedMesh;
const mesh = () => started.mesh;

beforeAll(async () => {
  started = await startMesh({ workers: 2, cpus: 2 });
});
afterAll(() => started.mesh.close());

class Member {
  where(): number {
    return (globalThis as unknown as { process: { pid: number } }).process.pid;
  }
}

test("tasks and actors run where their bundles are, and end with the group", async () => {
  const group = mesh().placementGroup({
    bundles: [{ cpus: 1 }, { cpus: 1 }],
    strategy: "strictSpread",
    name: "pair",
  });
  await group.ready({ timeoutMs: 10_000 });
  expect(await group.explain()).toMatch(/pair .* has its places: node-\d, node-\d/);
  const pids = [0, 1].map((bundle) => mesh().remote(processId, { strategy: { group, bundle } })());
  const members = [0, 1].map((bundle) =>
    mesh().actor(Member, { strategy: { group, bundle } }).create(),
  );
  const ofTasks = await mesh().get(pids);
  const ofActors = await mesh().get(members.map((member) => member.where()));
  expect(ofTasks.toSorted()).toEqual(started.workerPids.toSorted());
  expect(ofActors).toEqual(ofTasks);

  using never = mesh().remote(() => new Promise<void>(() => {}), { strategy: { group } })();
  group.remove();
  const lost = await failure(mesh().get(never));
  expect(lost.code).toBe("PLACEMENT_GROUP_REMOVED");
  expect(lost.message).toContain("pair");
  const dead = await failure(mesh().get(members[0]!.where()));
  expect(dead.message).toContain("pair");
  const late = await failure(mesh().remote(processId, { strategy: { group } })().get());
  expect(late.code).toBe("PLACEMENT_GROUP_REMOVED");
});

test("a group that has no place says why, and is placed when others make room", async () => {
  const strategy = "strictPack";
  const first = mesh().placementGroup({ bundles: [{ cpus: 2 }, { cpus: 0.5 }], strategy });
  const late = await failure(first.ready({ timeoutMs: 200 }));
  expect(late.code).toBe("TIMEOUT");
  expect(late.message).toContain("could not hold strictPack even when idle");
  first.remove();
  const holders = [1, 2].map(() => mesh().placementGroup({ bundles: [{ cpus: 2 }] }));
  await Promise.all(holders.map((holder) => holder.ready()));
  const next = mesh().placementGroup({ bundles: [{ cpus: 1 }, { cpus: 1 }], strategy });
  expect(await next.explain()).toContain("it will be placed when enough is free at one time");
  for (const holder of holders) holder.remove();
  await next.ready();
  next.remove();
});

test("spread takes turns, an affinity stays", async () => {
  const spread = mesh().remote(processId, { cpus: 0.1, strategy: "spread" });
  const pids = await mesh().get([spread(), spread(), spread(), spread()]);
  expect(new Set(pids)).toEqual(new Set(started.workerPids));
  const stay = mesh().remote(processId, { cpus: 0.1, strategy: { affinity: "node-2" } });
  const same = await mesh().get([stay(), stay(), stay()]);
  expect(new Set(same)).toEqual(new Set([started.workerPids[1]]));
});
