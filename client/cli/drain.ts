import { MeshError } from "../../shared/errors.ts";
import { readCommandLine } from "../../shared/node/command-line.ts";
import { DRAIN_MS_MAX } from "../../shared/protocol/limits.ts";
import type { WireError } from "../../shared/protocol/schema.ts";
import { coordinatorUrl } from "../../shared/session/coordinator-url.ts";
import { milliseconds } from "./duration.ts";

const DRAIN_USAGE = `manta drain WORKER [options]
  WORKER              its name or its id, as the dashboard shows them
  --deadline TIME     how long tasks that run there may go on: 30s (default), 500ms, 5m
  --url URL           of the coordinator (default: MANTA_URL, or http://127.0.0.1:7777)
  --token TOKEN       an admin token (default: MANTA_ADMIN_TOKEN)`;

const ANSWER_MS_MAX = 10_000;

/** What the coordinator answers: see coordinator/control/drains.ts. */
interface Answer {
  readonly worker: string;
  readonly name: string;
  readonly deadlineMs: number;
  readonly tasksRunning: number;
  readonly actors: number;
}

/** Have a worker take nothing new and leave. Prints what it waits for. */
export async function drain(argv: readonly string[]): Promise<void> {
  const [worker = "--help", ...rest] = argv;
  const values = readCommandLine(worker === "--help" ? argv : rest, {
    deadline: { type: "string" },
    url: { type: "string" },
    token: { type: "string" },
    help: { type: "boolean" },
  });
  if (values.help) return console.log(DRAIN_USAGE);
  if (worker.startsWith("--")) {
    throw new MeshError("INVALID_ARGUMENT", `which worker? ${DRAIN_USAGE}`);
  }
  const deadlineMs = values.deadline === undefined ? undefined : milliseconds(values.deadline);
  if (deadlineMs !== undefined && deadlineMs > DRAIN_MS_MAX) {
    throw new MeshError("INVALID_ARGUMENT", `--deadline may be ${DRAIN_MS_MAX} ms at most`);
  }
  const { env } = process;
  const { origin } = coordinatorUrl(values.url ?? env["MANTA_URL"] ?? "http://127.0.0.1:7777");
  const token = values.token ?? env["MANTA_ADMIN_TOKEN"];
  if (!token) {
    const message = "drain takes an admin token: --token TOKEN, or MANTA_ADMIN_TOKEN";
    throw new MeshError("INVALID_ARGUMENT", message);
  }
  const answer = await ask(new URL(`/v1/workers/${encodeURIComponent(worker)}/drain`, origin), {
    token,
    deadlineMs,
  });
  const { name, tasksRunning, actors, deadlineMs: leftMs } = answer;
  console.log(
    `${name} (${answer.worker}) takes nothing new; it leaves when its ${tasksRunning} task(s) have ended, ` +
      `or in ${leftMs / 1_000} s; ${actors} actor(s) and what it alone keeps move then`,
  );
}

async function ask(
  url: URL,
  { token, deadlineMs }: { readonly token: string; readonly deadlineMs: number | undefined },
): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ deadlineMs }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
  } catch (cause) {
    const message = `no coordinator answers at ${url.origin}: is it up, and is --url right?`;
    throw new MeshError("PEER_UNREACHABLE", message, {}, { cause });
  }
  const body: unknown = await response.json();
  if (response.ok) return body as Answer;
  const { code, message } = body as WireError;
  throw new MeshError(code, message);
}
