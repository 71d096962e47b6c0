import type { ActorClass, Mesh } from "manta";
import { getAndDispose, ROUND } from "../get-and-dispose.ts";
import type { RayBody } from "./body.ts";

const CREATED = 4;

/** Calls in flight and the kind of actor, as Ray combines them. */
export const ACTOR_BODIES: readonly RayBody[] = [
  {
    name: "1_1_actor_calls_sync",
    measures: "Calls of one actor, one after the other.",
    operations: 1,
    atLeast: 3,
    prepare: (mesh) => callsOf(mesh, 1, smallActor),
  },
  {
    name: "1_1_actor_calls_async",
    measures: "1,000 calls of one actor at a time.",
    operations: ROUND,
    atLeast: 5,
    prepare: (mesh) => callsOf(mesh, ROUND, smallActor),
  },
  {
    name: "1_1_actor_calls_concurrent",
    measures: "The same where up to 16 calls may be awaiting at a time.",
    operations: ROUND,
    prepare: (mesh) => callsOf(mesh, ROUND, (of) => smallActor(of).options({ maxConcurrency: 16 })),
  },
  {
    name: "1_1_async_actor_calls_sync",
    measures: "Calls of one actor whose method is async, one after the other.",
    operations: 1,
    prepare: (mesh) => callsOf(mesh, 1, asyncActor),
  },
  {
    name: "1_1_async_actor_calls_async",
    measures: "1,000 calls of one actor whose method is async, at a time.",
    operations: ROUND,
    prepare: (mesh) => callsOf(mesh, ROUND, asyncActor),
  },
  {
    name: "1_1_async_actor_calls_with_args_async",
    measures: "The same with a number as the argument.",
    operations: ROUND,
    prepare(mesh) {
      const actor = asyncActor(mesh).create();
      return {
        run: () => getAndDispose(mesh, ROUND, (i) => actor.smallValueWithArg(i)),
        close: () => mesh.kill(actor),
      };
    },
  },
  {
    name: "actor_creation",
    measures:
      "Four actors made, called once each, and ended: actors per second. Not one of Ray's own rows.",
    operations: CREATED,
    atLeast: 10,
    prepare(mesh) {
      const Actor = smallActor(mesh);
      return {
        async run() {
          const actors = Array.from({ length: CREATED }, () => Actor.create());
          await getAndDispose(mesh, CREATED, (i) => actors[i]!.smallValue());
          for (const actor of actors) mesh.kill(actor);
        },
      };
    },
  },
];

function callsOf(mesh: Mesh, calls: number, classOf: (mesh: Mesh) => ActorClass<[], SmallActor>) {
  const actor = classOf(mesh).create();
  return {
    run: () => getAndDispose(mesh, calls, () => actor.smallValue()),
    close: () => mesh.kill(actor),
  };
}

interface SmallActor {
  smallValue(): string | Promise<string>;
}

const smallActor = (mesh: Mesh) =>
  mesh.actor(
    class Actor {
      smallValue() {
        return "ok";
      }
    },
  );

const asyncActor = (mesh: Mesh) =>
  mesh.actor(
    class AsyncActor {
      async smallValue() {
        return "ok";
      }
      async smallValueWithArg(_x: number) {
        return "ok";
      }
    },
  );
