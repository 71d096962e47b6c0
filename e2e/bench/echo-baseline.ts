import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Packr } from "msgpackr";
import { WebSocket } from "ws";
import { perSecond, type Figure } from "./measure.ts";

/**
 * Messages per second of a bare `ws` and `msgpackr` echo of batches as large as the driver's, through
 * as many processes as a task passes: this one, a middle one, and one at the far end.
 */
export async function echoBaseline(batch: number): Promise<Figure> {
  const children: ChildProcess[] = [];
  const spawn = async (...args: string[]): Promise<unknown> => {
    const file = fileURLToPath(new URL("./echo-process.js", import.meta.url));
    const child = fork(file, args);
    children.push(child);
    return new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", () => reject(new Error(`echo ${args.join(" ")} ended`)));
    });
  };
  try {
    const port = (await spawn("middle")) as number;
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    await new Promise((resolve) => socket.once("open", resolve));
    await spawn("end", String(port));
    const packr = new Packr({ useRecords: true });
    const figure = await perSecond("echo_ws_msgpackr_async", batch, async () => {
      const tasks = Array.from({ length: batch }, (_, i) => ({
        type: "submit",
        task: `n4k2x9q1abcd.${i.toString(36)}`,
        callable: "n4k2x9q1abcd.0",
        args: Uint8Array.of(1, 4, 0, 0),
      }));
      const answered = new Promise<Buffer>((resolve) => socket.once("message", resolve));
      socket.send(packr.pack(tasks));
      const results = packr.unpack(await answered) as unknown[];
      if (results.length !== batch) throw new Error("the echo lost messages");
    });
    socket.close();
    return figure;
  } finally {
    for (const child of children) child.kill();
  }
}
