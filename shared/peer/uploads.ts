import type { ObjectId } from "../ids.ts";

/** Bytes of an object that were asked for. */
interface Range {
  readonly offset: number;
  readonly endOffset: number;
  isStopped: boolean;
}

/** What is to be sent now. */
export interface Turn {
  readonly object: ObjectId;
  readonly range: Range;
}

interface Upload {
  readonly object: ObjectId;
  readonly ranges: Range[];
  /** Lower first. */
  priority: number;
  current: Range | undefined;
  isSending: boolean;
}

/** Every so many turns the longest waiting object is next, however unimportant it is. */
const TURNS_PER_OLDEST = 4;

/** What one link asked for: objects by priority, the ranges of one object in the order of asking. */
export class Uploads {
  readonly #uploads = new Map<ObjectId, Upload>();
  #waiting = 0;
  #sending = 0;
  #turn = 0;

  /** Ranges that were not begun. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Objects that are being sent. */
  get sending(): number {
    return this.#sending;
  }

  add(
    object: ObjectId,
    range: { readonly offset: number; readonly endOffset: number },
    priority: number,
  ): void {
    let upload = this.#uploads.get(object);
    if (upload) {
      upload.priority = Math.min(upload.priority, priority);
    } else {
      upload = { object, ranges: [], priority, current: undefined, isSending: false };
      this.#uploads.set(object, upload);
    }
    upload.ranges.push({ ...range, isStopped: false });
    this.#waiting++;
  }

  /** @param offset of the range that is not wanted any more; unset: all of the object's. */
  stop(object: ObjectId, offset: number | undefined): void {
    const upload = this.#uploads.get(object);
    if (!upload) return;
    const { current, ranges } = upload;
    const isMeant = (range: Range) =>
      offset === undefined || (range.offset <= offset && offset < range.endOffset);
    if (current && isMeant(current)) current.isStopped = true;
    const kept = ranges.filter((range) => !isMeant(range));
    this.#waiting -= ranges.length - kept.length;
    ranges.splice(0, Infinity, ...kept);
    if (!upload.isSending && ranges.length === 0) this.#forget(upload);
  }

  /** The range whose turn it is, if one waits. Its object is being sent until {@link sent}. */
  next(): Turn | undefined {
    let found: Upload | undefined;
    const isOldest = this.#turn % TURNS_PER_OLDEST === TURNS_PER_OLDEST - 1;
    for (const upload of this.#uploads.values()) {
      if (upload.isSending) continue;
      if (!found || upload.priority < found.priority) found = upload;
      if (isOldest || found.priority === 0) break;
    }
    const range = found?.ranges.shift();
    if (!found || !range) return undefined;
    this.#turn++;
    this.#sending++;
    this.#waiting--;
    found.isSending = true;
    found.current = range;
    // Its next range comes behind what others wait for.
    this.#uploads.delete(found.object);
    this.#uploads.set(found.object, found);
    return { object: found.object, range };
  }

  /** The range of this object that was sent is sent. */
  sent(object: ObjectId): void {
    this.#sending--;
    const upload = this.#uploads.get(object);
    if (!upload) return;
    upload.isSending = false;
    upload.current = undefined;
    if (upload.ranges.length === 0) this.#forget(upload);
  }

  /** Objects of which ranges wait. */
  waitingObjects(): ObjectId[] {
    return [...this.#uploads.values()].flatMap(({ object, ranges }) =>
      ranges.length > 0 ? [object] : [],
    );
  }

  /** The link is gone. */
  close(): void {
    for (const upload of this.#uploads.values()) {
      this.#waiting -= upload.ranges.length;
      upload.ranges.length = 0;
      if (!upload.isSending) this.#forget(upload);
    }
  }

  #forget(upload: Upload): void {
    this.#uploads.delete(upload.object);
  }
}
