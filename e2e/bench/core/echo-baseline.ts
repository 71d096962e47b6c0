import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Packr } from "msgpackr";
import { WebSocket } from "ws";

/**
 * A bare `ws` and `msgpackr` echo through as many processes as a task passes: this one, a middle
 * one, and one at the far end.
 */
export class EchoBaseline {
  readonly #children: ChildProcess[] = [];
  readonly #packr = new Packr({ useRecords: true });
  #socket!: WebSocket;
  #missing = 0;
  #allBack = (): void => {};

  private constructor() {}

  static async start(): Promise<EchoBaseline> {
    const echo = new EchoBaseline();
    const port = (await echo.#spawn("middle")) as number;
    echo.#socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    await new Promise((resolve) => echo.#socket.once("open", resolve));
    await echo.#spawn("end", String(port));
    echo.#socket.on("message", (frame: Buffer) => {
      echo.#missing -= (echo.#packr.unpack(frame) as unknown[]).length;
      if (echo.#missing === 0) echo.#allBack();
    });
    return echo;
  }

  /**
   * One round trip of so many messages. The driver sends a round of a thousand in frames of at most
   * 256 messages; one frame of a thousand is what somebody would write who has only the echo to do.
   */
  async exchange(messages: number, perFrame: number): Promise<void> {
    this.#missing = messages;
    const back = new Promise<void>((resolve) => (this.#allBack = resolve));
    for (let from = 0; from < messages; from += perFrame) {
      this.#socket.send(this.#packr.pack(submissions(from, Math.min(from + perFrame, messages))));
    }
    await back;
  }

  close(): Promise<void> {
    this.#socket.close();
    for (const child of this.#children) child.kill();
    return Promise.resolve();
  }

  #spawn(...args: string[]): Promise<unknown> {
    const file = fileURLToPath(new URL("./echo-process.js", import.meta.url));
    const child = fork(file, args);
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      child.once("message", resolve);
      child.once("exit", () => reject(new Error(`echo ${args.join(" ")} ended`)));
    });
  }
}

const submissions = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    type: "submit",
    task: `n4k2x9q1abcd.${(from + i).toString(36)}`,
    callable: "n4k2x9q1abcd.0",
    args: Uint8Array.of(1, 4, 0, 0),
  }));
