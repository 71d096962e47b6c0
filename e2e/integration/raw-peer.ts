import { decodeBatch, encodeBatch } from "../../shared/protocol/batch.ts";
import type { CoordinatorMessage } from "../../shared/protocol/messages.ts";
import { dialWebSocket } from "../../shared/node/websocket-for-node.ts";
import type { CloseReason, Transport } from "../../shared/transport/transport.ts";

/** A connection to the coordinator that says whatever a test wants, however wrong. */
export class RawPeer {
  readonly #transport: Transport;
  readonly #heard: CoordinatorMessage[] = [];
  #wake: () => void = () => {};

  static async dial(url: string): Promise<RawPeer> {
    const target = `${url.replace(/^http/, "ws")}/v1/peer`;
    return new RawPeer(await dialWebSocket(target, { deadlineMs: 5_000 }));
  }

  private constructor(transport: Transport) {
    this.#transport = transport;
    transport.onMessage = (bytes) => {
      this.#heard.push(...(decodeBatch(bytes) as CoordinatorMessage[]));
      this.#wake();
    };
    void transport.closed.then(() => this.#wake());
  }

  get closed(): Promise<CloseReason> {
    return this.#transport.closed;
  }

  say(...messages: object[]): void {
    void this.#transport.send(encodeBatch(messages));
  }

  /** Bytes that need not be a batch at all. */
  shout(bytes: Uint8Array<ArrayBuffer>): void {
    void this.#transport.send(bytes);
  }

  hello(token: string, more: object = {}): void {
    this.say({
      type: "hello",
      protocolVersions: [1],
      token,
      role: "driver",
      runtime: "node",
      name: "raw",
      webrtc: false,
      ...more,
    });
  }

  /** The next message of a type; earlier ones of other types are dropped. */
  async next<Type extends CoordinatorMessage["type"]>(
    type: Type,
  ): Promise<Extract<CoordinatorMessage, { type: Type }>> {
    for (;;) {
      const at = this.#heard.findIndex((message) => message.type === type);
      if (at >= 0) {
        const [found] = this.#heard.splice(0, at + 1).slice(-1);
        return found as Extract<CoordinatorMessage, { type: Type }>;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.#transport.close({ code: "done" });
  }
}
