import { expect, test } from "vitest";
import { DrainWatch } from "./drain-watch.ts";

/** A watch, the time that passes for it, and whether it has told. */
function watched({ tasks }: { readonly tasks: number }) {
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  const s = { tasks, nowMs: 0, told: 0 };
  const watch = new DrainWatch({
    clock: {
      nowMs: () => s.nowMs,
      after(delayMs, run) {
        const timer = { atMs: s.nowMs + delayMs, run };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    hasTasks: () => s.tasks > 0,
    drained: () => (s.told += 1),
  });
  const passTo = (atMs: number) => {
    s.nowMs = atMs;
    for (const timer of timers) {
      if (timer.atMs <= atMs && timers.delete(timer)) timer.run();
    }
  };
  const end = () => {
    s.tasks -= 1;
    watch.taskEnded();
  };
  return { s, watch, passTo, end };
}

test("a worker that has nothing to do is drained at once", () => {
  const { s, watch } = watched({ tasks: 0 });
  watch.taskEnded();
  expect(s.told).toBe(0);
  watch.ask(30_000);
  expect(s.told).toBe(1);
});

test("it is drained when its last task ends, and told once", () => {
  const { s, watch, end, passTo } = watched({ tasks: 2 });
  watch.ask(30_000);
  end();
  expect(s.told).toBe(0);
  end();
  passTo(30_000);
  expect(s.told).toBe(1);
});

test("of two deadlines the earlier one counts, in whatever order they come", () => {
  const { s, watch, passTo } = watched({ tasks: 1 });
  watch.ask(30_000);
  watch.ask(1_000);
  watch.ask(60_000);
  passTo(999);
  expect(s.told).toBe(0);
  passTo(1_000);
  expect(s.told).toBe(1);
});
