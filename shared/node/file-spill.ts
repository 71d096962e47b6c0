import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SpillDevice } from "../objects/spill-device.ts";
import type { SpillPlace } from "../objects/store-entry.ts";
import type { SpillFolder } from "./spill-folder.ts";

const FULL: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the disk is read-only",
  EACCES: "this process may not write there",
  EFBIG: "files there may not be so large",
};

/** Spills to files of a folder. */
export class FileSpill implements SpillDevice {
  readonly #folder: SpillFolder;
  /** Places of each file that are still needed. */
  readonly #needed = new Map<string, number>();
  readonly #underWay = new Set<Promise<unknown>>();
  #files = 0;

  constructor(folder: SpillFolder) {
    this.#folder = folder;
  }

  write(parts: readonly Uint8Array[]): Promise<SpillPlace[]> {
    return this.#tracked(this.#write(parts));
  }

  async read({ file, offset: start }: SpillPlace, offset: number, target: Uint8Array) {
    await this.#tracked(readFully(file, start + offset, target));
  }

  erase({ file }: SpillPlace): void {
    const needed = (this.#needed.get(file) ?? 0) - 1;
    if (needed > 0) return void this.#needed.set(file, needed);
    this.#needed.delete(file);
    // A file that stays goes with its folder.
    void this.#tracked(rm(file, { force: true })).catch(() => {});
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#folder.close();
  }

  async #write(parts: readonly Uint8Array[]): Promise<SpillPlace[]> {
    const folder = await this.#folder.path().catch((error: unknown) => {
      throw explained(error, "the folder for objects on disk");
    });
    const file = join(folder, String(this.#files++));
    const places: SpillPlace[] = [];
    let offset = 0;
    try {
      const handle = await open(file, "wx", 0o600);
      try {
        for (const part of parts) {
          await writeFully(handle, part);
          places.push({ file, offset, sizeBytes: part.byteLength });
          offset += part.byteLength;
        }
      } finally {
        await handle.close();
      }
    } catch (error) {
      await rm(file, { force: true }).catch(() => {});
      throw explained(error, folder);
    }
    this.#needed.set(file, parts.length);
    return places;
  }

  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }
}

type File = Awaited<ReturnType<typeof open>>;

/** One call may write or read less than it is given. */
async function writeFully(file: File, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    at += (await file.write(bytes, at, bytes.byteLength - at)).bytesWritten;
  }
}

async function readFully(path: string, from: number, target: Uint8Array): Promise<void> {
  const file = await open(path, "r");
  try {
    for (let at = 0; at < target.byteLength;) {
      const { bytesRead } = await file.read(target, at, target.byteLength - at, from + at);
      if (bytesRead === 0) throw new Error(`${path} ends after ${from + at} bytes`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function explained(error: unknown, where: string): Error {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const known = FULL[code];
  const advice = "make room there, or give another place with --spill-dir";
  return new Error(`${known ?? message} (${where}): ${advice}`, { cause: error });
}
