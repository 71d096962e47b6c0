import { expect, test } from "vitest";
import { failedDependency } from "./failed-dependency.ts";

test("a task that did not run is named, with what failed at first, however long the chain", () => {
  const root = { code: "TASK_FAILED", message: 'task "bad" threw Error: no' } as const;
  const child = failedDependency({ name: "child", id: "n1.b" }, root);
  expect(child).toEqual({
    code: "TASK_FAILED",
    message:
      'child (n1.b) did not run, because what it depends on failed: task "bad" threw Error: no',
  });
  const grandchild = failedDependency({ name: "grandchild", id: "n1.c" }, child);
  expect(grandchild.message).toBe(
    'grandchild (n1.c) did not run, because what it depends on failed: task "bad" threw Error: no',
  );
});
