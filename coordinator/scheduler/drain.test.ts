import { describe, expect, test } from "vitest";
import type { PeerId, TaskId } from "../../shared/ids.ts";
import { explainTask } from "./explain.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";
import type { GroupId, JobId } from "../../shared/ids.ts";

const drain = (s: TestScheduler, worker: string) =>
  s.feed({ type: "worker-draining", worker: worker as PeerId });

describe("[S13] a worker that drains", () => {
  test("gets no task and no actor; what it runs goes on there", () => {
    const s = new TestScheduler();
    s.define("f");
    s.define("A", { isActor: true });
    s.join("w1", cpus(4));
    expect(runsIn(s.submit("t0", "f"))).toEqual(["t0 on w1"]);
    drain(s, "w1");
    expect(runsIn(s.submit("t1", "f"))).toEqual([]);
    expect(runsIn(s.submit("a1", "A"))).toEqual([]);
    s.define("g", { demands: cpus(2) });
    expect(runsIn(s.submit("t2", "g"))).toEqual([]);
    expect(s.done("w1", "t0")).toMatchObject([{ type: "accept-result", task: "t0" }]);
    expect(runsIn(s.join("w2", cpus(4))).toSorted()).toEqual(["a1 on w2", "t1 on w2", "t2 on w2"]);
  });

  test("gets no bundle; a group that only it could hold waits as hopeless", () => {
    const s = new TestScheduler();
    s.join("w1", cpus(4));
    drain(s, "w1");
    const group = "g" as GroupId;
    const effects = s.feed({
      type: "placement-group-created",
      group,
      job: "d" as JobId,
      name: "g",
      strategy: "pack",
      bundles: [{ demands: cpus(1), labels: {} }],
    });
    expect(effects).toEqual([]);
    expect(s.state.placementGroups.get(group)!.isHopeless).toBe(true);
    expect(s.join("w2", cpus(1))).toEqual([{ type: "placement-group-ready", group }]);
  });

  test("gets nothing into a bundle that is on it, until the group has another place", () => {
    const s = new TestScheduler();
    s.join("w1", cpus(4));
    const group = "g" as GroupId;
    const bundles = [{ demands: cpus(1), labels: {} }];
    const about = { job: "d" as JobId, name: "g", strategy: "pack" } as const;
    s.feed({ type: "placement-group-created", group, bundles, ...about });
    s.define("f", { strategy: { group } });
    drain(s, "w1");
    expect(runsIn(s.submit("t", "f"))).toEqual([]);
    s.join("w2", cpus(1));
    expect(runsIn(s.leave("w1"))).toEqual(["t on w2"]);
  });

  test("is asked to return what it was given ahead, which others then run", () => {
    const s = new TestScheduler();
    s.define("f");
    s.join("w1");
    s.submit("t0", "f");
    s.nowMs = 5;
    s.done("w1", "t0", 0, 5);
    for (const task of ["t1", "t2", "t3"]) s.submit(task, "f");
    const tasks = [
      ["t3", 0],
      ["t2", 0],
    ];
    expect(drain(s, "w1")).toEqual([{ type: "recall-runs", worker: "w1", tasks }]);
    expect(drain(s, "w1")).toEqual([]);
    const why = "it had not started";
    const back = { worker: "w1" as PeerId, attempt: 0, missing: [], why };
    s.feed({ type: "task-returned", task: "t2" as TaskId, ...back });
    s.feed({ type: "task-returned", task: "t3" as TaskId, ...back });
    expect(runsIn(s.join("w2"))).toContain("t2 on w2");
  });

  test("explains what only it could run", () => {
    const s = new TestScheduler();
    s.define("f");
    s.join("w1");
    s.join("small", cpus(0));
    drain(s, "w1");
    s.submit("t", "f");
    const task = s.state.tasks.get("t" as TaskId)!;
    const { reason, text } = explainTask(s.state, task, { atMs: 0 });
    expect(reason).toMatchObject({
      code: "worker-draining",
      draining: ["worker w1"],
      total: 1,
    });
    expect(text).toContain("f (t): only workers that are draining could run it (worker w1)");
  });
});
