import { afterAll, beforeAll, expect, test } from "vitest";
import { connect, startMesh, type StartedMesh } from "manta";

/** Which way bytes go between Node peers. */
let started: StartedMesh;

beforeAll(async () => {
  started = await startMesh({ workers: 1, cpus: 1, name: "home" });
});
afterAll(() => started.mesh.close());

const BYTES = 1_000_000;

/** What the Node worker says of how it moved bytes from and to a peer, once it has heard of some. */
async function pathsTo(name: string) {
  for (;;) {
    const peers = await started.mesh.peers();
    const { peer } = peers.find((it) => it.name === name)!;
    const worker = peers.find((it) => it.role === "worker")!;
    const links = worker.links.filter((it) => it.peer === peer);
    if (links.some(({ receivedBytes }) => receivedBytes >= BYTES)) return links;
  }
}

test("a worker fetches what Node drivers put over WebSockets of their own", async () => {
  const { url, tokens, mesh: home } = started;
  await using other = await connect(url, { token: tokens.submit, name: "other" });
  for (const mesh of [home, other]) {
    const ref = await mesh.put(new Uint8Array(BYTES));
    expect(await mesh.get(mesh.remote((bytes: Uint8Array) => bytes.length)(ref))).toBe(BYTES);
  }
  for (const name of ["home", "other"]) {
    expect(await pathsTo(name)).toMatchObject([{ path: "websocket" }]);
  }
});
