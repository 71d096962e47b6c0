import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Mesh } from "manta";
import { createServer, type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { inProject } from "../setup/project.mjs";
import { failure } from "./failure.ts";
import { processId } from "./process-id.ts";

/** `manta start` as a person runs it. */

interface State {
  readonly peers: readonly { readonly peer: string; readonly name: string }[];
}

/** Start the command, and wait for what it prints. */
async function startCommand() {
  const command = inProject("dist", "client", "cli", "main.js");
  const args = ["start", "--port", "0", "--workers", "2", "--cpus", "1"];
  const child = spawn(process.execPath, [command, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (said[name] += text));
  }
  const ended = once(child, "exit");
  while (!said.stdout.includes("Ctrl-C")) await once(child.stdout, "data");
  const [, url, submit] = /MANTA_URL=(\S+) MANTA_TOKEN=(\S+)/.exec(said.stdout)!;
  const [, view] = /dashboard#token=(\S+)/.exec(said.stdout)!;
  return { child, said, ended, url: url!, submit: submit!, view: view! };
}

/** The process that runs a worker's tasks. */
function processOf(mesh: Mesh, name: string): Promise<number> {
  return mesh.get(mesh.remote(processId, { labels: { name } })());
}

/** Run the command to its end. */
async function run(...args: string[]): Promise<{ status: number; stderr: string }> {
  const command = inProject("dist", "client", "cli", "main.js");
  const child = spawn(process.execPath, [command, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const [status] = (await once(child, "close")) as [number];
  return { status, stderr };
}

test("a port that is taken is said once", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const { status, stderr } = await run("start", "--port", String(port));
  expect(status).toBe(1);
  expect(stderr.match(/EADDRINUSE|in use/g)).toHaveLength(1);
  expect(stderr).toContain(`port ${port}`);
});

test.each([
  [["start", "--prot", "7778"], "there is no option --prot; did you mean --port?"],
  [["start", "--cpus", "0"], '--cpus takes a whole number from 1 to 1024, not "0"'],
  [["start", "--ice-server", "what"], "is not an ICE server"],
  [["strat"], "there is no such command; did you mean start?"],
])("manta %j is refused in two lines at most", async (args, message) => {
  const { status, stderr } = await run(...args);
  expect(status).toBe(2);
  expect(stderr).toContain(message);
  expect(stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
});

test("a worker killed -9 comes back and the mesh goes on; SIGTERM ends all of it", async () => {
  const { child, said, ended, url, submit, view } = await startCommand();
  const mesh = await connect(url, { token: submit });
  const peerOf = async (name: string): Promise<string | undefined> => {
    const headers = { authorization: `Bearer ${view}` };
    const { peers } = (await (await fetch(`${url}/v1/state`, { headers })).json()) as State;
    return peers.find((peer) => peer.name === name)?.peer;
  };
  const before = await peerOf("node-1");
  const pids = [await processOf(mesh, "node-1"), await processOf(mesh, "node-2")];
  const other = await peerOf("node-2");

  process.kill(pids[0]!, "SIGKILL");
  await expect.poll(() => peerOf("node-1"), { timeout: 20_000 }).not.toBeOneOf([before, undefined]);
  pids.push(await processOf(mesh, "node-1"));
  expect(pids[2]).not.toBe(pids[0]);
  expect(await peerOf("node-2")).toBe(other);
  const told = said.stderr.split("\n").filter((line) => line.includes("SIGKILL"));
  expect(told).toEqual([
    `manta: worker node-1 (process ${pids[0]}) ended with SIGKILL; starting it in 0.5 s`,
  ]);

  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect((await mesh.closed).code).toBe("DISCONNECTED");
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  expect((await failure(connect(url, { token: submit }))).code).toBe("PEER_UNREACHABLE");
});
