import { startMesh, type Mesh, type ObjectRef } from "manta";
import { BATCH_MESSAGES_TARGET } from "../../shared/protocol/outbox.ts";
import { echoBaseline } from "./echo-baseline.ts";
import { perSecond, type Figure } from "./measure.ts";

/** Tasks or calls in one round: what Ray's microbenchmarks use. */
const ROUND = 1_000;

/**
 * The cost of the mesh itself: no-op tasks and calls, small objects; one driver, one Node worker
 * with one CPU. `tasks_async` is set against what the wire could do by itself: in one frame a round,
 * and in frames as small as the driver's.
 */
export async function* coreBench(): AsyncGenerator<Figure> {
  const { mesh } = await startMesh({ workers: 1, cpus: 1, name: "bench" });
  try {
    const noop = mesh.remote(() => "ok");
    const batchOf = async (make: () => ObjectRef) => {
      const refs = Array.from({ length: ROUND }, make);
      await mesh.get(refs);
      for (const ref of refs) ref.dispose();
    };
    const tasks = await perSecond("tasks_async", ROUND, () => batchOf(() => noop()));
    yield tasks;
    // At once, so that both sides of the ratio see the machine in the same state.
    const echoes = [
      await echoBaseline("echo_ws_msgpackr_async", { messages: ROUND, perFrame: ROUND }),
      await echoBaseline(`echo_ws_msgpackr_async_${BATCH_MESSAGES_TARGET}`, {
        messages: ROUND,
        perFrame: BATCH_MESSAGES_TARGET,
      }),
    ];
    yield* echoes;
    yield {
      name: "tasks_async_vs_echo",
      value: tasks.value / echoes[0]!.value,
      unit: "ratio",
      note: "against batches as large as the driver's rounds",
    };
    yield {
      name: "tasks_async_vs_echo_256",
      value: tasks.value / echoes[1]!.value,
      unit: "ratio",
      note: "against the same in frames as small as the driver cuts them",
    };
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
    yield await perSecond("actor_calls_async", ROUND, () => batchOf(() => actor.smallValue()));
    yield await perSecond("actor_calls_sync", 1, async () => {
      using ref = actor.smallValue();
      await mesh.get(ref);
    });
    yield* smallObjects(mesh);
  } finally {
    await mesh.close();
  }
}

async function* smallObjects(mesh: Mesh): AsyncGenerator<Figure> {
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
}
