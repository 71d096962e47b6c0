import { BareChild } from "./child.ts";

/** One end of a bare data channel, wherever it is. */
export interface ChannelEnd {
  /** Descriptions hold all candidates: nothing else has to be exchanged. */
  offer(): Promise<string>;
  answer(offer: string): Promise<string>;
  accept(answer: string): Promise<void>;
  opened(): Promise<void>;
  send(sizeBytes: number): Promise<void>;
  /** Resolves when the next buffer has arrived whole. */
  received(): Promise<void>;
  close(): Promise<void>;
}

/** An end in a Node process. */
export class BareProcess implements ChannelEnd {
  readonly #child = new BareChild(new URL("./channel-process.js", import.meta.url));

  async offer(): Promise<string> {
    this.#child.tell({ type: "offer" });
    return (await this.#child.hear("sdp")).sdp;
  }

  async answer(sdp: string): Promise<string> {
    this.#child.tell({ type: "answer", sdp });
    return (await this.#child.hear("sdp")).sdp;
  }

  accept(sdp: string): Promise<void> {
    this.#child.tell({ type: "accept", sdp });
    return Promise.resolve();
  }

  async opened(): Promise<void> {
    await this.#child.hear("open");
  }

  send(sizeBytes: number): Promise<void> {
    this.#child.tell({ type: "send", sizeBytes });
    return Promise.resolve();
  }

  async received(): Promise<void> {
    await this.#child.hear("received");
  }

  close(): Promise<void> {
    this.#child.close();
    return Promise.resolve();
  }
}

/**
 * Connect two ends by one PeerConnection with one channel.
 *
 * @param route changes what the ends learn of each other, to lead them elsewhere.
 */
export async function connectEnds(
  from: ChannelEnd,
  to: ChannelEnd,
  route = (sdp: string): Promise<string> => Promise.resolve(sdp),
): Promise<void> {
  const offer = await from.offer();
  // Without candidates libdatachannel waits to be called: if it called first, the other end might
  // not know its answer yet, and fail.
  const candidates = /^a=(candidate:|end-of-candidates).*\r?\n/gm;
  const told = to instanceof BareProcess ? offer.replaceAll(candidates, "") : offer;
  await from.accept(await route(await to.answer(await route(told))));
  await Promise.all([from.opened(), to.opened()]);
}
