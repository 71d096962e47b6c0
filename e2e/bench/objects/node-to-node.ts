import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { startMesh, type Mesh } from "manta";
import { compare } from "../compare.ts";
import type { Row } from "../suite.ts";
import { bareChannel, bareSocket } from "./bare/bare-rate.ts";
import { BareProcess, connectEnds } from "./bare/channel-pair.ts";
import { expectPath, movesObject } from "./mesh-rate.ts";

const ROUNDS = 5;

export const nodeToNode: Row = {
  name: "node_to_node_256MiB",
  measures: "An object of 256 MiB from one Node worker to another over their WebSocket.",
  peer: "a bare ws between two processes, in messages of 64 KiB and of 1 MiB",
  async *run() {
    const sizeBytes = 256 * 2 ** 20;
    const { mesh } = await startMesh({ workers: 2, cpus: 1, name: "bench" });
    const small = await bareSocket("ws_64KiB", { sizeBytes, messageBytes: 64 * 1024 });
    const large = await bareSocket("ws_1MiB", { sizeBytes, messageBytes: 2 ** 20 });
    try {
      const move = { mesh, from: "node-1", to: "node-2", sizeBytes };
      const ours = movesObject("node_to_node_256MiB", move);
      const target = { atLeast: 0.8 };
      yield* compare({ ours, peers: [small, large], unit: "MB/s", rounds: ROUNDS, target });
      await expectPath(move, "websocket");
    } finally {
      small.close();
      large.close();
      await mesh.close();
    }
  },
};

export const nodeToNodeWebRtc: Row = {
  name: "node_to_node_webrtc_64MiB",
  measures: "An object of 64 MiB from one Node worker to another over WebRTC.",
  peer: "a bare node-datachannel pair in two processes, with the same SCTP settings",
  async *run() {
    const sizeBytes = 64 * 2 ** 20;
    const { mesh, url, tokens } = await startMesh({ workers: 0, name: "bench" });
    const [from, to] = [new BareProcess(), new BareProcess()];
    const workers = ["from", "to"].map((name) => startWorker(url, tokens.contribute, name));
    try {
      await Promise.all([connectEnds(from, to), joined(mesh, workers.length)]);
      const move = { mesh, from: "from", to: "to", sizeBytes };
      const ours = movesObject("node_to_node_webrtc_64MiB", move);
      const peers = [bareChannel("node_datachannel", { from, to, sizeBytes })];
      yield* compare({ ours, peers, unit: "MB/s", rounds: ROUNDS, target: { atLeast: 0.9 } });
      await expectPath(move, "webrtc");
    } finally {
      await Promise.all([from.close(), to.close()]);
      for (const worker of workers) worker.kill();
      await mesh.close();
    }
  },
};

/** A Node worker that takes no WebSockets of others, as on two machines behind firewalls. */
function startWorker(url: string, token: string, name: string): ChildProcess {
  const program = fileURLToPath(new URL("../../../node-worker/main.js", import.meta.url));
  const args = ["--url", url, "--name", name, "--cpus", "1", "--listen-host", "none"];
  return fork(program, args, { env: { ...process.env, MANTA_TOKEN: token } });
}

async function joined(mesh: Mesh, workers: number): Promise<void> {
  while ((await mesh.summary()).workers < workers) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
