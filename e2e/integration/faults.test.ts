import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { connect, start, startMesh, type MeshError } from "manta";
import { failure } from "./failure.ts";
import { sharedMesh } from "./shared-mesh.ts";
import { BATCH_BYTES_MAX } from "../../shared/protocol/limits.ts";
import { RawPeer } from "./raw-peer.ts";

/** What goes wrong from outside: tokens, versions, bad messages, dead processes, taken ports. */
const started = sharedMesh({ workers: 2, cpus: 1 });

/** Others notice nothing: a task still runs. */
async function meshWorks(): Promise<void> {
  using ref = started.mesh.remote(() => "fine")();
  expect(await started.mesh.get(ref)).toBe("fine");
}

test("an unknown token, a wrong role's token and no token are told apart", async () => {
  const { url, tokens } = started;
  const unknown = await failure(connect(url, { token: "manta_submit_nonsense" }));
  expect(unknown.code).toBe("UNAUTHENTICATED");
  expect(unknown.message).toContain("unknown");
  const wrongRole = await failure(connect(url, { token: tokens.view }));
  expect(wrongRole.code).toBe("FORBIDDEN");
  expect(wrongRole.message).toContain("view");
  expect((await failure(connect(url))).message).toContain("MANTA_TOKEN");
});

test("an expired token is refused as expired", async () => {
  const { url, tokens } = started;
  const response = await fetch(`${url}/v1/tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokens.admin}`, "content-type": "application/json" },
    body: JSON.stringify({ role: "submit", validS: 1 }),
  });
  expect(response.status).toBe(201);
  const { token } = (await response.json()) as { token: string };
  const expired = async (): Promise<MeshError> => {
    for (;;) {
      try {
        await (await connect(url, { token })).close();
      } catch (error) {
        return error as MeshError;
      }
    }
  };
  const error = await expired();
  expect(error.code).toBe("UNAUTHENTICATED");
  expect(error.message).toContain("expired");
});

test("a peer that speaks no common protocol version is told which there are", async () => {
  const raw = await RawPeer.dial(started.url);
  raw.hello(started.tokens.submit, { protocolVersions: [998, 999] });
  const { error } = await raw.next("bye");
  expect(error.code).toBe("VERSION_MISMATCH");
  expect(error.message).toContain("998, 999");
  await raw.closed;
});

test("malformed and out-of-role messages get typed errors; a peer that goes on is dropped", async () => {
  const raw = await RawPeer.dial(started.url);
  raw.hello(started.tokens.submit);
  await raw.next("welcome");
  raw.say({ type: "task-done", task: "x.1", attempt: 0, sizeBytes: 0, ranForMs: 0 });
  expect((await raw.next("refused")).error.message).toContain("task-done");
  raw.say({ type: "submit", task: "not mine.1", callable: "c", args: new Uint8Array(1) });
  expect((await raw.next("refused")).error.code).toBe("PROTOCOL_VIOLATION");
  raw.shout(new Uint8Array([0xc7, 1, 2, 3]));
  expect((await raw.next("refused")).error.message).toContain("MessagePack");
  await meshWorks();
  for (let i = 0; i < 8; i++) raw.say({ type: "nonsense" });
  expect((await raw.next("bye")).error.message).toContain("nonsense");
  await raw.closed;
  await meshWorks();
});

test("an oversized message is refused by name, a larger one ends that peer's connection only", async () => {
  const raw = await RawPeer.dial(started.url);
  raw.hello(started.tokens.submit);
  await raw.next("welcome");
  raw.shout(new Uint8Array(BATCH_BYTES_MAX + 1));
  const { error } = await raw.next("refused");
  expect(error.code).toBe("PROTOCOL_VIOLATION");
  expect(error.message).toContain(`over ${BATCH_BYTES_MAX} bytes`);
  raw.shout(new Uint8Array(64 * 2 ** 20));
  const { code } = await raw.closed;
  expect(["protocol-violation", "failed", "peer-left"]).toContain(code);
  await meshWorks();
});

test("a peer may not use another's ids", async () => {
  const raw = await RawPeer.dial(started.url);
  raw.hello(started.tokens.submit);
  await raw.next("welcome");
  const stolen = `${started.mesh.id}.zz`;
  raw.say({ type: "put-object", object: stolen, sizeBytes: 1, inline: new Uint8Array(1) });
  expect((await raw.next("refused")).error.message).toContain(stolen);
  raw.close();
});

test("a worker killed -9 in the middle of a task: the task ends on another", async () => {
  const own = await startMesh({ workers: 2, cpus: 1 });
  const survivor = own.mesh.remote(
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return "done";
    },
    { name: "survivor" },
  );
  const refs = [survivor(), survivor()];
  // Both workers run one each now; one of them dies.
  for (;;) {
    const { tasksRunning } = await own.mesh.summary();
    if (tasksRunning === 2) break;
  }
  process.kill(own.workerPids[0]!, "SIGKILL");
  expect(await own.mesh.get(refs)).toEqual(["done", "done"]);
  const { tasksRetried } = await own.mesh.summary();
  expect(tasksRetried).toBeGreaterThanOrEqual(1);
  await own.mesh.close();
});

test("a task that kills its executor is retried, then fails with the story", async () => {
  const suicidal = started.mesh.remote(
    () => {
      // Typed for pages too, which have no `process`.
      (globalThis as unknown as { process: { exit(code: number): void } }).process.exit(3);
    },
    { retriesMax: 1, name: "suicidal" },
  );
  const error = await failure(started.mesh.get(suicidal()));
  expect(error.code).toBe("RETRIES_EXHAUSTED");
  expect(error.message).toContain("suicidal");
  expect(error.message).toContain("2 of 2");
  await meshWorks();
});

test("a port that is in use is a clear error", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const error = await failure(start({ port, workers: 0 }));
  expect(error.code).toBe("START_FAILED");
  expect(error.message).toContain(`port ${port}`);
  expect(error.message).toContain("in use");
  taken.close();
});

test("nobody at the address is a clear error", async () => {
  const error = await failure(connect("http://127.0.0.1:9", { token: "x" }));
  expect(error.code).toBe("PEER_UNREACHABLE");
  expect((await failure(connect("nonsense", { token: "x" }))).code).toBe("INVALID_ARGUMENT");
});

test("a driver that leaves takes its tasks, actors and objects along", async () => {
  const other = await connect(started.url, { token: started.tokens.submit });
  const never = other.remote(() => new Promise<void>(() => {}));
  never();
  await other.put(new Uint8Array(100_000));
  const counter = other.actor(
    class {
      one() {
        return 1;
      }
    },
  );
  await other.get(counter.create().one());
  const before = await started.mesh.summary();
  expect(before.actors).toBe(1);
  await other.close();
  for (;;) {
    const { actors, drivers, tasksRunning, objects } = await started.mesh.summary();
    const hasLeft = drivers === before.drivers - 1 && objects < before.objects;
    if (actors === 0 && tasksRunning === 0 && hasLeft) break;
  }
  await meshWorks();
});

test("a foreign page is refused", async () => {
  const page = await fetch(`${started.url}/v1/state`, {
    headers: { origin: "https://evil.example", authorization: `Bearer ${started.tokens.view}` },
  });
  expect(page.status).toBe(403);
  expect(await page.text()).toContain("--allow-origin");
});

test("a foreign host name is refused, whatever the token: DNS may have been made to point here", async () => {
  const asked = request(`${started.url}/v1/state`, {
    headers: { host: "evil.example", authorization: `Bearer ${started.tokens.view}` },
  }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(403);
  const body = Buffer.concat(await response.toArray()).toString();
  expect(body).toContain("evil.example");
  expect(body).toContain("--host-name");
  expect(body).not.toContain("node-1");
});

test("health, metrics, state and explain answer", async () => {
  const { url, tokens } = started;
  const get = (path: string, token = tokens.view) =>
    fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ status: "ok", workers: 2 });
  expect(await (await get("/metrics")).text()).toContain("manta_workers 2");
  const state = (await (await get("/v1/state")).json()) as { peers: { name: string }[] };
  expect(state.peers.map(({ name }) => name)).toContain("node-1");
  expect((await get("/v1/state", "wrong")).status).toBe(401);
  const explained = (await (await get("/v1/explain/nope.1")).json()) as unknown;
  expect(explained).toMatchObject({ state: "freed", reason: { code: "freed" } });
});

test("packages are stored by the hash of their bytes", async () => {
  const { url, tokens } = started;
  const bytes = new TextEncoder().encode("export const answer = 42;");
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const sha256 = Buffer.from(digest).toString("hex");
  const put = (name: string) =>
    fetch(`${url}/v1/packages/${name}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${tokens.submit}` },
      body: bytes,
    });
  expect((await put(sha256)).status).toBe(204);
  expect((await put("0".repeat(64))).status).toBe(400);
  const got = await fetch(`${url}/v1/packages/${sha256}`, {
    headers: { authorization: `Bearer ${tokens.contribute}` },
  });
  expect(await got.text()).toContain("42");
});
