import type { PeerId } from "../ids.ts";
import type { RelayHeader } from "../protocol/messages.ts";
import { reasonToText } from "./close-reason.ts";
import { RelayLink } from "./relay-link.ts";
import type { CloseReason, Transport } from "./transport.ts";

export interface RelayHubOptions {
  /**
   * Send one frame to the coordinator, which passes it on to `header.peer`.
   * @returns when the control connection wants more; the next frame waits for it.
   */
  send(header: RelayHeader, payload: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Another peer opened a link to this one. */
  onOpen(peer: PeerId, transport: Transport): void;
}

interface LinkEntry {
  readonly link: RelayLink;
  readonly name: Pick<RelayHeader, "type" | "peer" | "link" | "byOpener">;
}

/** Links that other peers may have open to this one, in all. */
const LINKS_MAX = 4_096;

/**
 * All relayed links of one peer, multiplexed over its connection to the coordinator. Links take turns
 * frame by frame, so a large message does not delay another link's small one by more than a piece.
 * A link is named by who opened it and a number, so both peers may open one at the same time.
 */
export class RelayHub {
  readonly #options: RelayHubOptions;
  readonly #links = new Map<string, LinkEntry>();
  /** Links that may have a frame to send, in the order of their turns. */
  readonly #turns = new Set<LinkEntry>();
  #isSending = false;
  #next = 1;

  constructor(options: RelayHubOptions) {
    this.#options = options;
  }

  /** Open a link. What is sent on it waits nowhere for the other peer's consent. */
  open(peer: PeerId): Transport {
    return this.#add({ type: "relay", peer, link: this.#next++, byOpener: true }).link.transport;
  }

  /** A frame came from the coordinator: `header.peer` sent it. */
  receive(header: RelayHeader, payload: Uint8Array<ArrayBuffer>): void {
    // Names are seen from here: what the opener of a link sent belongs to a link opened over there.
    const name = { ...nameOf(header), byOpener: header.byOpener !== true };
    let entry = this.#links.get(keyOf(name));
    if (!entry && header.open === true && !name.byOpener) {
      if (this.#links.size >= LINKS_MAX) {
        this.#sendQuietly(relayRefusal(header, { code: "refused", detail: "too many links" }));
        return;
      }
      entry = this.#add(name);
      this.#options.onOpen(header.peer, entry.link.transport);
    }
    // A frame of a link that is over: its close has crossed the other peer's last frames.
    if (!entry) return;
    entry.link.receive({ header, payload });
    this.#hasWork(entry);
  }

  /** A peer has left the mesh: its links end without a word. */
  peerLeft(peer: PeerId): void {
    this.#endAll({ code: "peer-left" }, (entry) => entry.name.peer === peer);
  }

  /** The connection to the coordinator is gone: all links end without a word. */
  closeAll(reason: CloseReason): void {
    this.#endAll(reason, () => true);
  }

  #endAll(reason: CloseReason, matches: (entry: LinkEntry) => boolean): void {
    for (const entry of this.#links.values()) {
      if (!matches(entry)) continue;
      entry.link.end(reason);
      this.#forget(entry);
    }
  }

  #add(name: LinkEntry["name"]): LinkEntry {
    const link: RelayLink = new RelayLink(name.byOpener === true, () => this.#hasWork(entry));
    const entry: LinkEntry = { link, name };
    this.#links.set(keyOf(name), entry);
    this.#hasWork(entry);
    return entry;
  }

  #forget(entry: LinkEntry): void {
    this.#links.delete(keyOf(entry.name));
    this.#turns.delete(entry);
  }

  #hasWork(entry: LinkEntry): void {
    this.#turns.add(entry);
    if (!this.#isSending) void this.#sendInTurns();
  }

  async #sendInTurns(): Promise<void> {
    this.#isSending = true;
    for (const entry of this.#turns) {
      // Deleted and added again, an entry goes to the end of the turns.
      this.#turns.delete(entry);
      const frame = entry.link.nextFrame();
      if (frame) {
        this.#turns.add(entry);
        await this.#options.send({ ...entry.name, ...frame.header }, frame.payload);
      } else if (entry.link.isOver) this.#forget(entry);
    }
    this.#isSending = false;
  }

  #sendQuietly(header: RelayHeader): void {
    void this.#options.send(header, new Uint8Array(0));
  }
}

/**
 * The answer to a frame that cannot be passed on or accepted: it ends the sender's link. The
 * coordinator sends it back to the sender, with the `peer` that the frame was meant for.
 */
export function relayRefusal(header: RelayHeader, reason: CloseReason): RelayHeader {
  return {
    ...nameOf(header),
    byOpener: header.byOpener !== true,
    consumedBytes: 0,
    close: reasonToText(reason),
    bare: true,
  };
}

const nameOf = ({ peer, link = 0, byOpener = false }: RelayHeader) =>
  ({ type: "relay", peer, link, byOpener }) as const;

const keyOf = ({ peer, link = 0, byOpener = false }: LinkEntry["name"]): string =>
  `${peer} ${link} ${byOpener}`;
