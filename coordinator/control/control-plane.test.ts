import { describe, expect, test } from "vitest";
import type { ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import { LEASE_MS_MAX } from "../scheduler/step.ts";
import { meshOf, TestPlane } from "./test-plane.ts";

describe("a task", () => {
  test("goes to a worker with its definition, once, and its result to its driver", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    expect(mesh.sent()).toMatchObject([
      ["w1", { type: "define", callable: "d.f" }],
      ["w1", { type: "run", task: "d.1", attempt: 0, callable: "d.f" }],
    ]);
    mesh.done("w1", "d.1");
    expect(mesh.sent()).toMatchObject([
      ["d", { type: "object-located", worker: "w1", state: { object: "d.1", sizeBytes: 3 } }],
    ]);
    mesh.submit("d.2");
    expect(mesh.sentInShort()).toEqual(["run w1"]);
  });

  test("is run elsewhere when its worker leaves, or is silent", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.worker("w2");
    mesh.sent();
    mesh.leave("w1");
    expect(mesh.sent().at(-1)).toMatchObject(["w2", { type: "run", task: "d.1", attempt: 1 }]);
    mesh.tick(16_001);
    expect(mesh.dropped).toMatchObject([{ peer: "w2", error: { code: "WORKER_LOST" } }]);
    expect(mesh.located("d")).toEqual(["d.1 RETRIES_EXHAUSTED"]);
    expect(mesh.plane.peers.has("w2" as PeerId)).toBe(false);
  });

  test("is run again when its worker does not mention it for long", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.sent();
    for (; mesh.nowMs <= LEASE_MS_MAX; mesh.nowMs += 5_000) {
      mesh.receive("w1", { type: "heartbeat", tasks: [], storedBytes: 0 });
    }
    mesh.tick(LEASE_MS_MAX + 1);
    expect(mesh.sent()).toMatchObject([["w1", { type: "run", attempt: 1 }]]);
  });

  test("submitted again is told its outcome, and does not run again", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.sent();
    mesh.submit("d.1");
    expect(mesh.sent()).toEqual([]);
    mesh.done("w1", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 inline"]);
    mesh.submit("d.1");
    expect(mesh.located("d")).toEqual(["d.1 inline"]);
    expect(mesh.plane.scheduler.tasks.size).toBe(0);
  });

  test("that throws fails with that error", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.receive("w1", {
      type: "task-failed",
      task: "d.1" as TaskId,
      attempt: 0,
      error: { code: "TASK_FAILED", message: "boom" },
      ranForMs: 1,
    });
    expect(mesh.located("d")).toEqual(["d.1 TASK_FAILED"]);
  });

  test("can be cancelled while it waits, is ready, runs, and after it ended", () => {
    const mesh = meshOf("w1");
    const cancel = (task: string) =>
      mesh.receive("d", { type: "cancel-task", task: task as TaskId });
    mesh.submit("d.1");
    mesh.submit("d.2");
    mesh.submit("d.3", "d.f", { dependencies: ["d.2" as ObjectId] });
    mesh.sent();
    cancel("d.3");
    cancel("d.2");
    expect(mesh.located("d")).toEqual(["d.3 TASK_CANCELLED", "d.2 TASK_CANCELLED"]);
    cancel("d.1");
    expect(mesh.sentInShort()).toEqual(["cancel-run w1", "object-located d"]);
    cancel("d.1");
    mesh.done("w1", "d.1", { inline: false });
    expect(mesh.sentInShort()).toEqual(["free-objects w1"]);
  });

  test("of a driver that left is stopped, and nothing of the job is left", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.submit("d.2", "d.f", { dependencies: ["d.1" as ObjectId] });
    mesh.put("d", "d.3");
    mesh.sent();
    mesh.leave("d");
    expect(mesh.sentInShort()).toContain("cancel-run w1");
    const { scheduler, directory, callables, submissions } = mesh.plane;
    const left = [
      scheduler.tasks,
      scheduler.classes,
      scheduler.jobs,
      callables,
      submissions.payloads,
    ];
    expect([...left, directory.objects].map(({ size }) => size)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe("answers that are out of date", () => {
  test("do not count, and what they left behind is freed", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.receive("d", { type: "cancel-task", task: "d.1" as TaskId });
    mesh.sent();
    mesh.done("w1", "d.1", { inline: false });
    expect(mesh.sentInShort()).toEqual(["free-objects w1"]);
  });

  test("said twice do not free the value that counts", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.done("w1", "d.1", { inline: false });
    mesh.sent();
    mesh.done("w1", "d.1", { inline: false });
    expect(mesh.sent()).toEqual([]);
    mesh.locate("d", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 w1"]);
  });

  test("of a worker that has a later attempt leave that attempt alone", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    for (; mesh.nowMs <= LEASE_MS_MAX; mesh.nowMs += 5_000) {
      mesh.receive("w1", { type: "heartbeat", tasks: [], storedBytes: 0 });
    }
    mesh.tick(LEASE_MS_MAX + 1);
    mesh.sent();
    mesh.done("w1", "d.1", { inline: false });
    expect(mesh.sent()).toEqual([]);
    mesh.done("w1", "d.1", { attempt: 1, inline: false });
    expect(mesh.located("d")).toEqual(["d.1 w1"]);
  });
});

describe("dependencies", () => {
  test("a task starts when they exist, and gets their values or where they are", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1");
    mesh.submit("d.2");
    const dependencies = ["d.1", "d.2"] as ObjectId[];
    mesh.submit("d.3", "d.f", { dependencies });
    mesh.done("w1", "d.1", { inline: false });
    mesh.sent();
    mesh.done("w2", "d.2");
    expect(mesh.sent().at(-1)).toMatchObject([
      "w1",
      {
        type: "run",
        task: "d.3",
        dependencies: [
          { object: "d.1", locations: ["w1"] },
          { object: "d.2", inline: new Uint8Array(3) },
        ],
      },
    ]);
  });

  test("a chain of 10,000 tasks fails with its first, without recursion", () => {
    const mesh = new TestPlane();
    mesh.driver();
    mesh.define("d.f");
    const { plane } = mesh;
    const args = new Uint8Array(0);
    const callable = "d.f" as never;
    const depth = 10_000;
    for (let i = 0; i < depth; i++) {
      const dependencies = i > 0 ? [`d.${i - 1}` as ObjectId] : [];
      const task = `d.${i}` as TaskId;
      const submit = { type: "submit", task, callable, args, dependencies } as const;
      plane.receive("d" as PeerId, submit, 0);
    }
    mesh.receive("d", { type: "cancel-task", task: "d.0" as TaskId });
    const located = mesh.located("d");
    expect(located).toHaveLength(depth);
    expect(new Set(located.map((text) => text.split(" ")[1]))).toEqual(new Set(["TASK_CANCELLED"]));
    expect(plane.scheduler.tasks.size).toBe(0);
  });

  test("a task with a freed argument fails at once", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1", "d.f", { dependencies: ["d.0" as ObjectId] });
    expect(mesh.located("d")).toEqual(["d.1 OBJECT_FREED"]);
    mesh.submit("d.2", "d.f", { contained: ["d.0" as ObjectId] });
    expect(mesh.located("d")).toEqual(["d.2 OBJECT_FREED"]);
  });

  test("a task that depends on itself fails instead of waiting for ever", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1", "d.f", { dependencies: ["d.1" as ObjectId] });
    expect(mesh.located("d")).toEqual(["d.1 OBJECT_FREED"]);
  });

  test("a ref inside a value may be to a failed object; an argument may not", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.receive("d", { type: "cancel-task", task: "d.1" as TaskId });
    mesh.sent();
    mesh.submit("d.2", "d.f", { contained: ["d.1" as ObjectId] });
    expect(mesh.sentInShort()).toEqual(["run w1"]);
    mesh.submit("d.3", "d.f", { dependencies: ["d.1" as ObjectId] });
    expect(mesh.located("d")).toEqual(["d.3 TASK_CANCELLED"]);
  });
});

test("a driver is warned of what nobody can run, and explain says which worker lacks what", () => {
  const mesh = meshOf("w1");
  const demands = { cpuMilli: 4_000, gpuMilli: 1_000, memoryBytes: 0 };
  mesh.define("d.big", { demands, name: "train" });
  mesh.submit("d.1", "d.big");
  mesh.sent();
  const beatAt = (atMs: number) => {
    mesh.nowMs = atMs;
    mesh.receive("w1", { type: "heartbeat", tasks: [], storedBytes: 0 });
    mesh.tick(atMs);
  };
  beatAt(1_000);
  beatAt(5_000);
  expect(mesh.sent()).toEqual([]);
  beatAt(6_000);
  const text = "no worker can run it: it needs 4 cpus, 1 gpus, but w1 has 1 cpus";
  const [warning] = mesh.sent();
  expect(warning).toMatchObject(["d", { type: "warning", task: "d.1" }]);
  expect(JSON.stringify(warning)).toContain(text);
  mesh.receive("d", { type: "query", request: 7, what: "explain", object: "d.1" as ObjectId });
  const [answer] = mesh.sent();
  expect(answer).toMatchObject(["d", { type: "answer", request: 7 }]);
  expect(JSON.stringify(answer)).toContain(text);
});

test("a port that drops a peer while it sends does not have effects performed twice", () => {
  const mesh = meshOf("w1", "w2", "w3");
  mesh.submit("d.1");
  mesh.submit("d.2");
  mesh.submit("d.3");
  mesh.sent();
  mesh.onSend = (to, message) => {
    if (to === "w3" && message.type === "cancel-run") mesh.plane.peerLeft("w3" as PeerId, "", 0);
  };
  mesh.leave("d");
  const stops = mesh.sentInShort().filter((text) => text.startsWith("cancel-run"));
  expect(stops).toEqual(["cancel-run w1", "cancel-run w2", "cancel-run w3"]);
});
