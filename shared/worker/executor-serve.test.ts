import { expect, test } from "vitest";
import type { CallableId } from "../ids.ts";
import { decodeValue, encodeValue } from "../objects/codec.ts";
import type { Define } from "../protocol/messages.ts";
import type { Outcome } from "./executor-api.ts";
import { ExecutorHost } from "./executor-host.ts";
import { serveExecutor } from "./executor-serve.ts";

test("a load of tfjs that failed is tried again by the next task", async () => {
  const { port1, port2 } = new MessageChannel();
  let loads = 0;
  serveExecutor(port2, {
    allocate: (size) => new Uint8Array(size),
    later: (callback) => void setTimeout(callback, 0),
    loadPackaging: () => import("../packaging/ship-function.ts"),
    async loadTensorflow() {
      if (++loads === 1) throw new Error("no memory");
      return { version: loads };
    },
  });
  const waiting = new Map<string, (outcome: Outcome) => void>();
  const host = new ExecutorHost({
    port: port1,
    settings: { workerName: "w" },
    listener: {
      onReady: () => {},
      onOutcomes: (outcomes) => outcomes.forEach((outcome) => waiting.get(outcome.key)?.(outcome)),
      onHold: () => {},
      onRelease: () => {},
      fetch: () => Promise.reject(new Error("nothing to fetch")),
      onEnded: () => {},
    },
    terminate() {
      port1.close();
      port2.close();
    },
  });
  const callable = "d.0" as CallableId;
  const source = 'async () => (await __manta_import("@tensorflow/tfjs")).version';
  host.define({ callable, name: "f", source } as Define);
  const task = (key: string) =>
    new Promise<Outcome>((resolve) => {
      waiting.set(key, resolve);
      const args = encodeValue([]).toBytes();
      host.run([{ key, kind: "task", callable, args, dependencies: [] }]);
    });
  expect((await task("a")).error?.message).toContain("no memory");
  expect(decodeValue((await task("b")).value!.bytes)).toBe(2);
  await task("c");
  expect(loads).toBe(2);
  host.stop();
});
