import type { SpillPlace } from "./store-entry.ts";

/**
 * Where a store puts what does not fit in memory: files in Node, the origin's private file system in
 * a tab. `spillDeviceContract` says what each must do.
 */
export interface SpillDevice {
  /**
   * Write these one behind the other into a new file. All of them are there then, or none.
   * @returns where each is, in order.
   * @throws Error whose message names what is full, or what else is wrong, and what to do.
   */
  write(parts: readonly Uint8Array[]): Promise<SpillPlace[]>;
  /** Fill `target` with what is at `offset` of a place. */
  read(place: SpillPlace, offset: number, target: Uint8Array): Promise<void>;
  /** Not needed any more. A file goes with the last of its places. */
  erase(place: SpillPlace): void;
  /** Remove all that was written, once what is under way has ended. */
  close(): Promise<void>;
}
