import { perSecond } from "../measure.ts";
import { nodeMesh } from "../node-mesh.ts";
import type { Row } from "../suite.ts";
import { getAndDispose, ROUND } from "./get-and-dispose.ts";

export const actorCalls: Row = {
  name: "actor_calls",
  measures: "Calls of one actor that does nothing, 1,000 at a time and one at a time.",
  async *run(stage) {
    const { mesh } = await nodeMesh(stage);
    const Actor = mesh.actor(
      class Actor {
        smallValue() {
          return "ok";
        }
      },
    );
    const actor = Actor.create();
    yield await perSecond("actor_calls_async", ROUND, () =>
      getAndDispose(mesh, ROUND, () => actor.smallValue()),
    );
    yield await perSecond("actor_calls_sync", 1, async () => {
      using ref = actor.smallValue();
      await mesh.get(ref);
    });
    mesh.kill(actor);
  },
};
