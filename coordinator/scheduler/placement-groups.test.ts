import { describe, expect, test } from "vitest";
import type { GroupId, JobId, PeerId, TaskId } from "../../shared/ids.ts";
import { explainGroup } from "./explain-groups.ts";
import { explainTask } from "./explain.ts";
import type { PackStrategy } from "./policy/bundles.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";
import type { SchedulerEffect } from "./types.ts";

const G = "d.g" as GroupId;

function create(
  scheduler: TestScheduler,
  strategy: PackStrategy,
  ...sizes: number[]
): SchedulerEffect[] {
  return scheduler.feed({
    type: "placement-group-created",
    group: G,
    job: "d" as JobId,
    name: "trainers",
    strategy,
    bundles: sizes.map((size) => ({ demands: cpus(size), labels: {} })),
  });
}

const remove = (scheduler: TestScheduler): SchedulerEffect[] =>
  scheduler.feed({ type: "placement-group-removed", group: G, why: "its driver removed it" });

const inside = (bundle?: number) => ({
  strategy: { group: G, ...(bundle === undefined ? {} : { bundle }) },
});

const used = (scheduler: TestScheduler, worker: string): number =>
  scheduler.state.workers.get(worker as PeerId)!.used.cpuMilli;

const places = (scheduler: TestScheduler): (string | undefined)[] =>
  scheduler.state.placementGroups.get(G)!.bundles.map(({ place }) => place?.id);

const READY = { type: "placement-group-ready", group: G };

describe("a placement group", () => {
  test("[S7] reserves all bundles together, and its readiness is told", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(2));
    scheduler.join("w2", cpus(2));
    expect(create(scheduler, "strictSpread", 1, 2)).toEqual([READY]);
    expect(places(scheduler).toSorted()).toEqual(["w1", "w2"]);
    expect(used(scheduler, "w1") + used(scheduler, "w2")).toBe(3_000);
  });

  test("[S7] reserves nothing while one bundle has no place, and all once it has", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(2));
    expect(create(scheduler, "spread", 1, 2)).toEqual([]);
    expect(used(scheduler, "w1")).toBe(0);
    expect(scheduler.join("w2", cpus(2))).toEqual([READY]);
  });

  test("is placed when the tasks end that were in its way", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(2));
    scheduler.define("f");
    scheduler.submit("t", "f");
    expect(create(scheduler, "strictPack", 1, 1)).toEqual([]);
    expect(scheduler.done("w1", "t")).toContainEqual(READY);
  });

  test("is placed where a task lends its CPUs, which may wait for what is to run there", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(1));
    scheduler.define("f");
    scheduler.submit("t", "f");
    expect(create(scheduler, "pack", 1)).toEqual([]);
    const blocked = { worker: "w1" as PeerId, task: "t" as TaskId, attempt: 0 };
    expect(scheduler.feed({ type: "task-blocked", ...blocked })).toEqual([READY]);
  });

  test("has its turn, however many before it find no place", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(4));
    scheduler.define("f");
    scheduler.submit("t", "f");
    const add = (group: string, size: number) => {
      const bundles = [{ demands: cpus(size), labels: {} }];
      const about = { job: "d" as JobId, name: group, strategy: "pack", bundles } as const;
      return scheduler.feed({
        type: "placement-group-created",
        group: group as GroupId,
        ...about,
      });
    };
    // What runs keeps them out.
    for (let i = 0; i < 9; i++) expect(add(`d.big${i}`, 4)).toEqual([]);
    const effects = add("d.small", 3);
    for (let i = 1; i < 3; i++) effects.push(...scheduler.tick(i));
    expect(effects).toEqual([{ type: "placement-group-ready", group: "d.small" }]);
    // All are tried once, and then none before there is more room.
    expect(scheduler.state.untriedGroups.size).toBe(0);
  });

  test("that is packed has each bundle where its own labels want it", () => {
    const scheduler = new TestScheduler();
    // There is room for all where the first wants to be.
    scheduler.join("w1", cpus(8), { zone: "a" });
    scheduler.join("w2", cpus(2), { zone: "b" });
    const labelled = ["a", "b", "a"].map((zone) => ({
      demands: cpus(zone === "a" ? 1 : 2),
      labels: { zone },
    }));
    const about = { job: "d" as JobId, name: "trainers", strategy: "pack" } as const;
    const event = { type: "placement-group-created", group: G, ...about } as const;
    scheduler.feed({ ...event, bundles: labelled });
    expect(places(scheduler)).toEqual(["w1", "w2", "w1"]);
  });

  test("[S8] is not kept waiting by a stream of short tasks that are given ahead", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(1));
    scheduler.define("f");
    scheduler.submit("first", "f");
    scheduler.done("w1", "first", 0, 1);
    for (let i = 0; i < 10; i++) scheduler.submit(`t${i}`, "f");
    create(scheduler, "pack", 1);
    let isReady = false;
    for (let i = 0; i < 10 && !isReady; i++) {
      scheduler.submit(`more${i}`, "f");
      isReady = scheduler.done("w1", `t${i}`, 0, 1).some(({ type }) => type === READY.type);
    }
    expect(isReady).toBe(true);
  });

  test("[S7] gives its room to its own tasks only, and they have no other", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(3));
    create(scheduler, "pack", 1, 1);
    scheduler.define("in", inside());
    scheduler.define("second", inside(1));
    scheduler.define("out");
    expect(runsIn(scheduler.submit("a", "second"))).toEqual(["a on w1"]);
    expect(runsIn(scheduler.submit("b", "second"))).toEqual([]);
    expect(runsIn(scheduler.submit("c", "in"))).toEqual(["c on w1"]);
    expect(runsIn(scheduler.submit("d", "in"))).toEqual([]);
    expect(runsIn(scheduler.submit("e", "out"))).toEqual(["e on w1"]);
    expect(runsIn(scheduler.submit("f", "out"))).toEqual([]);
    expect(runsIn(scheduler.done("w1", "a"))).toEqual(["b on w1"]);
    expect(runsIn(scheduler.done("w1", "e"))).toEqual(["f on w1"]);
  });

  test("[S10] whose worker is lost gets another place, and its task runs there", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(1));
    create(scheduler, "pack", 1);
    scheduler.define("in", inside());
    scheduler.submit("a", "in");
    expect(runsIn(scheduler.leave("w1"))).toEqual([]);
    expect(explainTask(scheduler.state, scheduler.task("a")!, { atMs: 0 }).text).toContain(
      "waits for its placement group: placement group trainers (d.g) lost workers, and waits for other places for bundle 0 (1 cpus; 0 worker(s) could hold it)",
    );
    const effects = scheduler.join("w2", cpus(1));
    expect(runsIn(effects)).toEqual(["a on w2"]);
    expect(effects).not.toContainEqual(READY);
  });

  test("[S10] that is removed gives everything back, and what was in it fails with a code of its own", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(2));
    create(scheduler, "pack", 1, 1);
    scheduler.define("in", inside());
    scheduler.define("actor", { ...inside(), isActor: true, demands: cpus(1) });
    scheduler.submit("actor", "actor");
    scheduler.done("w1", "actor");
    scheduler.submit("running", "in");
    scheduler.submit("queued", "in");
    scheduler.submit("waiting", "in", ["object"]);
    const effects = remove(scheduler);
    const code = "PLACEMENT_GROUP_REMOVED";
    expect(effects).toMatchObject([
      { type: "stop-actor", actor: "actor" },
      { type: "actor-died", actor: "actor", error: { code } },
      { type: "cancel-run", task: "running" },
      { type: "fail-task", task: "running", error: { code } },
      { type: "fail-task", task: "queued", error: { code } },
      { type: "placement-group-ended", group: G, error: { code } },
    ]);
    expect(used(scheduler, "w1")).toBe(0);
    expect(scheduler.submit("late", "in")).toMatchObject([{ task: "late", error: { code } }]);
    const arrived = scheduler.feed({ type: "object-available", object: "object" as never });
    expect(arrived).toMatchObject([{ task: "waiting" as TaskId, error: { code } }]);
  });

  test("ends with its job", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(2));
    create(scheduler, "pack", 2);
    scheduler.feed({ type: "job-ended", job: "d" as JobId });
    expect(scheduler.state.placementGroups.size).toBe(0);
    expect(used(scheduler, "w1")).toBe(0);
  });

  test("that waits long is explained and warned of once, hopeless or not", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(2));
    create(scheduler, "strictSpread", 1, 2);
    const group = scheduler.state.placementGroups.get(G)!;
    expect(explainGroup(scheduler.state, group)).toBe(
      "placement group trainers (d.g) waits for places for bundle 0 (1 cpus; 1 worker(s) could hold it), bundle 1 (2 cpus; 1 worker(s) could hold it): the mesh could not hold strictSpread even when idle (1 worker(s) are connected): ask for less, or connect workers",
    );
    scheduler.beat("w1");
    expect(scheduler.tick(5_000)).toMatchObject([{ type: "warn", task: G }]);
    expect(scheduler.tick(6_000)).toEqual([]);
  });
});
