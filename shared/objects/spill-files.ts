import type { SpillDevice } from "./spill-device.ts";
import type { SpillPlace } from "./store-entry.ts";

/** The files of one folder, as far as a {@link FileSpill} needs them. */
export interface SpillFiles {
  /** A new file of these, one behind the other; it is not there if that fails. */
  write(name: string, parts: readonly Uint8Array[]): Promise<void>;
  /** Fill `target` with what is at `offset`. */
  read(name: string, offset: number, target: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Remove the folder. */
  close(): Promise<void>;
}

/** Spills to files, each of which goes with the last object in it. */
export class FileSpill implements SpillDevice {
  readonly #files: SpillFiles;
  /** Places of each file that are still needed. */
  readonly #needed = new Map<string, number>();
  readonly #underWay = new Set<Promise<unknown>>();
  #names = 0;

  constructor(files: SpillFiles) {
    this.#files = files;
  }

  async write(parts: readonly Uint8Array[]): Promise<SpillPlace[]> {
    const file = String(this.#names++);
    await this.#tracked(this.#files.write(file, parts));
    this.#needed.set(file, parts.length);
    let end = 0;
    return parts.map(({ byteLength: sizeBytes }) => {
      const offset = end;
      end += sizeBytes;
      return { file, offset, sizeBytes };
    });
  }

  async read({ file, offset: start }: SpillPlace, offset: number, target: Uint8Array) {
    if (!this.#needed.has(file)) throw new Error(`file ${file} was erased`);
    await this.#tracked(this.#files.read(file, start + offset, target));
  }

  erase({ file }: SpillPlace): void {
    const needed = (this.#needed.get(file) ?? 0) - 1;
    if (needed > 0) return void this.#needed.set(file, needed);
    this.#needed.delete(file);
    // A file that stays goes with its folder.
    void this.#tracked(this.#files.remove(file)).catch(() => {});
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#files.close();
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
