import { MeshError } from "../errors.ts";
import { isMadeBy, type JobId, type ObjectId, type PeerId } from "../ids.ts";
import type { JobKey } from "../protocol/schema.ts";
import { signTicket, TICKET_VALID_MS, verifyTicket } from "../protocol/tickets.ts";

/** Jobs of which tickets were shown on one link. Both ends forget the same one, the first. */
const JOBS_PER_LINK_MAX = 256;

export interface ReadTicketsOptions {
  readonly self: PeerId;
  /** The coordinator's idea of the time. */
  nowEpochMs(): number;
}

/** What identifies a link to both ends of a conversation. */
interface LinkEnd {
  readonly peer: PeerId;
}

interface Shown {
  readonly ticket: Uint8Array;
  readonly atEpochMs: number;
  /** The key it was found right with. */
  rightWith: Uint8Array | undefined;
}

export interface ReadTicket {
  readonly job: JobId;
  readonly ticket: Uint8Array<ArrayBuffer>;
}

/**
 * Who may read what, peer to peer. Each object belongs to a job, and each job has a key that the
 * coordinator tells only those who take part in it, with the places of the object. Whoever fetches
 * shows on each link, once per job, a ticket signed with that key for exactly this pair of peers: it
 * rides on the first request. So an id, which can be guessed, opens nothing; nor does a ticket that
 * somebody overheard. What bears a peer's own name it may read without: it made that, or had it made.
 */
export class ReadTickets {
  readonly #options: ReadTicketsOptions;
  readonly #given = new WeakMap<LinkEnd, Set<JobId>>();
  readonly #shown = new WeakMap<LinkEnd, Map<JobId, Shown>>();

  constructor(options: ReadTicketsOptions) {
    this.#options = options;
  }

  /** What the next request on this link must show, if it was not shown there yet. */
  toShow(link: LinkEnd, object: ObjectId, jobKey: JobKey | undefined): ReadTicket | undefined {
    const { self, nowEpochMs } = this.#options;
    if (!jobKey || isMadeBy(object, self)) return undefined;
    const { job, key } = jobKey;
    const given = this.#given.get(link) ?? new Set();
    this.#given.set(link, given);
    if (given.has(job)) return undefined;
    forgetFirst(given.add(job));
    return {
      job,
      ticket: signTicket(key, pairOf(self, link.peer), nowEpochMs() + TICKET_VALID_MS),
    };
  }

  /** The other end refused: what was shown is to be shown again. */
  showAgain(link: LinkEnd, job: JobId): void {
    this.#given.get(link)?.delete(job);
  }

  /** The other end shows a ticket. Whether it is right is seen when it is needed. */
  show(link: LinkEnd, { job, ticket }: ReadTicket): void {
    const shown = this.#shown.get(link) ?? new Map<JobId, Shown>();
    this.#shown.set(link, shown);
    shown.delete(job);
    const atEpochMs = this.#options.nowEpochMs();
    forgetFirst(shown.set(job, { ticket, atEpochMs, rightWith: undefined }));
  }

  /**
   * Whether the other end may read an object of this peer's.
   * @param jobKey of the object; unset: nobody but who made it may have it.
   * @throws MeshError `TICKET_REFUSED`, why not.
   */
  require(link: LinkEnd, object: ObjectId, jobKey: JobKey | undefined): void {
    const { peer } = link;
    if (isMadeBy(object, peer)) return;
    const why = this.#obstacle(link, jobKey);
    if (why === undefined) return;
    throw new MeshError(
      "TICKET_REFUSED",
      `${peer} may not read ${object}: ${why}. Refs reach who may read them; ask the coordinator where the object is, and fetch it with what it says`,
      { object, peer },
    );
  }

  #obstacle(link: LinkEnd, jobKey: JobKey | undefined): string | undefined {
    if (!jobKey) return "its job is not known here";
    const { job, key } = jobKey;
    const shown = this.#shown.get(link)?.get(job);
    if (!shown) return `no ticket for its job was shown on this link`;
    if (shown.rightWith && areEqual(shown.rightWith, key)) return undefined;
    try {
      verifyTicket(key, pairOf(link.peer, this.#options.self), shown.ticket, shown.atEpochMs);
    } catch (error) {
      return (error as Error).message;
    }
    shown.rightWith = key;
    return undefined;
  }
}

const areEqual = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, at) => byte === b[at]);

const pairOf = (from: PeerId, to: PeerId) => ({ from, to });

function forgetFirst(entries: Map<JobId, unknown> | Set<JobId>): void {
  if (entries.size <= JOBS_PER_LINK_MAX) return;
  for (const first of entries.keys()) {
    entries.delete(first);
    return;
  }
}
