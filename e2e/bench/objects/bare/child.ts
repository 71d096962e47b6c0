import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { inTime } from "./in-time.ts";

/** What a bare process is told. */
export type Order =
  | { readonly type: "offer" }
  | { readonly type: "answer"; readonly sdp: string }
  | { readonly type: "accept"; readonly sdp: string }
  | { readonly type: "send"; readonly sizeBytes: number };

/** What it says: `port` where it listens, `sdp` for the other end, `received` for each whole buffer. */
export type Report =
  | { readonly type: "port"; readonly port: number }
  | { readonly type: "sdp"; readonly sdp: string }
  | { readonly type: "open" }
  | { readonly type: "received"; readonly sizeBytes: number };

/** A process that does nothing but send and receive by one bare transport. */
export class BareChild {
  readonly #child: ChildProcess;
  readonly #reports: Report[] = [];
  #onReport = (): void => {};

  constructor(program: URL, args: readonly string[] = []) {
    this.#child = fork(fileURLToPath(program), args);
    this.#child.on("message", (report) => {
      this.#reports.push(report as Report);
      this.#onReport();
    });
  }

  tell(order: Order): void {
    this.#child.send(order);
  }

  /** The next report of this type. */
  async hear<Type extends Report["type"]>(type: Type): Promise<Extract<Report, { type: Type }>> {
    const find = () => this.#reports.findIndex((report) => report.type === type);
    if (find() < 0) {
      const come = new Promise<void>((resolve, reject) => {
        this.#onReport = () => find() >= 0 && resolve();
        this.#child.once("exit", () => reject(new Error(`a bare process ended before "${type}"`)));
      });
      await inTime(come, `"${type}" of a bare process`);
    }
    return this.#reports.splice(find(), 1)[0] as Extract<Report, { type: Type }>;
  }

  close(): void {
    this.#child.kill();
  }
}
