import { ACTOR_BODIES } from "./actor-bodies.ts";
import type { RayBody } from "./body.ts";
import { NESTED_BODIES } from "./nested-bodies.ts";
import { OBJECT_BODIES } from "./object-bodies.ts";
import { TASK_BODIES } from "./task-bodies.ts";

const others = [...OBJECT_BODIES, ...TASK_BODIES, ...ACTOR_BODIES, ...NESTED_BODIES];

/**
 * Ray's rows for drivers outside its cluster (`ray://`). Every driver of Manta is outside, so on this
 * side the bodies are those of the rows above; what they are compared with is another.
 */
export const CLIENT_BODIES: readonly RayBody[] = [
  asClient("client__get_calls", "single_client_get_calls_Plasma_Store"),
  asClient("client__put_calls", "single_client_put_calls_Plasma_Store"),
  asClient("client__put_gigabytes", "single_client_put_gigabytes"),
  asClient("client__tasks_and_get_batch", "single_client_tasks_and_get_batch"),
  asClient("client__tasks_and_put_batch", "multi_client_put_calls_Plasma_Store"),
  asClient("client__1_1_actor_calls_sync", "1_1_actor_calls_sync"),
  asClient("client__1_1_actor_calls_async", "1_1_actor_calls_async"),
  asClient("client__1_1_actor_calls_concurrent", "1_1_actor_calls_concurrent"),
];

function asClient(name: string, like: string): RayBody {
  const { operations, prepare } = others.find((body) => body.name === like)!;
  return {
    name,
    measures: `As ${like}; Ray's driver is outside its cluster.`,
    operations,
    prepare,
  };
}
