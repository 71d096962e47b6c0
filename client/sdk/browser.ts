/** The SDK in a page: served by the coordinator as /manta.js, and what bundlers take for "manta". */
export { connect } from "./connect-in-page.ts";
export { Mesh, type WaitOptions } from "../../shared/driver/mesh.ts";
export type { ConnectOptions } from "./connect.ts";
export type { ActorClass, ActorHandle, ActorMethod } from "../../shared/driver/actor.ts";
export type {
  ActorClassOptions,
  ActorMethodOptions,
  CallOptions,
} from "../../shared/driver/actor-class-options.ts";
export type { CallableOptions, PutOptions } from "../../shared/driver/options.ts";
export type {
  Bundle,
  PlacementGroup,
  PlacementGroupOptions,
} from "../../shared/driver/placement-group.ts";
export type { LabelWish, LabelWishes, WhereOptions } from "../../shared/driver/where-options.ts";
export { ObjectRef, type GetOptions } from "../../shared/driver/object-ref.ts";
export { ObjectStream } from "../../shared/driver/object-stream.ts";
export type {
  RemoteFunction,
  RemoteGenerator,
  RemoteTuple,
} from "../../shared/driver/remote-function.ts";
export type { Explanation, Reason, StoryStep } from "../../shared/protocol/explanation.ts";
export { MeshError, ERROR_CODES, type ErrorCode } from "../../shared/errors.ts";
export { ActorPool, type PoolCall } from "./actor-pool.ts";
export { Queue, type QueueOptions, type QueueWaitOptions } from "./queue.ts";
export { exitActor } from "./exit-actor.ts";
export { currentTask, type CurrentTask } from "./current-task.ts";
export type { CancelOptions } from "../../shared/driver/cancel.ts";
