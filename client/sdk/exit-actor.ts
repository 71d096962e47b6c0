import { MeshError } from "../../shared/errors.ts";

/**
 * End the actor whose method calls it, when what it runs is done: nobody restarts it, and its
 * `dispose` has the last word. For code inside an actor, where `import("manta")` gives the real one.
 *
 * ```js
 * class Worker {
 *   async stop() {
 *     const { exitActor } = await import("manta");
 *     exitActor(this);
 *   }
 * }
 * ```
 *
 * @throws MeshError `INVALID_ARGUMENT` outside of an actor.
 */
export function exitActor(_actor: object): void {
  const message =
    "exitActor is for the methods of an actor; elsewhere, end one with mesh.kill(actor)";
  throw new MeshError("INVALID_ARGUMENT", message);
}
