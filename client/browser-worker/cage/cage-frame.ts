import type { ExecutorKit, ExecutorStart, FromFrame, HandOver, ToFrame } from "./cage-messages.ts";

/**
 * The frame's own realm: it starts and ends workers for the page and does nothing else. Job code
 * never runs here, because WebRTC works in a window whatever its policy says. It hears the page's
 * first message and the port in it, and from the workers only that they crashed.
 */

/**
 * The program of every executor, from a `data:` URL: such a worker is a secure context, so it has
 * WebGPU; one from a `blob:` URL is not. What it needs comes in as blobs. It refuses to work in a
 * browser that lets it reach the network.
 */
const EXECUTOR_PROGRAM = `
onmessage = async ({ data }) => {
  onmessage = null;
  try {
    const isBlocked = await new Promise((resolve) => {
      addEventListener("securitypolicyviolation", () => resolve(true), { once: true });
      fetch("https://cage-probe.invalid/").catch(() => {}).then(() => setTimeout(resolve, 500, false));
    });
    if (!isBlocked || origin !== "null") throw new Error("this browser does not shut the cage");
    const url = URL.createObjectURL(data.assets.executor);
    const { startExecutor } = await import(url);
    URL.revokeObjectURL(url);
    startExecutor(data);
  } catch (error) {
    reportError(error);
  }
};`;
const PROGRAM_URL = `data:text/javascript,${encodeURIComponent(EXECUTOR_PROGRAM)}`;

function open({ assets, gpu }: ExecutorKit, control: MessagePort): void {
  const workers = new Map<number, Worker>();
  const say = (message: FromFrame) => control.postMessage(message);

  function spawn(executor: number, port: MessagePort): void {
    const worker = new Worker(PROGRAM_URL, { type: "module" });
    workers.set(executor, worker);
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      say({ type: "crashed", executor, reason: event.message || "an uncaught error" });
    });
    const start: ExecutorStart = { port, assets, gpu };
    worker.postMessage(start, [port]);
  }

  control.addEventListener("message", ({ data }: MessageEvent<ToFrame>) => {
    if (data.type === "ask") return say({ type: "alive" });
    if (data.type === "spawn") return spawn(data.executor, data.port);
    workers.get(data.executor)?.terminate();
    workers.delete(data.executor);
  });
  control.start();
  if (origin === "null") say({ type: "opened" });
  else say({ type: "refused", reason: "the frame is not sandboxed" });
}

addEventListener("message", function receive(event: MessageEvent<HandOver>) {
  const [control] = event.ports;
  if (event.source !== parent || parent === window || !control) return;
  removeEventListener("message", receive);
  open(event.data, control);
});
