import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";

/** The program, as processes: with a coordinator's program beside it. */

const TOKEN = "contribute-token-of-this-test";
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

class Program {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  said = "";

  constructor(room: string, argv: readonly string[]) {
    const file = fileURLToPath(new URL(`../${room}/main.ts`, import.meta.url));
    this.child = spawn(process.execPath, ["--import", "tsx", file, ...argv], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, MANTA_URL: "", MANTA_TOKEN: "", MANTA_CONTRIBUTE_TOKEN: TOKEN },
    });
    children.push(this.child);
    this.exited = new Promise((resolve) => this.child.once("exit", resolve));
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on("data", (data: Buffer) => (this.said += data.toString()));
    }
  }

  /** Words that it has not said when this is called. */
  says(words: RegExp): Promise<void> {
    const from = this.said.length;
    return expect.poll(() => this.said.slice(from), { timeout: 15_000 }).toMatch(words);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("a flag that makes no sense ends it with status 2 and where to read on", async () => {
  const worker = new Program("node-worker", ["--token", TOKEN, "--cpus", "many"]);
  expect(await worker.exited).toBe(2);
  expect(worker.said).toMatch(/--cpus takes a number[^]*`manta worker --help` lists the options/);
});

test("a worker waits for its coordinator, outlives it, and leaves politely", async () => {
  const port = await freePort();
  const argv = ["--port", String(port)];
  const flags = ["--url", `http://127.0.0.1:${port}`, "--token", TOKEN, "--name", "w"];
  const worker = new Program("node-worker", [...flags, "--cpus", "1", "--no-webrtc"]);
  await worker.says(/trying http:\/\/127\.0\.0\.1:\d+ until it answers/);
  const first = new Program("coordinator", argv);
  await worker.says(/w is in the mesh/);
  const lost = worker.says(/until it answers/);
  first.child.kill("SIGKILL");
  await Promise.all([first.exited, lost]);
  const second = new Program("coordinator", argv);
  await worker.says(/in the mesh at \S+ again/);
  const left = second.says(/left: the worker was stopped/);
  worker.child.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  await left;
}, 60_000);

test("a token that the coordinator does not know ends it with the reason", async () => {
  const port = await freePort();
  const coordinator = new Program("coordinator", ["--port", String(port)]);
  await coordinator.says(/http:/);
  const url = `http://127.0.0.1:${port}`;
  const worker = new Program("node-worker", ["--url", url, "--token", "wrong", "--no-webrtc"]);
  expect(await worker.exited).toBe(1);
  expect(worker.said).toMatch(/token/);
}, 60_000);
