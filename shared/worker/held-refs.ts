import type { ObjectId } from "../ids.ts";
import { REFS_PER_MESSAGE_MAX } from "../protocol/limits.ts";

/**
 * The refs that this worker's executors hold. The mesh knows of peers, not of executors: it is told
 * when the first holds a ref and when the last lets go of it.
 */
export class HeldRefs {
  readonly #holders = new Map<ObjectId, Set<string>>();
  readonly #report: (type: "hold" | "release", objects: ObjectId[]) => void;

  constructor(report: (type: "hold" | "release", objects: ObjectId[]) => void) {
    this.#report = report;
  }

  hold(holder: string, objects: readonly ObjectId[]): void {
    const fresh: ObjectId[] = [];
    for (const object of objects) {
      const holders = this.#holders.get(object);
      if (holders) {
        holders.add(holder);
      } else {
        this.#holders.set(object, new Set([holder]));
        fresh.push(object);
      }
    }
    this.#tell("hold", fresh);
  }

  /** The coordinator counts these as held by this peer already, because it made them. */
  adopt(holder: string, objects: readonly ObjectId[]): void {
    for (const object of objects) {
      const holders = this.#holders.get(object);
      if (holders) holders.add(holder);
      else this.#holders.set(object, new Set([holder]));
    }
  }

  release(holder: string, objects: Iterable<ObjectId>): void {
    const gone: ObjectId[] = [];
    for (const object of objects) {
      const holders = this.#holders.get(object);
      if (!holders?.delete(holder) || holders.size > 0) continue;
      this.#holders.delete(object);
      gone.push(object);
    }
    this.#tell("release", gone);
  }

  /** An executor may hold more than one message can name. */
  #tell(type: "hold" | "release", objects: readonly ObjectId[]): void {
    for (let at = 0; at < objects.length; at += REFS_PER_MESSAGE_MAX) {
      this.#report(type, objects.slice(at, at + REFS_PER_MESSAGE_MAX));
    }
  }

  /** The holder is gone, and whatever it held. */
  releaseAll(holder: string): void {
    this.release(holder, this.#holders.keys());
  }
}
