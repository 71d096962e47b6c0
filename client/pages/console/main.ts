import "../style/base.css";
import "../style/controls.css";
import "../style/water.css";
import "./console.css";
import { MeshError } from "../../../shared/errors.ts";
import { byId, setAttributes, setText } from "../page/elements.ts";
import { formatDuration } from "../page/format.ts";
import { fillMasthead } from "../page/masthead.ts";
import { rememberToken, takeToken } from "../page/session.ts";
import { TokenGate } from "../page/token-gate.ts";
import { DriverFrame, type ConsoleLevel } from "./driver-frame.ts";
import { inspectError, inspectLine } from "./inspect.ts";
import { inspectTable } from "./inspect-table.ts";
import { OutputPane } from "./output-pane.ts";

const SOURCE_KEY = "manta-console-source";

type RunState = "idle" | "running" | "finished" | "failed" | "stopped";

/** The page's one controller: an editor, a driver in its frame, and what it printed. */
class ConsolePage {
  readonly #source = byId("source", HTMLTextAreaElement);
  readonly #run = byId("run", HTMLButtonElement);
  readonly #stop = byId("stop", HTMLButtonElement);
  readonly #output = new OutputPane(byId("output", HTMLElement));
  readonly #gate = new TokenGate(byId("token-gate", HTMLElement), "console", (token) =>
    rememberToken("console", token, window),
  );
  readonly #example = this.#source.value;
  #frame: DriverFrame | undefined;
  #startedMs = 0;

  open(): void {
    fillMasthead(byId("masthead", HTMLElement), "console");
    if (takeToken("console", window) === undefined) this.#gate.show("missing");
    this.#source.value = sessionStorage.getItem(SOURCE_KEY) ?? this.#example;
    this.#source.addEventListener("input", () => this.#keep());
    this.#source.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      this.#start();
    });
    this.#run.addEventListener("click", () => this.#start());
    this.#stop.addEventListener("click", () => this.#end());
    byId("clear", HTMLButtonElement).addEventListener("click", () => this.#output.clear());
    byId("reset", HTMLButtonElement).addEventListener("click", () => {
      this.#source.value = this.#example;
      this.#keep();
      this.#source.focus();
    });
  }

  #start(): void {
    this.#frame?.stop();
    this.#output.clear();
    this.#startedMs = performance.now();
    this.#show("running", "Running");
    this.#frame = new DriverFrame(this.#source.value, {
      onConsole: (level, values) => this.#print(level, values),
      onFinished: () => this.#show("finished", `Finished in ${this.#elapsed()}`),
      onFailed: (error, where) => this.#fail(error, where),
    });
  }

  #print(level: ConsoleLevel, values: readonly unknown[]): void {
    const [first, columns] = values;
    if (level === "table") {
      const wanted = Array.isArray(columns) ? (columns as string[]) : undefined;
      return this.#output.print("log", inspectTable(first, wanted));
    }
    if (level === "dir") return this.#output.print("log", inspectLine([first]));
    return this.#output.print(level, inspectLine(values));
  }

  #end(): void {
    if (!this.#frame) return;
    this.#frame.stop();
    this.#frame = undefined;
    this.#output.print("note", "Stopped. The mesh cancels what this driver left unfinished.");
    this.#show("stopped", `Stopped after ${this.#elapsed()}`);
    this.#run.focus();
  }

  #fail(error: unknown, where: string | undefined): void {
    const text = inspectError(error);
    this.#output.print("error", where === undefined ? text : `${text}\n  at ${where}`);
    this.#show("failed", `Failed after ${this.#elapsed()}`);
    if (!MeshError.is(error)) return;
    const hasToken = takeToken("console", window) !== undefined;
    if (error.code === "UNAUTHENTICATED") this.#gate.show(hasToken ? "unknown" : "missing");
    if (error.code === "FORBIDDEN") this.#gate.show("wrong-role");
  }

  #show(state: RunState, words: string): void {
    setAttributes(byId("main", HTMLElement), { "data-run": state });
    setText(byId("status", HTMLElement), words);
    // What a driver that finished or failed left behind may still run, until it is stopped.
    this.#stop.disabled = state === "idle" || state === "stopped";
  }

  #elapsed(): string {
    return formatDuration(performance.now() - this.#startedMs);
  }

  #keep(): void {
    sessionStorage.setItem(SOURCE_KEY, this.#source.value);
  }
}

new ConsolePage().open();
