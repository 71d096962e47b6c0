import { describe, expect, test } from "vitest";
import type { JobId, ObjectId, TaskId } from "../../shared/ids.ts";
import { meshOf, TestPlane } from "./test-plane.ts";

const on = (...objects: string[]) => ({ dependencies: objects as ObjectId[] });

describe("a ref that overtook what its maker says of the object", () => {
  test("as an argument has the task wait, which runs once the object is there", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1", "d.f", on("w1.1"));
    expect(mesh.sentInShort()).toEqual([]);
    mesh.nowMs = 300;
    mesh.put("w1", "w1.1");
    mesh.tick(5_000);
    expect(mesh.sentInShort()).toEqual(["define w1", "run w1"]);
    mesh.done("w1", "d.1");
    mesh.release("w1", "w1.1");
    mesh.release("d", "d.1");
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("counts as freed if its maker says nothing for two seconds, and nothing of it is left", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1", "d.f", on("w1.1"));
    mesh.tick(1_999);
    expect(mesh.located("d")).toEqual([]);
    mesh.tick(2_000);
    expect(mesh.located("d")).toEqual(["d.1 OBJECT_FREED"]);
    mesh.release("d", "d.1");
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("fails the task at once if its maker has left, or leaves", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1", "d.f", on("w3.1"));
    expect(mesh.located("d")).toEqual(["d.1 OBJECT_FREED"]);
    mesh.submit("d.2", "d.f", on("w1.1"));
    mesh.leave("w1");
    expect(mesh.located("d")).toEqual(["d.2 OBJECT_LOST"]);
    mesh.tick(2_000);
    expect(mesh.located("d")).toEqual([]);
  });

  test("fails later tasks with what became of its maker: whose object it was was never said", () => {
    const mesh = meshOf("w1", "w2");
    mesh.put("d", "d.1", { contained: ["w1.1"] });
    mesh.leave("w1");
    mesh.tick(5_000);
    mesh.submit("d.2", "d.f", on("w1.1"));
    expect(mesh.located("d")).toEqual(["d.2 OBJECT_LOST"]);
    mesh.submit("d.3", "d.f", { contained: ["w1.1" as ObjectId] });
    expect(mesh.sentInShort()).toContain("run w2");
  });

  test("inside a value is held by that value", () => {
    const mesh = meshOf("w1", "w2");
    mesh.put("d", "d.1", { contained: ["w1.1"] });
    mesh.put("w1", "w1.1");
    mesh.release("w1", "w1.1");
    mesh.tick(5_000);
    expect(mesh.plane.directory.objects.has("w1.1" as ObjectId)).toBe(true);
    mesh.release("d", "d.1");
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("is no promise: a worker's announcement in the caller's name still waits for the caller", () => {
    const mesh = meshOf("w1", "w2");
    mesh.driver("e");
    mesh.define("e.f");
    mesh.submit("e.1", "e.f", on("d.7"));
    mesh.put("w2", "d.7", { inline: false, holder: "d" });
    expect(mesh.sentInShort()).toEqual([]);
    mesh.receive("d", { type: "promise-object", object: "d.7" as ObjectId });
    expect(mesh.sentInShort()).toEqual(["define w1", "run w1"]);
  });

  test("to a task's result does not swallow the task when its submit comes", () => {
    const mesh = meshOf("w1");
    mesh.put("w1", "w1.1", { contained: ["d.7"] });
    mesh.submit("d.7");
    expect(mesh.sentInShort()).toEqual(["define w1", "run w1"]);
    mesh.tick(5_000);
    mesh.done("w1", "d.7");
    expect(mesh.located("d")).toEqual(["d.7 inline"]);
    mesh.submit("d.7");
    expect(mesh.located("d")).toEqual(["d.7 inline"]);
    mesh.release("d", "d.7");
    mesh.release("w1", "w1.1");
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("to the result of a worker's task does not, and that worker may leave", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1");
    mesh.sent();
    const worker = mesh.plane.scheduler.tasks.get("d.1" as TaskId)!.worker!.id;
    const inner = `${worker}.1`;
    mesh.put("d", "d.2", { contained: [inner] });
    mesh.submit(inner, "d.f", { parent: "d.1" as TaskId });
    expect(mesh.sentInShort()).toEqual([
      expect.stringMatching("define"),
      expect.stringMatching("run"),
    ]);
    const { promisedBy } = mesh.plane.directory.objects.get(inner as ObjectId)!;
    expect(promisedBy).toBeUndefined();
  });

  test("guessed by another job is not expected at all", () => {
    const mesh = new TestPlane({ isApart: true });
    for (const driver of ["d", "e"]) {
      mesh.driver(driver);
      mesh.define(`${driver}.f`);
    }
    mesh.put("e", "e.1", { contained: ["d.1", "d.2"] });
    mesh.submit("e.2", "e.f", on("d.1"));
    expect(mesh.located("e")).toEqual(["e.2 TICKET_REFUSED"]);
    expect(mesh.plane.directory.objects.has("d.1" as ObjectId)).toBe(false);
  });

  test("is not held by the value or the peer of a job that may not read it, when that turns out", () => {
    const mesh = new TestPlane({ isApart: true });
    mesh.driver("d");
    mesh.define("d.f");
    mesh.driver("e");
    mesh.define("e.f");
    mesh.worker("w1");
    mesh.submit("d.1");
    mesh.put("e", "e.1", { contained: ["w1.1"] });
    mesh.hold("e", "w1.1");
    mesh.submit("e.2", "e.f", { contained: ["w1.1" as ObjectId] });
    const value = { sizeBytes: 3, inline: new Uint8Array(3) };
    const object = "w1.1" as ObjectId;
    mesh.receive("w1", { type: "put-object", object, ...value, jobs: ["d" as JobId] });
    mesh.release("w1", object);
    expect(mesh.plane.directory.objects.has(object)).toBe(false);
    expect(mesh.located("e")).toEqual(["e.2 TASK_CANCELLED"]);
  });

  test("does not reach a job that may not read the object, when that turns out", () => {
    const mesh = new TestPlane({ isApart: true });
    mesh.driver("d");
    mesh.define("d.f");
    mesh.driver("e");
    mesh.define("e.f");
    mesh.worker("w1");
    mesh.submit("d.1");
    mesh.submit("e.1", "e.f", on("w1.1"));
    const value = { sizeBytes: 3, inline: new Uint8Array(3) };
    const object = "w1.1" as ObjectId;
    mesh.receive("w1", { type: "put-object", object, ...value, jobs: ["d" as JobId] });
    expect(mesh.located("e")).toEqual(["e.1 TASK_CANCELLED"]);
  });
});
