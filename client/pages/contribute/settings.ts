/** What the page found out about the machine, before anything runs. */
export interface Device {
  /** Logical processors. */
  readonly threads: number;
  /** As far as the browser tells: rounded, and capped for privacy. */
  readonly memoryBytes?: number;
  /** What the browser would let this site keep on disk; absent if it cannot. */
  readonly diskBytes?: number;
  /** Name of the WebGPU adapter; absent if there is none. */
  readonly gpuName?: string;
  readonly webrtc: boolean;
  /** Such as `Chrome on Linux`. */
  readonly browser: string;
}

/** What the person allows. */
export interface Settings {
  readonly name: string;
  readonly executors: number;
  readonly storeBytesMax: number;
  /** For objects that do not fit in that memory. */
  readonly diskBytesMax: number;
  readonly gpu: boolean;
}

/** What the page's address asks for: used by quickstart and by tests. */
export interface Wishes {
  /**
   * To start by itself. Only a browser under automation does: nothing runs on a person's machine
   * until that person presses Start, whatever link was followed.
   */
  readonly autoStart: boolean;
  readonly webrtc: boolean;
  readonly name?: string;
  readonly executors?: number;
  readonly memoryMib?: number;
  readonly diskMib?: number;
  readonly gpu?: boolean;
}

/** The bounds of `name` on the wire. */
export const NAME_CHARS_MAX = 64;

const MIB = 2 ** 20;
const EXECUTORS_MAX = 16;
/** More must be asked for: the machine is somebody's, and it is in use. */
const EXECUTORS_DEFAULT_MAX = 8;
const STORE_STEPS = [64, 128, 256, 512, 1024, 2048, 4096].map((mib) => mib * MIB);
const STORE_DEFAULT_MAX = 1024 * MIB;
/** Assumed where the browser does not tell, as on phones that kill a page for 200 MB. */
const MEMORY_BYTES_ASSUMED = 1024 * MIB;

const DISK_STEPS = [0, 256, 512, 1024, 4096, 16_384].map((mib) => mib * MIB);
const DISK_DEFAULT_MAX = 1024 * MIB;

export const executorsMax = ({ threads }: Device): number => clamp(threads, 1, EXECUTORS_MAX);

/** The sizes the memory slider offers: never more than half of the machine. */
export function storeSteps({ memoryBytes = MEMORY_BYTES_ASSUMED }: Device): readonly number[] {
  return STORE_STEPS.filter((step) => step <= Math.max(memoryBytes / 2, STORE_STEPS[0]!));
}

/** The sizes the disk slider offers: never more than half of what the browser would allow. */
export function diskSteps({ diskBytes = 0 }: Device): readonly number[] {
  return DISK_STEPS.filter((step) => step <= diskBytes / 2);
}

export function settingsFor(device: Device, wishes: Wishes): Settings {
  const { memoryBytes = MEMORY_BYTES_ASSUMED, diskBytes = 0 } = device;
  const memory = wishes.memoryMib ? wishes.memoryMib * MIB : memoryBytes / 4;
  const disk = wishes.diskMib === undefined ? diskBytes / 4 : wishes.diskMib * MIB;
  const steps = storeSteps(device);
  const executors = wishes.executors ?? clamp(device.threads - 1, 1, EXECUTORS_DEFAULT_MAX);
  return {
    name: (wishes.name ?? device.browser).slice(0, NAME_CHARS_MAX),
    executors: clamp(executors, 1, executorsMax(device)),
    storeBytesMax: largest(steps, Math.min(STORE_DEFAULT_MAX, memory)),
    diskBytesMax: largest(diskSteps(device), Math.min(DISK_DEFAULT_MAX, disk)),
    gpu: device.gpuName !== undefined && (wishes.gpu ?? true),
  };
}

/** Of ascending sizes, the largest up to a limit, or the smallest. */
const largest = (steps: readonly number[], limit: number): number =>
  steps.findLast((step) => step <= limit) ?? steps[0] ?? 0;

/**
 * Reads `?start=1&webrtc=0&name=…&executors=2&memory=256&disk=0&gpu=0`, sizes in MiB. What makes no
 * sense is ignored.
 */
export function wishesFrom(search: string): Wishes {
  const parameters = new URLSearchParams(search);
  const name = parameters.get("name")?.trim();
  const executors = Number(parameters.get("executors"));
  const memoryMib = Number(parameters.get("memory"));
  const diskMib = Number(parameters.get("disk") ?? Number.NaN);
  const gpu = parameters.get("gpu");
  return {
    autoStart: parameters.get("start") === "1",
    webrtc: parameters.get("webrtc") !== "0",
    ...(name ? { name } : {}),
    ...(Number.isInteger(executors) && executors > 0 ? { executors } : {}),
    ...(memoryMib > 0 ? { memoryMib } : {}),
    ...(diskMib >= 0 ? { diskMib } : {}),
    ...(gpu === "0" || gpu === "1" ? { gpu: gpu === "1" } : {}),
  };
}

const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/Chrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, "Android"],
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bMac OS X\b/, "macOS"],
  [/\bWindows\b/, "Windows"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/** A name for a tab that nobody named: what a person would call it. */
export function describeBrowser(userAgent: string): string {
  const find = (table: typeof BROWSERS) => table.find(([pattern]) => pattern.test(userAgent))?.[1];
  const system = find(SYSTEMS);
  const browser = find(BROWSERS) ?? "Browser";
  return system ? `${browser} on ${system}` : browser;
}

const clamp = (value: number, min: number, max: number) => Math.min(Math.max(value, min), max);
