import { describe, expect, test } from "vitest";
import { explainTask } from "./explain.ts";
import { cpus, runsIn, TestScheduler } from "./test-scheduler.ts";

/** Where so many tasks of a class go, one after another. */
function places(scheduler: TestScheduler, definition: string, count: number): string[] {
  const effects = [];
  for (let i = 0; i < count; i++) {
    effects.push(...scheduler.submit(`${definition}${i}`, definition));
  }
  return runsIn(effects).map((text) => text.split(" on ")[1]!);
}

const explained = (scheduler: TestScheduler, task: string): string =>
  explainTask(scheduler.state, scheduler.task(task)!, { atMs: scheduler.nowMs }).text;

describe("label selectors", () => {
  test("a negation takes workers with another label, and those without", () => {
    const scheduler = new TestScheduler();
    scheduler.join("tab", cpus(4), { runtime: "browser" });
    scheduler.join("node", cpus(1), { runtime: "node" });
    scheduler.join("bare", cpus(1));
    scheduler.define("f", { labels: { runtime: "!browser" } });
    expect(places(scheduler, "f", 3)).toEqual(["node", "bare"]);
  });

  test("a list takes each of its values; the explanation names the label that does not match", () => {
    const scheduler = new TestScheduler();
    scheduler.join("asia", cpus(1), { zone: "asia" });
    scheduler.define("f", { labels: { zone: "in(eu,us)" } });
    scheduler.submit("t", "f");
    expect(explained(scheduler, "t")).toContain(
      "it needs 1 cpus, zone in (eu, us), but worker asia has zone = asia",
    );
    expect(runsIn(scheduler.join("us", cpus(1), { zone: "us" }))).toEqual(["t on us"]);
  });
});

describe("fallbacks", () => {
  const withFallback = (): TestScheduler => {
    const scheduler = new TestScheduler();
    const fallback = [{ zone: "eu" }, { zone: "us" }];
    scheduler.define("f", { labels: { gpu: "fast" }, fallback });
    return scheduler;
  };

  test("[S2] are used in their order while nobody preferred has room", () => {
    const scheduler = withFallback();
    scheduler.join("us", cpus(2), { zone: "us" });
    scheduler.join("eu", cpus(2), { zone: "eu" });
    scheduler.join("fast", cpus(1), { gpu: "fast", zone: "us" });
    expect(places(scheduler, "f", 6)).toEqual(["fast", "eu", "eu", "us", "us"]);
    expect(runsIn(scheduler.done("fast", "f0"))).toEqual(["f5 on fast"]);
  });

  test("are named when nobody is there", () => {
    const scheduler = withFallback();
    scheduler.join("asia", cpus(1), { zone: "asia" });
    scheduler.submit("t", "f");
    expect(explained(scheduler, "t")).toContain(
      "it needs 1 cpus, gpu = fast, or else zone = eu, or else zone = us, but worker asia has gpu = nothing",
    );
  });
});

describe("strategies", () => {
  test("[S3] the default packs workers up to half of what they have, then takes turns", () => {
    const scheduler = new TestScheduler();
    for (const worker of ["w1", "w2"]) scheduler.join(worker, cpus(4));
    scheduler.define("f");
    expect(places(scheduler, "f", 9)).toEqual(["w1", "w1", "w2", "w2", "w1", "w2", "w1", "w2"]);
  });

  test("what reserves nothing goes to each worker in turn, not all of it to one", () => {
    const scheduler = new TestScheduler();
    for (const worker of ["w1", "w2", "w3"]) scheduler.join(worker, cpus(4));
    scheduler.define("light", { isActor: true, demands: cpus(0) });
    expect(places(scheduler, "light", 4)).toEqual(["w1", "w2", "w3", "w1"]);
  });

  test("spread gives each task to the next worker", () => {
    const scheduler = new TestScheduler();
    for (const worker of ["w1", "w2", "w3"]) scheduler.join(worker, cpus(4));
    scheduler.define("f", { strategy: "spread" });
    expect(places(scheduler, "f", 4)).toEqual(["w1", "w2", "w3", "w1"]);
  });

  test("a hard affinity waits for its worker, by id or name, and says so once it is gone", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w1", cpus(1));
    scheduler.join("w2", cpus(1));
    scheduler.define("id", { strategy: { worker: "w1", isSoft: false } });
    scheduler.define("name", { strategy: { worker: "worker w2", isSoft: false } });
    expect(places(scheduler, "id", 2)).toEqual(["w1"]);
    expect(places(scheduler, "name", 1)).toEqual(["w2"]);
    scheduler.done("w2", "name0");
    scheduler.leave("w1");
    expect(explained(scheduler, "id1")).toContain(
      "it needs 1 cpus, the worker w1, but worker w2 is not w1",
    );
  });

  test("[S2] a soft affinity prefers its worker, and goes elsewhere while that has no room or left", () => {
    const scheduler = new TestScheduler();
    scheduler.join("w2", cpus(4));
    scheduler.join("w1", cpus(1));
    scheduler.define("f", { strategy: { worker: "w1", isSoft: true } });
    expect(places(scheduler, "f", 2)).toEqual(["w1", "w2"]);
    expect(runsIn(scheduler.leave("w1"))).toEqual(["f0 on w2"]);
  });
});
