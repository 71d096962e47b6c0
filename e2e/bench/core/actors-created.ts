import { nodeMesh } from "../node-mesh.ts";
import type { Row } from "../suite.ts";

/** Actors in one round: what Ray's `many_actors` makes. */
const ACTORS = 10_000;
const ROUNDS = 3;

export const actorsCreated: Row = {
  name: "actors_created",
  measures: "10,000 light actors are created on one worker and each is called once.",
  async *run(stage) {
    const { mesh } = await nodeMesh(stage);
    const Small = mesh.actor(
      class Small {
        ping() {
          return 1;
        }
      },
    );
    for (let round = 1; round <= ROUNDS; round++) {
      const startedMs = performance.now();
      const actors = Array.from({ length: ACTORS }, () => Small.create());
      await mesh.get(actors.map((actor) => actor.ping()));
      const value = (ACTORS * 1_000) / (performance.now() - startedMs);
      const note = round === 1 ? "the first round: nothing is warm" : `round ${round}`;
      yield { name: "actors_created", value, unit: "1/s", note, target: { atLeast: 5_510 } };
      for (const actor of actors) mesh.kill(actor);
    }
  },
};
