import { MeshError, type ErrorCode } from "../shared/errors.ts";
import { RELAY_WINDOW_BYTES } from "../shared/protocol/limits.ts";
import { readCommandLine } from "../shared/node/command-line.ts";
import { parseIceServers } from "./ice-servers.ts";
import { parseJobQuota } from "./job-quota.ts";
import { startCoordinator, type CoordinatorOptions } from "./index.ts";
import { TOKEN_ROLES, type TokenRole } from "./gateway/tokens.ts";

/**
 * The coordinator as a program. A parent that started it with an IPC channel gets `{ ready: { url,
 * tokens } }` or `{ failed: { code, message } }`, and it ends with its parent.
 */

const USAGE = `manta coordinator [options]
  --host ADDRESS        listen on this address (default 127.0.0.1)
  --port PORT           0 takes a free port (default 7777)
  --host-name NAME      also answer to this host name (repeatable)
  --allow-origin URL    let pages of this origin use the mesh (repeatable)
  --ice-server URL      stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT, for WebRTC (repeatable)
  --relay-rate BYTES    a second that one peer may send through the coordinator (default 64 MiB)
  --relay-bytes BYTES   that it may send so in one session (default 64 GiB)
  --job-quota NAME=AMOUNT  what the work of one driver may have at once: cpus=4,gpus=1 (repeatable)
  --quiet               do not say who joins and leaves
Tokens: MANTA_ADMIN_TOKEN, MANTA_SUBMIT_TOKEN, MANTA_CONTRIBUTE_TOKEN, MANTA_VIEW_TOKEN; made up if unset.
ICE servers can come from MANTA_ICE_SERVERS, separated by spaces: arguments are seen by other users.`;

/** Exit status of a command line that makes no sense. */
const EXIT_USAGE = 2;

function readOptions(argv: readonly string[]): CoordinatorOptions {
  const values = readCommandLine(argv, {
    host: { type: "string" },
    port: { type: "string" },
    "host-name": { type: "string", multiple: true },
    "allow-origin": { type: "string", multiple: true },
    "ice-server": { type: "string", multiple: true },
    "relay-rate": { type: "string" },
    "relay-bytes": { type: "string" },
    "job-quota": { type: "string", multiple: true },
    quiet: { type: "boolean" },
    help: { type: "boolean" },
  });
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const port = Number(values.port ?? 7777);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`--port must be a number from 0 to 65535, not ${values.port}`);
  }
  return {
    port,
    ...(values.host ? { host: values.host } : {}),
    hostNames: values["host-name"] ?? [],
    allowedOrigins: values["allow-origin"] ?? [],
    iceServers: parseIceServers([
      ...(values["ice-server"] ?? []),
      ...(process.env["MANTA_ICE_SERVERS"]?.split(/\s+/).filter(Boolean) ?? []),
    ]),
    ...bytesOption("relayRate", "--relay-rate", values["relay-rate"]),
    ...bytesOption("relayBytesMax", "--relay-bytes", values["relay-bytes"]),
    ...(values["job-quota"] ? { jobQuota: parseJobQuota(values["job-quota"]) } : {}),
    tokens: tokensFromEnvironment(),
    ...(values.quiet ? {} : { log: (line: string) => process.stderr.write(`manta: ${line}\n`) }),
  };
}

/** Less than a window a second would look like a link that is dead. */
function bytesOption(name: "relayRate" | "relayBytesMax", flag: string, given: string | undefined) {
  if (given === undefined) return {};
  const bytes = Number(given);
  if (Number.isSafeInteger(bytes) && bytes >= RELAY_WINDOW_BYTES) return { [name]: bytes };
  throw new Error(
    `${flag} must be a number of bytes, at least ${RELAY_WINDOW_BYTES}, not ${given}`,
  );
}

function tokensFromEnvironment(): Partial<Record<TokenRole, string>> {
  const tokens: Partial<Record<TokenRole, string>> = {};
  for (const role of TOKEN_ROLES) {
    const token = process.env[`MANTA_${role.toUpperCase()}_TOKEN`];
    if (token) tokens[role] = token;
  }
  return tokens;
}

/** Whoever started this program with a channel says it in a message of its own: not twice. */
function fail(code: ErrorCode, message: string, status: number): void {
  if (process.send) {
    process.send({ failed: { code, message } }, () => process.exit(status));
    return;
  }
  const help = status === EXIT_USAGE ? "; `manta coordinator --help` lists the options" : "";
  process.stderr.write(`manta coordinator: ${message}${help}\n`);
  process.exit(status);
}

async function main(): Promise<void> {
  let options: CoordinatorOptions;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    return fail("INVALID_ARGUMENT", (error as Error).message, EXIT_USAGE);
  }
  try {
    const coordinator = await startCoordinator(options);
    const stop = () => void coordinator.close().then(() => process.exit(0));
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    if (process.send) {
      process.on("disconnect", stop);
      process.send({ ready: { url: coordinator.url, tokens: coordinator.tokens } });
    } else {
      process.stdout.write(`${JSON.stringify({ url: coordinator.url, ...coordinator.tokens })}\n`);
    }
  } catch (error) {
    const { code, message } = MeshError.is(error)
      ? error
      : { code: "INTERNAL" as const, message: (error as Error).stack ?? String(error) };
    fail(code, message, 1);
  }
}

await main();
