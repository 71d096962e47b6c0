import { describe, expect, test } from "vitest";
import type { ObjectId, PeerId, TaskId } from "../../shared/ids.ts";
import type { CoordinatorMessage, Run } from "../../shared/protocol/messages.ts";
import { Lineage } from "./lineage.ts";
import { meshOf, type TestPlane } from "./test-plane.ts";

/** The orders to run since the last look: `"d.1 w2 attempt 1"`. */
const runs = (mesh: TestPlane): string[] =>
  mesh
    .sent()
    .filter((sent): sent is [string, Run & CoordinatorMessage] => sent[1].type === "run")
    .map(([to, { task, attempt }]) => `${task} ${to} attempt ${attempt}`);

const on = (...objects: string[]) => ({ dependencies: objects as ObjectId[] });
const stored = { inline: false };

describe("a result whose last copy is lost", () => {
  test("is made again by another worker, and those who ask for it wait", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.done("w1", "d.1", stored);
    mesh.worker("w2");
    mesh.sent();
    mesh.leave("w1");
    mesh.locate("d", "d.1");
    expect(runs(mesh)).toEqual(["d.1 w2 attempt 1"]);
    expect(mesh.located("d")).toEqual([]);
    mesh.done("w2", "d.1", { ...stored, attempt: 1 });
    expect(mesh.located("d")).toEqual(["d.1 w2"]);
  });

  test("is made again after the arguments that were freed or lost with it", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.done("w1", "d.1", stored);
    mesh.submit("d.2", "d.f", on("d.1"));
    mesh.done("w1", "d.2", stored);
    mesh.submit("d.3", "d.f", on("d.2"));
    mesh.done("w1", "d.3", stored);
    mesh.release("d", "d.1");
    expect(mesh.plane.submissions.lineage.size).toBe(3);
    mesh.leave("w1");
    mesh.sent();
    mesh.worker("w2");
    for (const task of ["d.1", "d.2", "d.3"]) {
      expect(runs(mesh)).toEqual([`${task} w2 attempt 1`]);
      mesh.done("w2", task, { ...stored, attempt: 1 });
    }
    mesh.release("d", "d.3", "d.2");
    expect(mesh.plane.submissions.lineage.size).toBe(0);
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("has a new attempt number each time, also after one that came to nothing", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1");
    mesh.done("w1", "d.1", stored);
    mesh.leave("w1");
    expect(runs(mesh)).toEqual(["d.1 w1 attempt 0", "d.1 w2 attempt 1"]);
    // A copy turns up, so that nobody minds that the attempt fails.
    mesh.worker("w3");
    mesh.receive("w3", { type: "copy-added", object: "d.1" as ObjectId });
    const error = { code: "TASK_FAILED", message: "boom" } as const;
    const failed = { task: "d.1" as TaskId, attempt: 1, error, ranForMs: 1 };
    mesh.receive("w2", { type: "task-failed", ...failed });
    mesh.leave("w3");
    expect(runs(mesh)).toEqual(["d.1 w2 attempt 2"]);
  });

  test("finds its small arguments although their refs are gone", () => {
    const mesh = meshOf("w1");
    mesh.put("d", "d.1");
    mesh.submit("d.2", "d.f", on("d.1"));
    mesh.done("w1", "d.2", stored);
    mesh.release("d", "d.1");
    mesh.leave("w1");
    mesh.sent();
    mesh.worker("w2");
    expect(runs(mesh)).toEqual(["d.2 w2 attempt 1"]);
    mesh.release("d", "d.2");
    mesh.done("w2", "d.2", { ...stored, attempt: 1 });
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("is lost for good when its attempts are used up, and the error says so", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1");
    mesh.leave("w1");
    mesh.done("w2", "d.1", { ...stored, attempt: 1 });
    mesh.leave("w2");
    mesh.locate("d", "d.1");
    expect(errorOf(mesh)).toMatch(
      /last copy went when w2 left: it hung up, and it was made by f, which has used its 2 attempts/,
    );
  });

  test("is lost for good if it needs what was put, and that is gone", () => {
    const mesh = meshOf("w1");
    mesh.put("d", "d.1", stored);
    mesh.submit("d.2", "d.f", on("d.1"));
    mesh.done("w1", "d.2", stored);
    mesh.release("d", "d.1");
    mesh.leave("w1");
    mesh.locate("d", "d.2");
    expect(errorOf(mesh)).toMatch(/it needs d\.1, which was not made by a task/);
  });

  test("is not made again for nobody", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1");
    mesh.done("w1", "d.1", stored);
    mesh.release("d", "d.1");
    mesh.leave("w1");
    expect(runs(mesh)).toEqual(["d.1 w1 attempt 0"]);
  });
});

describe("a task that was placed when its argument was lost", () => {
  test("gives its place to the one that makes the argument again", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.done("w1", "d.1", stored);
    mesh.submit("d.held");
    mesh.worker("w2");
    mesh.submit("d.2", "d.f", on("d.1"));
    expect(runs(mesh).at(-1)).toBe("d.2 w2 attempt 0");
    mesh.leave("w1");
    expect(runs(mesh)).toEqual([]);
    const error = { code: "OBJECT_LOST", message: "no link" } as const;
    mesh.receive("w2", { type: "task-returned", task: "d.2" as TaskId, attempt: 0, error });
    expect(runs(mesh)).toEqual(["d.held w2 attempt 1"]);
    mesh.done("w2", "d.held", { attempt: 1 });
    expect(runs(mesh)).toEqual(["d.1 w2 attempt 1"]);
    mesh.done("w2", "d.1", { ...stored, attempt: 1 });
    expect(runs(mesh)).toEqual(["d.2 w2 attempt 1"]);
  });

  test("is run again where the argument is, if it could only not be fetched", () => {
    const mesh = meshOf("w1", "w2");
    mesh.put("d", "d.1", stored);
    mesh.submit("d.2", "d.f", on("d.1"));
    const error = { code: "OBJECT_LOST", message: "no link" } as const;
    for (const [attempt, worker] of ["w1", "w2", "w1"].entries()) {
      expect(runs(mesh)).toEqual([`d.2 ${worker} attempt ${attempt}`]);
      mesh.receive(worker, { type: "task-returned", task: "d.2" as TaskId, attempt, error });
    }
    expect(mesh.plane.scheduler.counters.retried).toBe(0);
    mesh.receive("w2", { type: "task-returned", task: "d.2" as TaskId, attempt: 3, error });
    expect(mesh.plane.scheduler.counters.retried).toBe(1);
  });
});

test("lineage is bounded: the oldest goes first, with what was kept only for it", () => {
  const unpinned: ObjectId[] = [];
  const lineage = new Lineage((objects) => unpinned.push(...objects), 3_000);
  const keep = (task: string, held: string[]) =>
    lineage.keep({
      task: task as TaskId,
      payload: {
        callable: "d.f" as never,
        args: new Uint8Array(1_000),
        dependencies: [],
        held: held as ObjectId[],
      },
      pinned: held as ObjectId[],
      attempt: 1,
      losses: 1,
    });
  keep("d.1", ["d.0"]);
  keep("d.2", ["d.1"]);
  expect([lineage.size, lineage.evicted]).toEqual([1, 1]);
  expect(unpinned).toEqual(["d.0"]);
  expect(lineage.get("d.2" as ObjectId)).toBeDefined();
});

function errorOf(mesh: TestPlane): string {
  const messages = mesh.sent().filter(([to]) => to === ("d" as PeerId));
  for (const [, message] of messages.toReversed()) {
    const error = message.type === "object-located" && message.state.error;
    if (error) return error.message;
  }
  return "no error";
}
