import { startMesh, type ObjectRef } from "manta";
import { echoBaseline } from "./echo-baseline.ts";
import { perSecond, type Figure } from "./measure.ts";

/** Tasks or calls in one batch: what Ray's microbenchmarks use. */
const BATCH = 1_000;

/**
 * The cost of the mesh itself: no-op tasks and calls, small objects; one driver, one Node worker
 * with one CPU. `tasks_async` is set against what the wire could do by itself.
 */
export async function* coreBench(): AsyncGenerator<Figure> {
  const { mesh } = await startMesh({ workers: 1, cpus: 1, name: "bench" });
  try {
    const noop = mesh.remote(() => "ok");
    const batchOf = async (make: () => ObjectRef) => {
      const refs = Array.from({ length: BATCH }, make);
      await mesh.get(refs);
      for (const ref of refs) ref.dispose();
    };
    const tasks = await perSecond("tasks_async", BATCH, () => batchOf(() => noop()));
    yield tasks;
    yield await perSecond("tasks_sync", 1, async () => {
      using ref = noop();
      await mesh.get(ref);
    });
    const Actor = mesh.actor(
      class Actor {
        smallValue() {
          return "ok";
        }
      },
    );
    const actor = Actor.create();
    yield await perSecond("actor_calls_async", BATCH, () => batchOf(() => actor.smallValue()));
    yield await perSecond("actor_calls_sync", 1, async () => {
      using ref = actor.smallValue();
      await mesh.get(ref);
    });
    yield await perSecond("put_small", 1, async () => {
      using _ref = await mesh.put(0);
    });
    using small = await mesh.put(0);
    yield await perSecond("get_small", 1, async () => {
      await mesh.get(small);
    });
    const echo = await echoBaseline(BATCH);
    yield echo;
    yield { name: "tasks_async_vs_echo", value: tasks.value / echo.value, unit: "ratio" };
  } finally {
    await mesh.close();
  }
}
