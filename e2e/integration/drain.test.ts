import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startMesh, type StartedMesh } from "manta";
import { inProject } from "../setup/project.mjs";

/** A worker that is taken out politely. Real processes throughout. */

const BYTES = 2 * 2 ** 20;

class Counter {
  count = 0;
  add(k: number): number {
    return (this.count += k);
  }
  checkpoint(): number {
    return this.count;
  }
  restore(count: number): void {
    this.count = count;
  }
}

function run(program: string, ...args: string[]): ChildProcess {
  const file = inProject("dist", ...program.split("/"));
  const child = spawn(process.execPath, [file, ...args], { stdio: "inherit" });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** A server that keeps its only caller waiting, until the test lets it go on. */
async function gate() {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const asked = once(server, "request") as Promise<[unknown, ServerResponse]>;
  return { url: `http://127.0.0.1:${port}`, asked };
}

const drain = ({ url, tokens }: StartedMesh, worker: string, token = tokens.admin) =>
  fetch(`${url}/v1/workers/${worker}/drain`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });

test("what runs ends there, what comes runs elsewhere, and what only it has moves", async () => {
  const started = await startMesh({ workers: 1, cpus: 1 });
  const { mesh, url, tokens } = started;
  const about = ["--url", url, "--token", tokens.contribute, "--cpus", "1", "--name", "leaver"];
  const leaver = run("node-worker/main.js", ...about);
  const exit = once(leaver, "exit");

  const there = { labels: { name: "leaver" } };
  const preferred = { ...there, fallback: [{ labels: {} }] };
  const make = mesh.remote((n: number) => new Uint8Array(n).fill(4), { ...there, retriesMax: 0 });
  const value = make(BYTES);
  await mesh.wait([value]);
  const counter = mesh
    .actor(Counter)
    .options({ cpus: 0, restartsMax: 1, ...preferred })
    .create();
  expect(await mesh.get(counter.add(1))).toBe(1);
  const { url: gateUrl, asked } = await gate();
  const running = mesh.remote(async (at: string) => (await fetch(at)).text(), there)(gateUrl);
  const [, response] = await asked;

  const command = run(
    "client/cli/main.js",
    "drain",
    "leaver",
    "--url",
    url,
    "--token",
    tokens.admin,
  );
  expect(await once(command, "exit")).toEqual([0, null]);
  const again = await drain(started, "leaver");
  expect(again.status).toBe(202);
  expect(await again.json()).toMatchObject({ name: "leaver", tasksRunning: 1, actors: 1 });
  expect((await mesh.peers()).find(({ name }) => name === "leaver")!.draining).toBe(true);

  // The worker has not gone: what it could do is done by the other one, or waits.
  expect(await mesh.get(mesh.remote(() => "later", preferred)())).toBe("later");
  const stuck = mesh.remote(() => "never", there)();
  expect((await mesh.explain(stuck)).reason.code).toBe("worker-draining");
  await mesh.cancel(stuck);

  response.end("ended there");
  expect(await mesh.get(running)).toBe("ended there");
  expect(await exit).toEqual([0, null]);
  expect(await mesh.get(counter.add(1)), "it moved with its state").toBe(2);
  expect((await mesh.get(value))[BYTES - 1]).toBe(4);

  const unknown = await drain(started, "leaver");
  expect(unknown.status).toBe(404);
  expect(await unknown.json()).toMatchObject({ code: "NOT_FOUND" });
  expect((await drain(started, "node-1", tokens.submit)).status).toBe(403);
  for (const ref of [value, running, stuck]) ref.dispose();
  await mesh.close();
});
