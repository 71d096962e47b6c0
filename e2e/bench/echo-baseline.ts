import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Packr } from "msgpackr";
import { WebSocket } from "ws";
import { perSecond, type Figure } from "./measure.ts";

/**
 * Messages per second of a bare `ws` and `msgpackr` echo through as many processes as a task passes:
 * this one, a middle one, and one at the far end. A round is over when all its messages are back. The
 * driver sends a round of a thousand in frames of at most 256 messages; one frame of a thousand is
 * what somebody would write who has only the echo to do.
 */
export async function echoBaseline(
  name: string,
  { messages, perFrame }: { readonly messages: number; readonly perFrame: number },
): Promise<Figure> {
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
    let missing = 0;
    let allBack = (): void => {};
    socket.on("message", (frame: Buffer) => {
      missing -= (packr.unpack(frame) as unknown[]).length;
      if (missing === 0) allBack();
    });
    const figure = await perSecond(name, messages, async () => {
      missing = messages;
      const back = new Promise<void>((resolve) => (allBack = resolve));
      for (let from = 0; from < messages; from += perFrame) {
        socket.send(packr.pack(submissions(from, Math.min(from + perFrame, messages))));
      }
      await back;
    });
    socket.close();
    return figure;
  } finally {
    for (const child of children) child.kill();
  }
}

const submissions = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    type: "submit",
    task: `n4k2x9q1abcd.${(from + i).toString(36)}`,
    callable: "n4k2x9q1abcd.0",
    args: Uint8Array.of(1, 4, 0, 0),
  }));
