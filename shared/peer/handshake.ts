import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { decodeBatch, encodeBatch } from "../protocol/batch.ts";
import { linkMessages, type LinkHello, type LinkMessage } from "../protocol/link-messages.ts";
import { MESSAGE_BYTES_MAX } from "../protocol/limits.ts";
import { fromWireError, toWireError } from "../protocol/wire-error.ts";
import type { MessageReader, Transport } from "../transport/transport.ts";
import { reasonOf } from "./deadline.ts";

/** How long the other end may take to say hello or welcome on an open transport. */
export const GREETING_MS_MAX = 10_000;
/** The longest hello takes 1 KiB. A stranger's first message above this is not even decoded. */
const HELLO_BYTES_MAX = 16 * 1024;

/** What takes over a transport on which hello was said: a link, or a lane of one. */
export interface Greeted {
  /** Tell the opener that it is welcome. */
  welcome(): void;
  /** What came in the same batch as the greeting. */
  deliver(messages: readonly unknown[]): void;
  readonly receive: MessageReader;
}

/**
 * The opener's half: say hello, wait for the welcome.
 * @param open makes what takes over; from then on it gets what arrives.
 * @throws MeshError what the other end refused for; `TIMEOUT`, `PEER_UNREACHABLE`. The transport is
 *   closed then.
 */
export async function sayHello<T extends Pick<Greeted, "deliver" | "receive">>(
  transport: Transport,
  hello: LinkHello,
  clock: Clock,
  open: () => T,
): Promise<T> {
  void transport.send(encodeBatch([hello]));
  try {
    return await onFirstMessage(transport, clock, (message) => {
      if (message.type === "link-welcome") return open();
      if (message.type === "link-refused") throw fromWireError(message.error);
      throw new MeshError("PROTOCOL_VIOLATION", `${message.type} instead of a welcome`);
    });
  } catch (error) {
    transport.close({ code: "failed", detail: reasonOf(error).slice(0, 256) });
    throw error;
  }
}

/**
 * The other half: wait for hello, check it, say welcome or why not.
 * @param admit makes what takes over, or throws the MeshError to refuse with.
 * @throws MeshError why there is no link. The opener was told, and the transport is closed.
 */
export async function expectHello(
  transport: Transport,
  clock: Clock,
  admit: (hello: LinkHello) => Greeted,
): Promise<Greeted> {
  const open = (message: LinkMessage): Greeted => {
    if (message.type !== "link-hello") {
      throw new MeshError("PROTOCOL_VIOLATION", `${message.type} instead of a hello`);
    }
    const greeted = admit(message);
    greeted.welcome();
    return greeted;
  };
  try {
    return await onFirstMessage(transport, clock, open, HELLO_BYTES_MAX);
  } catch (error) {
    refuse(transport, error);
    throw error;
  }
}

/** Tell the opener why there is no link, and close. */
export function refuse(transport: Transport, error: unknown): void {
  void transport.send(encodeBatch([{ type: "link-refused", error: toWireError(error) }]));
  transport.close({ code: "refused", detail: reasonOf(error).slice(0, 256) });
}

/** `open` is called within the delivery, so that the next message finds what takes over. */
function onFirstMessage<T extends Pick<Greeted, "deliver" | "receive">>(
  transport: Transport,
  clock: Clock,
  open: (message: LinkMessage) => T,
  bytesMax = MESSAGE_BYTES_MAX,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let greeted: T | undefined;
    let isOver = false;
    const fail = (error: Error) => {
      isOver = true;
      cancel();
      reject(error);
    };
    const cancel = clock.after(GREETING_MS_MAX, () => {
      fail(new MeshError("TIMEOUT", `the other end did not greet within ${GREETING_MS_MAX} ms`));
    });
    void transport.closed.then(({ code, detail }) => {
      fail(new MeshError("PEER_UNREACHABLE", `it closed before greeting (${detail ?? code})`));
    });
    transport.onMessage = (bytes, tail) => {
      if (greeted) return greeted.receive(bytes, tail);
      if (isOver) return;
      let rest: readonly unknown[];
      try {
        if (bytes.length > bytesMax) {
          const why = `${bytes.length} bytes instead of a greeting of at most ${bytesMax}`;
          throw new MeshError("PROTOCOL_VIOLATION", why);
        }
        const [first, ...others] = decodeBatch(bytes);
        if (!linkMessages.accepts(first)) {
          throw new MeshError("PROTOCOL_VIOLATION", linkMessages.complaint(first));
        }
        rest = others;
        greeted = open(first);
      } catch (error) {
        return fail(error as Error);
      }
      cancel();
      resolve(greeted);
      greeted.deliver(rest);
    };
  });
}
