/** The SDK in Node: what `import ... from "manta"` gives. browser.ts is the same for pages. */
export { connect } from "./connect-in-node.ts";
export { start, startMesh, type StartedMesh, type StartOptions } from "./start.ts";
export { Mesh, type WaitOptions } from "./mesh.ts";
export type { ConnectOptions } from "./connect.ts";
export type { ActorClass, ActorHandle } from "./actor.ts";
export type { CallableOptions, PutOptions } from "./options.ts";
export { ObjectRef, type GetOptions } from "./object-ref.ts";
export type { RemoteFunction } from "./remote-function.ts";
export { MeshError, ERROR_CODES, type ErrorCode } from "../../shared/errors.ts";
