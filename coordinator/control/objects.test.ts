import { describe, expect, test } from "vitest";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import { EARLY_MS_MAX } from "./early-interest.ts";
import { meshOf } from "./test-plane.ts";

describe("the refs of an object", () => {
  test("are counted, and with the last one it is freed wherever it is", () => {
    const mesh = meshOf("w1");
    mesh.put("d", "d.1", { inline: false });
    mesh.receive("w1", { type: "copy-added", object: "d.1" as ObjectId });
    mesh.release("d", "d.1");
    expect(mesh.sent()).toEqual([
      ["d", { type: "free-objects", objects: ["d.1"] }],
      ["w1", { type: "free-objects", objects: ["d.1"] }],
    ]);
    mesh.locate("d", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 OBJECT_FREED"]);
  });

  test("inside the result of a task keep it alive when the worker lets go", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.put("w1", "w1.1", { inline: false });
    mesh.done("w1", "d.1", { contained: ["w1.1"] });
    mesh.release("w1", "w1.1");
    mesh.sent();
    mesh.locate("d", "w1.1");
    expect(mesh.located("d")).toEqual(["w1.1 w1"]);
    mesh.release("d", "d.1");
    expect(mesh.sent()).toEqual([["w1", { type: "free-objects", objects: ["w1.1"] }]]);
  });

  test("that a task was given keep it alive until the task ends", () => {
    const mesh = meshOf("w1");
    mesh.put("d", "d.0");
    mesh.submit("d.1", "d.f", { dependencies: ["d.0" as ObjectId] });
    mesh.release("d", "d.0");
    expect(mesh.plane.directory.objects.has("d.0" as ObjectId)).toBe(true);
    mesh.done("w1", "d.1");
    expect(mesh.plane.directory.objects.has("d.0" as ObjectId)).toBe(false);
  });

  test("to the result of a task may all go before it ends", () => {
    const mesh = meshOf("w1");
    mesh.submit("d.1");
    mesh.release("d", "d.1");
    mesh.sent();
    mesh.done("w1", "d.1", { inline: false });
    expect(mesh.sentInShort()).toEqual(["object-located d", "free-objects w1"]);
    expect(mesh.plane.directory.objects.size).toBe(0);
  });
});

describe("when a peer leaves", () => {
  test("what it put is lost, and a task that waits for it hears why", () => {
    const mesh = meshOf("w1");
    mesh.put("w1", "w1.1", { inline: false });
    mesh.hold("d", "w1.1");
    mesh.leave("w1");
    mesh.locate("d", "w1.1");
    expect(mesh.located("d").at(-1)).toBe("w1.1 OBJECT_LOST");
    mesh.submit("d.2", "d.f", { dependencies: ["w1.1" as ObjectId] });
    expect(mesh.located("d")).toEqual(["d.2 OBJECT_LOST"]);
  });

  test("an object of which another has a copy survives", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1");
    mesh.done("w1", "d.1", { inline: false });
    mesh.receive("w2", { type: "copy-added", object: "d.1" as ObjectId });
    mesh.leave("w1");
    mesh.sent();
    mesh.locate("d", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 w2"]);
  });

  test("what it promised fails for those who wait", () => {
    const mesh = meshOf("w1");
    mesh.driver("e");
    mesh.receive("d", { type: "promise-object", object: "d.1" as ObjectId });
    mesh.hold("e", "d.1");
    mesh.locate("e", "d.1");
    mesh.leave("d");
    expect(mesh.located("e")).toEqual(["d.1 OBJECT_LOST"]);
  });
});

describe("what a peer may make", () => {
  test("is only what has its own name", () => {
    const mesh = meshOf("w1");
    mesh.driver("e");
    expect(() => mesh.put("e", "d.1")).toThrow(/e may not change d\.1/);
    expect(() => mesh.put("d", "e.1", { holder: "e" })).toThrow(/another peer made it/);
    expect(() => mesh.put("w1", "d.1", { holder: "e" })).toThrow(/another peer made it/);
    expect(() => mesh.put("w1", "d.1")).toThrow(/another peer made it/);
    expect(() => mesh.receive("e", { type: "promise-object", object: "d.1" as ObjectId })).toThrow(
      /may not change/,
    );
    expect(mesh.plane.directory.objects.size).toBe(0);
  });

  test("is not the result of a task under way: only the worker that runs it makes that", () => {
    const mesh = meshOf("w1", "w2");
    mesh.submit("d.1");
    const asAnswer = { inline: false, holder: "d" };
    expect(() => mesh.put("w2", "d.1", asAnswer)).toThrow(/result of a task under way/);
    expect(() => mesh.put("d", "d.1")).toThrow(/result of a task under way/);
    mesh.sent();
    mesh.done("w1", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 inline"]);
  });

  test("and the others notice nothing of what was refused", () => {
    const mesh = meshOf("w1");
    mesh.sent();
    expect(() => mesh.submit("e.1", "d.f")).not.toThrow();
    mesh.driver("e");
    expect(() => mesh.submit("e.1", "d.f")).toThrow(/d\.f is not defined/);
    expect(() => mesh.submit("e.1", "e.f")).toThrow(/e\.f is not defined/);
    expect(mesh.sent()).toEqual([]);
  });
});

describe("the result of an actor's call", () => {
  test("announced twice before its caller promised it keeps its only copy", () => {
    const mesh = meshOf("w1");
    mesh.put("w1", "d.1", { inline: false, holder: "d" });
    mesh.put("w1", "d.1", { inline: false, holder: "d" });
    expect(mesh.sent()).toEqual([]);
    mesh.receive("d", { type: "promise-object", object: "d.1" as ObjectId });
    mesh.locate("d", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 w1"]);
  });

  test("that comes after its caller gave it up is freed, and is no offence", () => {
    const mesh = meshOf("w1");
    const object = "d.1" as ObjectId;
    const error = { code: "ACTOR_DIED", message: "it ended" } as const;
    mesh.receive("d", { type: "promise-object", object });
    mesh.receive("d", { type: "put-object", object, sizeBytes: 0, error });
    mesh.put("w1", "d.1", { inline: false, holder: "d" });
    expect(mesh.sentInShort()).toEqual(["free-objects w1"]);
  });

  test("that is big is held by its caller, and stored by the worker", () => {
    const mesh = meshOf("w1");
    mesh.put("w1", "d.1", { inline: false, holder: "d" });
    mesh.receive("d", { type: "promise-object", object: "d.1" as ObjectId });
    mesh.locate("d", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 w1"]);
    mesh.release("d", "d.1");
    expect(mesh.sentInShort()).toEqual(["free-objects w1"]);
  });

  test("counts only once its caller has promised it: a worker cannot forge what comes later", () => {
    const mesh = meshOf("w1", "w2");
    mesh.put("w2", "d.1", { inline: false, holder: "d" });
    mesh.submit("d.1");
    mesh.sent();
    mesh.done("w1", "d.1");
    expect(mesh.located("d")).toEqual(["d.1 inline"]);
    expect(() => mesh.put("w2", "d.2", { holder: "d" })).toThrow(/may only announce d\.2/);
  });

  test("that its caller never confirms is not kept for ever", () => {
    const mesh = meshOf("w1");
    mesh.put("w1", "d.1", { inline: false, holder: "d" });
    mesh.sent();
    mesh.tick(10_000);
    expect(mesh.sentInShort()).toEqual([]);
    mesh.tick(61_000);
    expect(mesh.sentInShort()).toContain("free-objects w1");
  });

  test("for a caller that has left is freed at once", () => {
    const mesh = meshOf("w1");
    mesh.leave("d");
    mesh.sent();
    mesh.put("w1", "d.1", { inline: false, holder: "d" });
    expect(mesh.sentInShort()).toEqual(["free-objects w1"]);
    expect(mesh.plane.directory.heldBy.has("d" as PeerId)).toBe(false);
  });

  test("may be promised and released before it comes", () => {
    const mesh = meshOf("w1");
    mesh.receive("d", { type: "promise-object", object: "d.1" as ObjectId });
    mesh.release("d", "d.1");
    mesh.put("w1", "d.1", { inline: false, holder: "d" });
    expect(mesh.sentInShort()).toEqual(["free-objects w1"]);
    expect(mesh.plane.directory.objects.size).toBe(0);
  });
});

describe("a question about an object that the coordinator has not heard of", () => {
  test("waits a moment if another peer may be about to announce it", () => {
    const mesh = meshOf("w1");
    mesh.locate("w1", "d.1");
    mesh.hold("w1", "d.1");
    expect(mesh.sent()).toEqual([]);
    mesh.put("d", "d.1");
    expect(mesh.located("w1")).toEqual(["d.1 inline"]);
    mesh.release("d", "d.1");
    expect(mesh.plane.directory.objects.has("d.1" as ObjectId)).toBe(true);
  });

  test("is answered in the end", () => {
    const mesh = meshOf("w1");
    mesh.locate("w1", "d.1");
    mesh.tick(EARLY_MS_MAX);
    expect(mesh.located("w1")).toEqual(["d.1 OBJECT_FREED"]);
  });
});

test("peers are introduced with a ticket, and told when the other leaves", () => {
  const mesh = meshOf("w1");
  mesh.receive("d", { type: "introduce-me", peer: "w1" as PeerId });
  expect(mesh.sent()).toEqual([
    [
      "d",
      {
        type: "introduction",
        peer: "w1",
        ticket: new TextEncoder().encode("d to w1"),
        runtime: "node",
        webrtc: false,
      },
    ],
  ]);
  mesh.leave("w1");
  expect(mesh.sentInShort()).toEqual(["peer-left d"]);
  mesh.receive("d", { type: "introduce-me", peer: "w1" as PeerId });
  expect(mesh.sent()).toMatchObject([["d", { error: { code: "NOT_FOUND" } }]]);
});
