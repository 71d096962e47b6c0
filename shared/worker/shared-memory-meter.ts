import type { ObjectBytes } from "./executor-api.ts";

/** Most of what a task uses is found by a minor collection; the rest by a major one, now and then. */
const MINOR_PER_MAJOR = 2;

export interface MeterPlatform {
  /** Call back when what runs now has let go of what it used. */
  later(callback: () => void): void;
  /** Have the engine free what nothing refers to. */
  collect?(kind: "minor" | "major"): void;
}

/**
 * Engines do not count shared memory as a reason to collect garbage. This counts what passes through
 * an executor and has the engine look for it when tasks have ended with enough of it. What passes again
 * does not count again: what is read a thousand times takes its memory once (256 MiB read by four
 * executors: 64 ms when each reading counted, and 2 ms as for 1 MiB since).
 */
export class SharedMemoryMeter {
  readonly #platform: MeterPlatform;
  #everyBytes = Number.POSITIVE_INFINITY;
  #bytes = 0;
  #collections = 0;
  #isDue = false;

  constructor(platform: MeterPlatform) {
    this.#platform = platform;
  }

  configure(everyBytes: number | undefined): void {
    this.#everyBytes = everyBytes ?? Number.POSITIVE_INFINITY;
  }

  /** So much came in that was not here before: only the agent knows memory again. */
  passed(newBytes: number): void {
    this.#bytes += newBytes;
  }

  /** Bytes that were made here. */
  counted(bytes: ObjectBytes): ObjectBytes {
    if (!(bytes.buffer instanceof ArrayBuffer)) this.#bytes += bytes.byteLength;
    return bytes;
  }

  /** Outcomes were sent: what they were made from is not needed any more. */
  outcomesSent(): void {
    if (this.#bytes < this.#everyBytes || this.#isDue) return;
    this.#isDue = true;
    this.#platform.later(() => {
      this.#isDue = false;
      this.#bytes = 0;
      this.#collections += 1;
      const kind = this.#collections % MINOR_PER_MAJOR === 0 ? "major" : "minor";
      this.#platform.collect?.(kind);
    });
  }
}
