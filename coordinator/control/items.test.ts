import { describe, expect, test } from "vitest";
import type { Define } from "../../shared/protocol/messages.ts";
import type { ObjectId, TaskId } from "../../shared/ids.ts";
import { failureOf, meshOf, type TestPlane } from "./test-plane.ts";

/** A mesh with the generator `d.s`, which may be two items ahead, and `d.p`, which gives two objects. */
function meshWithItems(...workers: string[]): TestPlane {
  const mesh = meshOf(...workers);
  mesh.define("d.s", { stream: { maxAhead: 2 } });
  mesh.define("d.p", { returns: 2 });
  return mesh;
}

function give(
  mesh: TestPlane,
  [worker, task, index]: readonly [string, string, number],
  { attempt = 0, inline = true } = {},
): void {
  const value = inline ? { inline: new Uint8Array(3) } : {};
  const about = { task: task as TaskId, attempt, index, sizeBytes: 3 };
  mesh.receive(worker, { type: "task-item", ...about, ...value });
}

const take = (mesh: TestPlane, task: string, taken: number, reader = "d"): void =>
  mesh.receive(reader, { type: "items-taken", task: task as TaskId, taken });

/** What was sent of items, tasks and objects, in short. */
const said = (mesh: TestPlane): string[] =>
  mesh.sent().flatMap(([to, message]) => {
    switch (message.type) {
      case "run": {
        const { task, attempt, items } = message;
        return [`run ${task} ${to} attempt ${attempt} ${JSON.stringify(items)}`];
      }
      case "item-made":
        return [`${to} has item ${message.index} of ${message.task}`];
      case "items-wanted":
        return [`${to} may go on after ${message.taken}`];
      case "cancel-run":
        return [`cancel ${message.task} ${to}`];
      case "free-objects":
        return [`free ${message.objects.join(" ")} ${to}`];
      case "object-located":
        return [`${to} hears of ${message.state.object} ${message.state.error?.code ?? "made"}`];
      default:
        return [];
    }
  });

const stored = { inline: false };

describe("a stream", () => {
  test("makes each item known to its reader, who holds it, and its worker hears what was taken", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    expect(said(mesh)).toEqual(['run d.1 w1 attempt 0 {"from":0,"taken":0}']);
    give(mesh, ["w1", "d.1", 0]);
    give(mesh, ["w1", "d.1", 1], stored);
    expect(said(mesh)).toEqual(["d has item 0 of d.1", "d has item 1 of d.1"]);
    take(mesh, "d.1", 1);
    expect(said(mesh)).toEqual(["w1 may go on after 1"]);
    mesh.release("d", "d.1y0", "d.1y1");
    expect(said(mesh)).toEqual(["free d.1y1 w1"]);
    mesh.done("w1", "d.1");
    mesh.release("d", "d.1");
    expect(mesh.plane.directory.objects.size).toBe(0);
    expect(mesh.plane.items.sources.size).toBe(0);
  });

  test("does not run ahead of its reader, whatever its worker says", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    expect(failureOf(() => give(mesh, ["w1", "d.1", 1])).code).toBe("PROTOCOL_VIOLATION");
    give(mesh, ["w1", "d.1", 0]);
    give(mesh, ["w1", "d.1", 1]);
    expect(failureOf(() => give(mesh, ["w1", "d.1", 2])).message).toMatch(/0 are taken/);
    // Nobody but its reader says what was taken, and no more than there is.
    mesh.driver("e");
    take(mesh, "d.1", 2, "e");
    take(mesh, "d.1", 99);
    give(mesh, ["w1", "d.1", 2]);
    expect(mesh.plane.items.pauseOf("d.1" as TaskId)).toBeUndefined();
    give(mesh, ["w1", "d.1", 3]);
    expect(mesh.plane.items.pauseOf("d.1" as TaskId)).toMatchObject({ made: 4, taken: 2 });
  });

  test("goes on where it was when its worker is lost, and each index is told once", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    give(mesh, ["w1", "d.1", 0]);
    give(mesh, ["w1", "d.1", 1]);
    take(mesh, "d.1", 1);
    mesh.worker("w2");
    mesh.sent();
    mesh.leave("w1");
    expect(said(mesh)).toEqual(['run d.1 w2 attempt 1 {"from":2,"taken":1}']);
    // Made again although nobody asked, and what the lost worker said last.
    give(mesh, ["w2", "d.1", 1], { ...stored, attempt: 1 });
    give(mesh, ["w2", "d.1", 2], { attempt: 1 });
    expect(said(mesh)).toEqual(["free d.1y1 w2", "d has item 2 of d.1"]);
  });

  test("begins with the first item that was lost with its worker", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    give(mesh, ["w1", "d.1", 0], stored);
    give(mesh, ["w1", "d.1", 1]);
    take(mesh, "d.1", 2);
    mesh.locate("d", "d.1y0");
    mesh.worker("w2");
    mesh.sent();
    mesh.leave("w1");
    expect(said(mesh)).toEqual(['run d.1 w2 attempt 1 {"from":0,"taken":2}']);
    mesh.locate("d", "d.1y0");
    give(mesh, ["w2", "d.1", 0], { ...stored, attempt: 1 });
    expect(said(mesh)).toEqual(["d hears of d.1y0 made"]);
  });

  test("is started again for an item that is lost when its attempt has passed it", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    give(mesh, ["w1", "d.1", 0], stored);
    mesh.sent();
    mesh.worker("w2");
    mesh.receive("w1", { type: "copy-lost", object: "d.1y0" as ObjectId });
    expect(said(mesh)).toEqual(["cancel d.1 w1", 'run d.1 w2 attempt 1 {"from":0,"taken":0}']);
  });

  test("runs again after its end for an item that was lost, as long as a ref is held", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    for (const index of [0, 1]) give(mesh, ["w1", "d.1", index], stored);
    mesh.done("w1", "d.1");
    mesh.release("d", "d.1", "d.1y0");
    mesh.worker("w2");
    mesh.sent();
    mesh.leave("w1");
    expect(said(mesh)).toEqual(['run d.1 w2 attempt 1 {"from":1}']);
    give(mesh, ["w2", "d.1", 1], { ...stored, attempt: 1 });
    mesh.done("w2", "d.1", { attempt: 1 });
    mesh.locate("d", "d.1y1");
    expect(said(mesh)).toEqual(["d hears of d.1y1 made"]);
    mesh.release("d", "d.1y1");
    expect(mesh.plane.directory.objects.size).toBe(0);
    expect(mesh.plane.submissions.lineage.size).toBe(0);
  });

  test("that has another end when it runs again leaves the lost item lost", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    give(mesh, ["w1", "d.1", 0], stored);
    mesh.done("w1", "d.1");
    mesh.worker("w2");
    mesh.leave("w1");
    mesh.locate("d", "d.1y0");
    mesh.sent();
    mesh.done("w2", "d.1", { attempt: 1 });
    expect(said(mesh)).toEqual(["d hears of d.1y0 OBJECT_LOST"]);
  });

  test.each([
    ["lets go of it", (mesh: TestPlane) => mesh.release("d", "d.1")],
    ["leaves", (mesh: TestPlane) => mesh.leave("d")],
  ])("is cancelled when its reader %s, and what was made goes", (_, act) => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.s");
    give(mesh, ["w1", "d.1", 0], stored);
    mesh.worker("w2");
    mesh.submit("w1.0x0", "d.s", { parent: "d.1" as TaskId });
    mesh.sent();
    act(mesh);
    const cancels = said(mesh);
    expect(cancels).toContain("cancel d.1 w1");
    expect(cancels, "with what it has submitted").toContain("cancel w1.0x0 w2");
    mesh.release("w1", "w1.0x0");
    give(mesh, ["w1", "d.1", 1], stored);
    expect(said(mesh)).toEqual(["free d.1y1 w1"]);
    if (mesh.plane.peers.has("d" as never)) mesh.release("d", "d.1y0");
    expect(mesh.plane.directory.objects.size).toBe(0);
  });
});

describe("a task that returns several objects", () => {
  test("promises them, and they are there when it gives them", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.p");
    mesh.submit("d.2", "d.f", { dependencies: ["d.1y1" as ObjectId] });
    expect(said(mesh)).toEqual(['run d.1 w1 attempt 0 {"from":0}']);
    give(mesh, ["w1", "d.1", 0]);
    give(mesh, ["w1", "d.1", 1], stored);
    mesh.done("w1", "d.1");
    expect(said(mesh)).toEqual([
      "d hears of d.1y0 made",
      "d hears of d.1y1 made",
      "run d.2 w1 attempt 0 undefined",
      "d hears of d.1 made",
    ]);
    mesh.done("w1", "d.2");
    mesh.release("d", "d.1", "d.1y0", "d.1y1", "d.2");
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("fails all that it has not given with what it fails with", () => {
    const mesh = meshWithItems("w1");
    mesh.submit("d.1", "d.p");
    give(mesh, ["w1", "d.1", 0]);
    mesh.sent();
    const error = { code: "TASK_FAILED", message: "it threw" } as const;
    const about = { task: "d.1" as TaskId, attempt: 0, ranForMs: 1 };
    mesh.receive("w1", { type: "task-failed", ...about, error });
    expect(said(mesh)).toEqual(["d hears of d.1y1 TASK_FAILED", "d hears of d.1 TASK_FAILED"]);
  });

  test("nobody else may make them", () => {
    const mesh = meshWithItems("w1");
    const options: Partial<Define> = { returns: 1 };
    mesh.define("d.q", options);
    mesh.submit("d.1", "d.q");
    expect(failureOf(() => mesh.put("d", "d.1y0")).code).toBe("PROTOCOL_VIOLATION");
    give(mesh, ["w1", "d.1", 5], stored);
    expect(said(mesh)).toContain("free d.1y5 w1");
  });
});
