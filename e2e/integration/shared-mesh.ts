import { connect, startMesh, type Mesh, type StartedMesh, type StartOptions } from "manta";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { meshIsEmpty } from "../support/empty-mesh.ts";

/**
 * One mesh for all tests of a file, with a driver for each of them. After each test that driver
 * leaves, and nothing may be left of what it did.
 */
export function sharedMesh(options: StartOptions): StartedMesh {
  let started: StartedMesh;
  let mesh: Mesh;
  beforeAll(async () => {
    started = await startMesh(options);
  });
  afterAll(() => started.mesh.close());
  beforeEach(async () => {
    mesh = await connect(started.url, {
      token: started.tokens.submit,
      name: options.name ?? "test",
    });
  });
  afterEach(async () => {
    await mesh.close();
    await meshIsEmpty(started);
  });
  return {
    get mesh() {
      return mesh;
    },
    get url() {
      return started.url;
    },
    get tokens() {
      return started.tokens;
    },
    get workerPids() {
      return started.workerPids;
    },
  };
}
