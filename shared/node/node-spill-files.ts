import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SpillFiles } from "../objects/spill-files.ts";
import type { SpillFolder } from "./spill-folder.ts";

const FULL: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EROFS: "the disk is read-only",
  EACCES: "this process may not write there",
  EFBIG: "files there may not be so large",
};

/** Files of the operating system. */
export class NodeSpillFiles implements SpillFiles {
  readonly #folder: SpillFolder;

  constructor(folder: SpillFolder) {
    this.#folder = folder;
  }

  async write(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const folder = await this.#folder.path().catch((error: unknown) => {
      throw explained(error, "the folder for objects on disk");
    });
    const path = join(folder, name);
    try {
      const file = await open(path, "wx", 0o600);
      try {
        for (const part of parts) await writeFully(file, part);
      } finally {
        await file.close();
      }
    } catch (error) {
      await rm(path, { force: true }).catch(() => {});
      throw explained(error, folder);
    }
  }

  async read(name: string, offset: number, target: Uint8Array): Promise<void> {
    const file = await open(join(await this.#folder.path(), name), "r");
    try {
      for (let at = 0; at < target.byteLength;) {
        const { bytesRead } = await file.read(target, at, target.byteLength - at, offset + at);
        if (bytesRead === 0) throw new Error(`file ${name} ends after ${offset + at} bytes`);
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(await this.#folder.path(), name), { force: true });
  }

  close(): Promise<void> {
    return this.#folder.close();
  }
}

/** One call may write less than it is given. */
async function writeFully(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array) {
  for (let at = 0; at < bytes.byteLength;) {
    at += (await file.write(bytes, at, bytes.byteLength - at)).bytesWritten;
  }
}

function explained(error: unknown, where: string): Error {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const known = FULL[code];
  const advice = "make room there, or give another place with --spill-dir";
  return new Error(`${known ?? message} (${where}): ${advice}`, { cause: error });
}
