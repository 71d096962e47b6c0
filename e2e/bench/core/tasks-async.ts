import { BATCH_MESSAGES_TARGET } from "../../../shared/protocol/outbox.ts";
import { compare } from "../compare.ts";
import { rateOver } from "../measure.ts";
import { nodeMesh } from "../node-mesh.ts";
import type { Row } from "../suite.ts";
import { EchoBaseline } from "./echo-baseline.ts";
import { getAndDispose, ROUND } from "./get-and-dispose.ts";

const ROUND_MS = 1_000;

export const tasksAsync: Row = {
  name: "tasks_async",
  measures: "1,000 no-op tasks at a time.",
  peer: "what the wire does by itself: ws and msgpackr through as many processes, in one frame a round and in frames as small as the driver's",
  async *run(stage) {
    const { mesh } = await nodeMesh(stage);
    const noop = mesh.remote(() => "ok");
    const echo = await EchoBaseline.start();
    try {
      const ours = {
        name: "tasks_async",
        round: () => rateOver(ROUND_MS, ROUND, () => getAndDispose(mesh, ROUND, () => noop())),
      };
      const echoOf = (name: string, perFrame: number) => ({
        name,
        round: () => rateOver(ROUND_MS, ROUND, () => echo.exchange(ROUND, perFrame)),
      });
      const peers = [echoOf("echo", ROUND), echoOf("echo_256", BATCH_MESSAGES_TARGET)];
      yield* compare({ ours, peers, unit: "1/s", rounds: 4 });
    } finally {
      await echo.close();
    }
  },
};
