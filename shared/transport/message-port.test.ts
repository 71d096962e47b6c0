import { expect, test } from "vitest";
import { transportContract } from "./contract.ts";
import { messagePortTransport } from "./message-port.ts";

const channel = () => {
  const { port1, port2 } = new MessageChannel();
  return [port1, port2] as const;
};

transportContract("message port", {
  connect: async () => {
    const [left, right] = channel();
    return [messagePortTransport(left), messagePortTransport(right)];
  },
});

test("a port that is closed without a word ends the transport", async () => {
  const [left, right] = channel();
  const transport = messagePortTransport(left);
  right.close();
  expect(await transport.closed).toEqual({ code: "peer-left" });
});

test.each([12_345, { a: 1 }, null, -1])("posting %j ends it as a violation", async (posted) => {
  const [left, right] = channel();
  const transport = messagePortTransport(left);
  right.postMessage(posted);
  expect((await transport.closed).code).toBe("protocol-violation");
});

test("a message that is a view leaves the rest of its buffer behind, and intact", async () => {
  const [left, right] = channel();
  const sender = messagePortTransport(left);
  const receiver = messagePortTransport(right);
  const received = new Promise<Uint8Array>((resolve) => (receiver.onMessage = resolve));
  const whole = Uint8Array.of(1, 2, 3, 4);
  await sender.send(whole.subarray(1, 3));
  expect((await received).buffer).toEqual(Uint8Array.of(2, 3).buffer);
  expect(whole).toEqual(Uint8Array.of(1, 2, 3, 4));
  sender.close({ code: "done" });
});
