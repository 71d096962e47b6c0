import { perSecond } from "../measure.ts";
import { nodeMesh } from "../node-mesh.ts";
import type { Row } from "../suite.ts";

export const tasksSync: Row = {
  name: "tasks_sync",
  measures: "No-op tasks, the next one when the result of the last is here.",
  async *run(stage) {
    const { mesh } = await nodeMesh(stage);
    const noop = mesh.remote(() => "ok");
    yield await perSecond("tasks_sync", 1, async () => {
      using ref = noop();
      await mesh.get(ref);
    });
  },
};
