import { hostname } from "node:os";
import { readCommandLine } from "../shared/node/command-line.ts";
import { builtInOption } from "../shared/protocol/built-in-resources.ts";
import type { Demands } from "../shared/protocol/schema.ts";
import type { NodeWorkerOptions } from "./index.ts";

export const USAGE = `manta worker [options]
  --url URL             the coordinator (default MANTA_URL, else http://127.0.0.1:7777)
  --token TOKEN         a contribute token (default MANTA_TOKEN)
  --name NAME           how the dashboard calls it (default: this machine's name)
  --cpus NUMBER         CPUs to offer (default: all)
  --gpus NUMBER         GPUs to offer (default 0)
  --memory SIZE         memory to offer, such as 8GiB (default: all)
  --resource NAME=N     a resource of your own that tasks can reserve (repeatable)
  --store-bytes SIZE    memory for objects (default: 30 % of this machine's)
  --spill-dir FOLDER    where objects go that do not fit in memory (default: the system's
                        folder for temporary files)
  --spill-bytes SIZE    disk for objects, at most; 0 for none (default: what is free)
  --label KEY=VALUE     tasks can ask for it (repeatable)
  --listen-host ADDRESS take direct links of other Node peers here
                        (default 127.0.0.1 if the coordinator is on this machine, else "none")
  --no-webrtc           do not link to tabs directly`;

const NAME_CHARS_MAX = 64;
const RESOURCE_MAX = 1_000_000;

/**
 * The options of a worker from its command line and environment.
 * @throws Error that says what is wrong with them.
 */
export function readArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Omit<NodeWorkerOptions, "log"> {
  const values = readCommandLine(argv, {
    url: { type: "string" },
    token: { type: "string" },
    name: { type: "string" },
    cpus: { type: "string" },
    gpus: { type: "string" },
    memory: { type: "string" },
    resource: { type: "string", multiple: true },
    "store-bytes": { type: "string" },
    "spill-dir": { type: "string" },
    "spill-bytes": { type: "string" },
    label: { type: "string", multiple: true },
    "listen-host": { type: "string" },
    "no-webrtc": { type: "boolean" },
  });
  const token = values.token ?? environment["MANTA_TOKEN"];
  if (!token) throw new Error("give --token or set MANTA_TOKEN; `manta start` prints tokens");
  const capacity: Partial<Demands> = {};
  if (values.cpus !== undefined) capacity.cpuMilli = thousandths("--cpus", values.cpus, 1_024);
  if (values.gpus !== undefined) capacity.gpuMilli = thousandths("--gpus", values.gpus, 64);
  if (values.memory !== undefined) capacity.memoryBytes = bytes("--memory", values.memory);
  if (values.resource) capacity.custom = Object.fromEntries(values.resource.map(resource));
  const storeBytes = values["store-bytes"];
  const spillDir = values["spill-dir"];
  const spillBytes = values["spill-bytes"];
  const listenHost = values["listen-host"];
  return {
    url: values.url ?? environment["MANTA_URL"] ?? "http://127.0.0.1:7777",
    token,
    name: (values.name ?? hostname()).slice(0, NAME_CHARS_MAX),
    capacity,
    labels: Object.fromEntries((values.label ?? []).map(label)),
    webrtc: !values["no-webrtc"],
    ...(storeBytes === undefined ? {} : { storeBytesMax: bytes("--store-bytes", storeBytes) }),
    ...(spillDir === undefined ? {} : { spillDir }),
    ...(spillBytes === undefined ? {} : { spillBytesMax: bytes("--spill-bytes", spillBytes) }),
    ...(listenHost === undefined ? {} : { listenHost }),
  };
}

function thousandths(flag: string, given: string, max: number): number {
  const value = Math.round(Number(given) * 1_000);
  if (given !== "" && value >= 0 && value <= max * 1_000) return value;
  throw new Error(`${flag} takes a number from 0 to ${max}, not ${JSON.stringify(given)}`);
}

const UNITS: Readonly<Record<string, number>> = { "": 0, k: 10, m: 20, g: 30, t: 40 };

function bytes(flag: string, given: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?$/i.exec(given) ?? [];
  if (number !== undefined && unit !== undefined) {
    return Math.floor(Number(number) * 2 ** UNITS[unit.toLowerCase()]!);
  }
  throw new Error(`${flag} takes a size such as 512MiB or 8GiB, not ${JSON.stringify(given)}`);
}

function resource(given: string): [string, number] {
  const [, name, amount] = /^([^=]+)=(.*)$/.exec(given) ?? [];
  if (name === undefined || amount === undefined) {
    throw new Error(`--resource takes NAME=NUMBER, not ${JSON.stringify(given)}`);
  }
  const option = builtInOption(name);
  if (option) throw new Error(`--resource ${name} is what --${option} says`);
  return [name, thousandths(`--resource ${name}`, amount, RESOURCE_MAX)];
}

function label(given: string): [string, string] {
  const at = given.indexOf("=");
  if (at > 0) return [given.slice(0, at), given.slice(at + 1)];
  throw new Error(`--label takes KEY=VALUE, not ${JSON.stringify(given)}`);
}
