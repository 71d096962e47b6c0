import { perSecond } from "../measure.ts";
import { nodeMesh } from "../node-mesh.ts";
import type { Row } from "../suite.ts";

export const smallValues: Row = {
  name: "put_get_small",
  measures:
    "Small values per second: put, get where it was put, and put that a task on a worker gets.",
  async *run(stage) {
    const { mesh } = await nodeMesh(stage);
    const put = await perSecond("put_small", 1, async () => {
      using _ref = await mesh.put(0);
    });
    yield { ...put, note: "put waits for nobody: the time to hand a value over" };
    // What is on its way to the coordinator must not slow what is measured next.
    await mesh.summary();
    using small = await mesh.put(0);
    const get = await perSecond("get_small", 1, async () => {
      await mesh.get(small);
    });
    yield { ...get, note: "of a value that this driver put: it never leaves the process" };
    const same = mesh.remote((value: number) => value);
    const putGet = await perSecond("put_get_small", 1, async () => {
      using ref = await mesh.put(0);
      using got = same(ref);
      await mesh.get(got);
    });
    yield { ...putGet, note: "put, and a task on a worker gets it: compare with tasks_sync" };
  },
};
