import type { Browser, BrowserContext, Page } from "playwright";
import { inTime } from "./in-time.ts";
import type { ChannelEnd } from "./channel-pair.ts";
import { HIGH_WATER_BYTES, LOW_WATER_BYTES, MESSAGE_BYTES } from "./settings.ts";

type Settings = Readonly<Record<"highWaterBytes" | "lowWaterBytes" | "messageBytes", number>>;

interface BareWindow {
  bare: {
    offer(): Promise<string>;
    answer(sdp: string): Promise<string>;
    accept(sdp: string): Promise<void>;
    opened: Promise<void>;
    send(sizeBytes: number): void;
    /** Resolves when so many buffers have arrived whole since the page was opened. */
    received(buffers: number): Promise<void>;
  };
}

/** One end of a bare RTCDataChannel: a page of its own that does nothing else. */
export class BarePage implements ChannelEnd {
  readonly #context: BrowserContext;
  readonly #page: Page;
  #buffers = 0;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.#page = page;
  }

  static async open(browser: Browser): Promise<BarePage> {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.evaluate(installBareEnd, {
      highWaterBytes: HIGH_WATER_BYTES,
      lowWaterBytes: LOW_WATER_BYTES,
      messageBytes: MESSAGE_BYTES,
    });
    return new BarePage(context, page);
  }

  offer(): Promise<string> {
    return this.#page.evaluate(() => (globalThis as unknown as BareWindow).bare.offer());
  }

  answer(offer: string): Promise<string> {
    return this.#page.evaluate(
      (sdp) => (globalThis as unknown as BareWindow).bare.answer(sdp),
      offer,
    );
  }

  accept(answer: string): Promise<void> {
    return this.#page.evaluate(
      (sdp) => (globalThis as unknown as BareWindow).bare.accept(sdp),
      answer,
    );
  }

  opened(): Promise<void> {
    const opened = this.#page.evaluate(() => (globalThis as unknown as BareWindow).bare.opened);
    return inTime(opened, "an open channel of a bare page");
  }

  send(sizeBytes: number): Promise<void> {
    return this.#page.evaluate(
      (size) => (globalThis as unknown as BareWindow).bare.send(size),
      sizeBytes,
    );
  }

  received(): Promise<void> {
    const arrived = this.#page.evaluate(
      (buffers) => (globalThis as unknown as BareWindow).bare.received(buffers),
      ++this.#buffers,
    );
    return inTime(arrived, "a buffer of a bare page");
  }

  close(): Promise<void> {
    return this.#context.close();
  }
}

/** Runs in the page, and uses nothing from here. */
function installBareEnd({ highWaterBytes, lowWaterBytes, messageBytes }: Settings): void {
  const connection = new RTCPeerConnection({ iceServers: [] });
  const waiting: { readonly buffers: number; readonly resolve: () => void }[] = [];
  let wholeBuffers = 0;
  let channel: RTCDataChannel;
  let source = new Uint8Array(0);
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const settle = () => {
    for (const { buffers, resolve } of waiting) if (wholeBuffers >= buffers) resolve();
  };
  const use = (used: RTCDataChannel) => {
    channel = used;
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = lowWaterBytes;
    if (channel.readyState === "open") open();
    else channel.addEventListener("open", open);
    let buffer = new Uint8Array(0);
    let receivedBytes = 0;
    channel.addEventListener("message", ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") {
        buffer = new Uint8Array(Number(data));
        receivedBytes = 0;
        return;
      }
      buffer.set(new Uint8Array(data), receivedBytes);
      receivedBytes += data.byteLength;
      if (receivedBytes < buffer.length) return;
      wholeBuffers++;
      settle();
    });
  };
  connection.addEventListener("datachannel", (event) => use(event.channel));
  const described = async (description: RTCSessionDescriptionInit) => {
    await connection.setLocalDescription(description);
    if (connection.iceGatheringState !== "complete") {
      await new Promise<void>((resolve) => {
        connection.addEventListener("icegatheringstatechange", () => {
          if (connection.iceGatheringState === "complete") resolve();
        });
      });
    }
    return connection.localDescription!.sdp;
  };
  const bare: BareWindow["bare"] = {
    opened,
    async offer() {
      use(connection.createDataChannel("bare"));
      return described(await connection.createOffer());
    },
    async answer(sdp) {
      await connection.setRemoteDescription({ type: "offer", sdp });
      return described(await connection.createAnswer());
    },
    accept: (sdp) => connection.setRemoteDescription({ type: "answer", sdp }),
    send(sizeBytes) {
      if (source.length !== sizeBytes) source = new Uint8Array(sizeBytes).fill(7);
      let offset = 0;
      channel.send(String(sizeBytes));
      const pump = () => {
        while (offset < sizeBytes && channel.bufferedAmount < highWaterBytes) {
          const end = Math.min(offset + messageBytes, sizeBytes);
          channel.send(source.subarray(offset, end));
          offset = end;
        }
      };
      channel.onbufferedamountlow = pump;
      pump();
    },
    received: (buffers) =>
      new Promise((resolve) => {
        waiting.push({ buffers, resolve });
        settle();
      }),
  };
  Object.assign(globalThis, { bare });
}
