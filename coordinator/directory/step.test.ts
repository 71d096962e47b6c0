import { expect, test } from "vitest";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import { checkInvariants } from "./invariants.ts";
import { step } from "./step.ts";
import { emptyDirectoryState, type DirectoryEffect, type DirectoryEvent } from "./types.ts";

const [d, w1, w2] = ["d", "w1", "w2"] as PeerId[] as [PeerId, PeerId, PeerId];
const [a, b, c] = ["d.a", "d.b", "d.c"] as ObjectId[] as [ObjectId, ObjectId, ObjectId];

/** A directory whose invariants are checked after each event. */
const ONCE = { replicas: 1, version: 0, costMs: undefined };

class TestDirectory {
  readonly state = emptyDirectoryState();
  readonly #taskHolds = new Map<ObjectId, number>();

  feed(event: DirectoryEvent): DirectoryEffect[] {
    const effects = step(this.state, event);
    if (event.type === "task-held" || event.type === "task-released") {
      for (const object of event.objects) {
        const change = event.type === "task-held" ? 1 : -1;
        this.#taskHolds.set(object, (this.#taskHolds.get(object) ?? 0) + change);
      }
    }
    checkInvariants(this.state, this.#taskHolds);
    // Whether copies are enough is for the replicator; see its tests.
    return effects.filter(({ type }) => type !== "copies-changed");
  }

  promise(object: ObjectId, by?: PeerId): DirectoryEffect[] {
    return this.feed({ type: "object-promised", object, holder: d, by, isAwaited: false });
  }

  /** Sealed in the store of `location`. */
  seal(
    object: ObjectId,
    location: PeerId,
    contained: readonly ObjectId[] = [],
    holder: PeerId | undefined = d,
  ): DirectoryEffect[] {
    const value = {
      sizeBytes: 10,
      inline: undefined,
      location,
      contained,
      madeBy: undefined,
      ...ONCE,
    };
    return this.feed({ type: "object-sealed", object, value, holder });
  }

  sealInline(object: ObjectId): DirectoryEffect[] {
    const inline = new Uint8Array(3);
    const value = { sizeBytes: 3, inline, location: undefined, contained: [], madeBy: w1, ...ONCE };
    return this.feed({ type: "object-sealed", object, value, holder: d });
  }

  release(peer: PeerId, ...objects: ObjectId[]): DirectoryEffect[] {
    return this.feed({ type: "released", peer, objects });
  }

  hold(peer: PeerId, ...objects: ObjectId[]): DirectoryEffect[] {
    return this.feed({ type: "held", peer, objects });
  }

  copied(peer: PeerId, object: ObjectId): DirectoryEffect[] {
    return this.feed({ type: "copy-added", peer, object });
  }

  locate(peer: PeerId, object: ObjectId): DirectoryEffect[] {
    return this.feed({ type: "located", peer, object });
  }

  leave(peer: PeerId): DirectoryEffect[] {
    return this.feed({ type: "peer-left", peer, why: "it crashed" });
  }
}

const freed = (object: ObjectId, ...locations: PeerId[]) => ({ type: "free", object, locations });

test("an object lives until the last peer lets go of it, and is freed where its copies are", () => {
  const directory = new TestDirectory();
  directory.seal(a, w1);
  directory.copied(w2, a);
  directory.hold(w2, a);
  expect(directory.release(d, a)).toEqual([]);
  expect(directory.release(d, a)).toEqual([]);
  expect(directory.release(w2, a)).toEqual([freed(a, w1, w2)]);
  expect(directory.state.objects.size).toBe(0);
});

test("a peer that holds twice lets go once", () => {
  const directory = new TestDirectory();
  directory.sealInline(a);
  directory.hold(d, a, a);
  expect(directory.state.inlineBytes).toBe(3);
  expect(directory.release(d, a)).toEqual([freed(a)]);
  expect(directory.state.inlineBytes).toBe(0);
});

test("unfinished tasks hold their arguments", () => {
  const directory = new TestDirectory();
  directory.sealInline(a);
  directory.feed({ type: "task-held", objects: [a, a] });
  expect(directory.release(d, a)).toEqual([]);
  expect(directory.feed({ type: "task-released", objects: [a] })).toEqual([]);
  expect(directory.feed({ type: "task-released", objects: [a] })).toEqual([freed(a)]);
});

test("refs inside a value hold what they refer to", () => {
  const directory = new TestDirectory();
  directory.seal(a, w1, [], w1);
  directory.seal(b, w1, [a], w1);
  directory.seal(c, w1, [b, a]);
  expect(directory.release(w1, a, b)).toEqual([]);
  const effects = directory.release(d, c);
  expect(effects).toHaveLength(3);
  expect(effects).toEqual(expect.arrayContaining([freed(a, w1), freed(b, w1), freed(c, w1)]));
});

test("a chain of 10,000 nested objects is freed without recursion", () => {
  const directory = new TestDirectory();
  const state = directory.state;
  const id = (i: number) => `d.${i}` as ObjectId;
  for (let i = 0; i < 10_000; i++) {
    const contained = i > 0 ? [id(i - 1)] : [];
    const value = {
      sizeBytes: 1,
      inline: undefined,
      location: w1,
      contained,
      madeBy: undefined,
      ...ONCE,
    };
    step(state, { type: "object-sealed", object: id(i), value, holder: d });
    if (i > 0) step(state, { type: "released", peer: d, objects: [id(i - 1)] });
  }
  expect(directory.release(d, id(9_999))).toHaveLength(10_000);
  expect(state.objects.size).toBe(0);
});

test("an object that names itself inside does not hold itself", () => {
  const directory = new TestDirectory();
  directory.seal(a, w1, [a]);
  expect(directory.release(d, a)).toEqual([freed(a, w1)]);
});

test("those who ask before it is made are told when it is, once each", () => {
  const directory = new TestDirectory();
  directory.promise(a);
  expect(directory.locate(d, a)).toEqual([]);
  directory.locate(d, a);
  directory.locate(w2, a);
  const effects = directory.sealInline(a);
  expect(effects.map((effect) => [effect.type, "peer" in effect && effect.peer])).toEqual([
    ["answer", d],
    ["answer", w2],
    ["available", false],
  ]);
  expect(directory.locate(w1, a)).toMatchObject([{ type: "answer", peer: w1 }]);
  expect(directory.locate(w1, b)).toEqual([
    { type: "answer", peer: w1, object: b, record: undefined },
  ]);
});

test("the first answer wins, and a later one must not stay where it is", () => {
  const directory = new TestDirectory();
  directory.promise(a);
  directory.seal(a, w1);
  expect(directory.seal(a, w1)).toEqual([]);
  expect(directory.seal(a, w2)).toEqual([freed(a, w2)]);
  const error = { code: "TASK_FAILED", message: "too late" } as const;
  expect(directory.feed({ type: "object-failed", object: a, error, holder: d })).toEqual([]);
});

test("what is not wanted any more when it is made is freed at once", () => {
  const directory = new TestDirectory();
  directory.promise(a);
  expect(directory.release(d, a)).toEqual([{ type: "unheld", object: a }]);
  expect(directory.seal(a, w1)).toEqual([{ type: "available", object: a }, freed(a, w1)]);
});

test("a value that nobody can hold is freed", () => {
  const directory = new TestDirectory();
  const value = {
    sizeBytes: 1,
    inline: undefined,
    location: w1,
    contained: [],
    madeBy: undefined,
    ...ONCE,
  };
  const effects = directory.feed({
    type: "object-sealed",
    object: a,
    value,
    holder: undefined,
  });
  expect(effects).toEqual([freed(a, w1)]);
});

const gone = { code: "OBJECT_LOST", message: "it cannot be made again" } as const;

test("a copy that arrives after its object was freed or lost must go", () => {
  const directory = new TestDirectory();
  expect(directory.copied(w2, a)).toEqual([freed(a, w2)]);
  directory.seal(b, w1);
  directory.leave(w1);
  directory.feed({ type: "object-failed", object: b, error: gone, holder: undefined });
  expect(directory.copied(w2, b)).toEqual([freed(b, w2)]);
});

test("a copy that turns up when the last one has gone is the object again", () => {
  const directory = new TestDirectory();
  directory.seal(a, w1);
  directory.leave(w1);
  directory.locate(w2, a);
  expect(directory.copied(w2, a)).toMatchObject([
    { type: "answer", peer: w2, record: { phase: "sealed", locations: [w2] } },
    { type: "available", object: a },
  ]);
});

test("the peer with the only copy takes the object with it", () => {
  const directory = new TestDirectory();
  directory.seal(a, w1);
  const [lost] = directory.leave(w1);
  expect(lost).toMatchObject({ type: "lost", object: a, why: "w1 left: it crashed" });
  expect(directory.state.objects.get(a)?.phase).toBe("pending");
});

test("a second copy outlives the peer with the first", () => {
  const directory = new TestDirectory();
  directory.seal(a, w1);
  directory.copied(w2, a);
  expect(directory.leave(w1)).toEqual([]);
  expect(directory.locate(d, a)).toMatchObject([{ record: { locations: [w2] } }]);
  directory.feed({ type: "copy-lost", peer: w2, object: a });
  expect(directory.state.objects.get(a)?.phase).toBe("pending");
});

test("a copy that turns up after the last ref went is freed", () => {
  const directory = new TestDirectory();
  directory.seal(a, w1);
  directory.leave(w1);
  directory.release(d, a);
  expect(directory.state.objects.get(a)?.phase).toBe("pending");
  expect(directory.copied(w2, a).map(({ type }) => type)).toContain("free");
  expect(directory.state.objects.size).toBe(0);
});

test("a small value outlives everybody but its holders", () => {
  const directory = new TestDirectory();
  directory.sealInline(a);
  directory.leave(w1);
  expect(directory.state.objects.get(a)?.phase).toBe("sealed");
  expect(directory.leave(d)).toEqual([freed(a)]);
});

test("what a leaving peer has promised fails", () => {
  const directory = new TestDirectory();
  directory.promise(a, d);
  directory.hold(w1, a);
  directory.locate(w1, a);
  expect(directory.leave(d)).toMatchObject([
    { type: "answer", peer: w1, object: a },
    { type: "unavailable", object: a, error: { code: "OBJECT_LOST" } },
  ]);
  expect(directory.release(w1, a)).toEqual([freed(a)]);
});

test("a promise that is taken back, and that nobody wants, leaves nothing", () => {
  const directory = new TestDirectory();
  directory.promise(a, d);
  directory.release(d, a);
  const effects = directory.feed({ type: "copy-lost", peer: d, object: a });
  expect(effects.map(({ type }) => type)).toEqual(["unavailable", "free"]);
  expect(directory.state.objects.size).toBe(0);
});
