import { expect, test } from "vitest";
import { processId } from "./process-id.ts";
import { sharedMesh } from "./shared-mesh.ts";

/** What people who know Ray rely on, as far as it shows only with real workers: docs/ray.md. */
const started = sharedMesh({ workers: 2, cpus: 2, resources: { lab: 1 } });

test("options say what is different, and leave the rest as it was", async () => {
  const { mesh } = started;
  const here = mesh.remote(processId, { strategy: { affinity: "node-1" }, name: "where" });
  const there = here.options({ strategy: { affinity: "node-2" } });
  const [node1, node2] = started.workerPids;
  const renamed = here.options({ name: "elsewhere" })();
  expect(await mesh.get([here(), there(), renamed])).toEqual([node1, node2, node1]);
  expect((await mesh.explain(there())).text).toContain("where");
  expect((await mesh.explain(renamed)).text).toContain("elsewhere");
});

test("resources of one's own are offered by workers, and bound what runs at a time", async () => {
  const { mesh } = started;
  class Gate {
    waiting: (() => void)[] = [];
    onTwo = () => {};
    two = new Promise<void>((resolve) => (this.onTwo = resolve));
    enter(): Promise<void> {
      return new Promise((resolve) => {
        this.waiting.push(resolve);
        if (this.waiting.length === 2) this.onTwo();
      });
    }
    async open() {
      await this.two;
      for (const resolve of this.waiting) resolve();
      this.enter = async () => {};
    }
    async seesTwo() {
      await this.two;
    }
  }
  const gate = mesh.actor(Gate, { maxConcurrency: 10 }).create();
  const enter = mesh.remote((to: typeof gate) => to.enter().get(), {
    cpus: 0,
    resources: { lab: 1 },
  });
  const refs = [enter(gate), enter(gate), enter(gate)];
  // Each worker has one.
  await mesh.get(gate.seesTwo());
  expect((await mesh.explain(refs[2]!)).state).not.toBe("running");
  await mesh.get([gate.open(), ...refs]);

  const impossible = enter.options({ resources: { lab: 2 } })(gate);
  expect((await mesh.explain(impossible)).text).toContain("node-1 has 1 of lab");
});

test("what a task in a placement group submits runs outside of it, unless it names the group", async () => {
  const { mesh } = started;
  // It has all of one worker.
  const group = mesh.placementGroup({
    bundles: [{ cpus: 1 }, { cpus: 1 }],
    strategy: "strictPack",
  });
  const parent = mesh.remote(
    async (given: { id: string; size: number }) => {
      const inner = await (await import("manta")).connect();
      const pid = inner.remote(
        () => (globalThis as unknown as { process: { pid: number } }).process.pid,
      );
      const inside = pid.options({ strategy: { group: given, bundle: 1 } });
      return inner.get([pid(), inside()]);
    },
    { strategy: { group, bundle: 0 } },
  );
  const home = await mesh.get(mesh.remote(processId, { strategy: { group } })());
  const [outside, inside] = await mesh.get(parent(group));
  expect(inside).toBe(home);
  expect(started.workerPids.filter((pid) => pid !== home)).toEqual([outside]);
});
