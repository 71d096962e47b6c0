import { expect, test } from "vitest";
import { Prng } from "../prng.ts";
import type { Path } from "../protocol/messages.ts";
import { PathRace, type RaceEffect } from "./path-race.ts";

const race = (...paths: readonly (Path | [Path, string])[]): PathRace =>
  new PathRace(
    paths.map((it) =>
      typeof it === "string" ? { path: it, obstacle: undefined } : { path: it[0], obstacle: it[1] },
    ),
  );

test("a path that is slow to open has a head start; then the next is tried beside it", () => {
  const it = race("webrtc", "relay");
  expect(it.step({ type: "started" })).toEqual([
    { type: "dial", index: 0 },
    { type: "set-timer", delayMs: 1_500 },
  ]);
  expect(it.step({ type: "head-start-over" })).toEqual([{ type: "dial", index: 1 }]);
  expect(it.step({ type: "opened", index: 1 })).toEqual([{ type: "stop-timer" }, { type: "won" }]);
  expect(it.reason(1)).toBe("webrtc: not open after 1500 ms, and still being tried");
});

test("a better path that opens after another was taken is moved to; a worse one is not wanted", () => {
  const it = race("websocket", "webrtc", "relay");
  it.step({ type: "started" });
  it.step({ type: "head-start-over" });
  it.step({ type: "head-start-over" });
  it.step({ type: "opened", index: 1 });
  expect(it.wants(2)).toBe(false);
  expect(it.step({ type: "opened", index: 0 })).toEqual([{ type: "move" }]);
  expect(it.reason(0)).toBeUndefined();
});

test("a worse path that the other end opened is used meanwhile; its equal is kept if hello was said", () => {
  const it = race("websocket", "webrtc", "relay");
  it.step({ type: "started" });
  it.step({ type: "head-start-over" });
  expect(it.step({ type: "admitted", path: "relay" })).toEqual([
    { type: "stop-timer" },
    { type: "won" },
  ]);
  expect([0, 1, 2].map((index) => it.wants(index))).toEqual([true, true, false]);
  expect(it.step({ type: "admitted", path: "webrtc" })).toEqual([{ type: "move" }]);
  expect([0, 1, 2].map((index) => it.wants(index))).toEqual([true, false, false]);
  expect([0, 1, 2].map((index) => it.isSuperfluous(index))).toEqual([false, false, true]);
  expect(it.step({ type: "opened", index: 1 })).toEqual([]);
});

test("when a better path fails after another was taken, the reason is told anew", () => {
  const it = race("webrtc", "relay");
  it.step({ type: "started" });
  it.step({ type: "head-start-over" });
  it.step({ type: "opened", index: 1 });
  expect(it.step({ type: "failed", index: 0, why: "ICE failed" })).toEqual([
    { type: "explain", index: 1 },
  ]);
  expect(it.reason(1)).toBe("webrtc: ICE failed");
});

test("a failure starts the next path at once, and all failures lose with each one's reason", () => {
  const it = race(["websocket", "it listens nowhere"], "webrtc", "relay");
  expect(it.step({ type: "started" })[0]).toEqual({ type: "dial", index: 1 });
  expect(it.step({ type: "failed", index: 1, why: "ICE failed" })).toEqual([
    { type: "stop-timer" },
    { type: "dial", index: 2 },
  ]);
  expect(it.step({ type: "failed", index: 2, why: "over quota" })).toEqual([
    { type: "stop-timer" },
    {
      type: "lost",
      failures: ["websocket: it listens nowhere", "webrtc: ICE failed", "relay: over quota"],
    },
  ]);
});

test("in races of every kind somebody wins once, or all failed; no path is dialled twice", () => {
  for (let seed = 0; seed < 500; seed++) {
    const prng = new Prng(seed);
    const paths = (["local", "websocket", "webrtc", "relay"] as const).slice(prng.below(4));
    const it = race(
      ...paths.map((path): [Path, string] | Path => (prng.chance(1, 4) ? [path, "no"] : path)),
    );
    const dialled: number[] = [];
    const trying: number[] = [];
    let ends = 0;
    let best = Infinity;
    let timer = false;
    const apply = (effects: readonly RaceEffect[], opened = Infinity) => {
      for (const effect of effects) {
        if (effect.type === "dial") {
          dialled.push(effect.index);
          trying.push(effect.index);
        } else if (effect.type === "set-timer") timer = true;
        else if (effect.type === "stop-timer") timer = false;
        else if (effect.type === "explain") expect(effect.index).toBe(best);
        else {
          if (effect.type !== "move") ends++;
          if (effect.type !== "lost") {
            expect(opened).toBeLessThan(best);
            best = opened;
          }
        }
      }
    };
    apply(it.step({ type: "started" }));
    while (trying.length > 0) {
      if (timer && prng.chance(1, 2)) {
        timer = false;
        apply(it.step({ type: "head-start-over" }));
        continue;
      }
      const [index] = trying.splice(prng.below(trying.length), 1) as [number];
      if (prng.chance(1, 2)) apply(it.step({ type: "failed", index, why: "broken" }));
      else if (it.wants(index)) apply(it.step({ type: "opened", index }), index);
    }
    expect(ends).toBe(1);
    expect(new Set(dialled).size).toBe(dialled.length);
    expect(timer).toBe(false);
  }
});
