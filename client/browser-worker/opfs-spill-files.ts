import type { SpillFiles } from "../../shared/objects/spill-files.ts";

const PREFIX = "manta-spill-";

interface Folder {
  readonly name: string;
  readonly handle: FileSystemDirectoryHandle;
  /** Gives up the lock that tells other tabs that this folder is in use. */
  release(): void;
}

/** Whether this page may keep files at all. */
export const hasOpfs = (): boolean =>
  "storage" in navigator && "getDirectory" in navigator.storage && "locks" in navigator;

/**
 * A folder of this tab's own in the origin's private file system, for objects that do not fit in
 * memory. It is made when it is first needed. A tab that was closed or crashed leaves its folder
 * behind, and with it no lock: the next tab removes such folders.
 */
export class OpfsSpillFiles implements SpillFiles {
  #folder: Promise<Folder> | undefined;
  #isClosed = false;

  async write(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const { handle: folder } = await this.#open();
    try {
      const file = await folder.getFileHandle(name, { create: true });
      const writable = await file.createWritable();
      try {
        // A tab's objects are never in shared memory.
        for (const part of parts) await writable.write(part as Uint8Array<ArrayBuffer>);
        await writable.close();
      } catch (error) {
        await writable.abort().catch(() => {});
        throw error;
      }
    } catch (error) {
      await folder.removeEntry(name).catch(() => {});
      throw await explained(error);
    }
  }

  async read(name: string, offset: number, target: Uint8Array): Promise<void> {
    const { handle: folder } = await this.#open();
    const file = await (await folder.getFileHandle(name)).getFile();
    const bytes = await file.slice(offset, offset + target.byteLength).arrayBuffer();
    if (bytes.byteLength < target.byteLength) {
      throw new Error(`file ${name} ends after ${offset + bytes.byteLength} bytes`);
    }
    target.set(new Uint8Array(bytes));
  }

  async remove(name: string): Promise<void> {
    const { handle: folder } = await this.#open();
    await folder.removeEntry(name);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const folder = await this.#folder?.catch(() => undefined);
    if (!folder) return;
    const root = await navigator.storage.getDirectory();
    await root.removeEntry(folder.name, { recursive: true }).catch(() => {});
    folder.release();
  }

  #open(): Promise<Folder> {
    if (this.#isClosed) return Promise.reject(new Error("this store was closed"));
    return (this.#folder ??= makeFolder().catch((error: unknown) => {
      // What is in the way may go: the next object tries anew.
      this.#folder = undefined;
      throw error;
    }));
  }
}

async function makeFolder(): Promise<Folder> {
  const root = await navigator.storage.getDirectory();
  const name = `${PREFIX}${crypto.randomUUID()}`;
  // The lock first: a folder without one is a leftover.
  const release = await new Promise<() => void>((locked, failed) => {
    const hold = () => new Promise<void>((free) => locked(free));
    navigator.locks.request(name, hold).catch(failed);
  });
  try {
    return { name, handle: await root.getDirectoryHandle(name, { create: true }), release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Remove the folders of tabs that are gone. */
export async function removeOpfsLeftovers(): Promise<void> {
  const root = await navigator.storage.getDirectory();
  const names: string[] = [];
  for await (const name of root.keys()) if (name.startsWith(PREFIX)) names.push(name);
  for (const name of names) {
    await navigator.locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock) await root.removeEntry(name, { recursive: true }).catch(() => {});
    });
  }
}

async function explained(error: unknown): Promise<Error> {
  if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") {
    return error instanceof Error ? error : new Error(String(error));
  }
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  return new Error(
    `the browser's storage quota for this site is used up (${usage} of ${quota} bytes): ` +
      "free space on the disk, or contribute from another browser",
    { cause: error },
  );
}
