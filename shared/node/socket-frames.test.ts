import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import { Prng } from "../prng.ts";
import { frameHead, OPCODE, SocketFrames, type SocketFramesOptions } from "./socket-frames.ts";

const MESSAGE_BYTES_MAX = 300_000;

type Heard = readonly [what: string, ...parts: (string | number)[]];

/** What a socket's reader hears: bytes as sums, so that failures can be read. */
function reader(options: Partial<SocketFramesOptions> = {}) {
  const heard: Heard[] = [];
  const frames = new SocketFrames({
    isMasked: false,
    messageBytesMax: MESSAGE_BYTES_MAX,
    firstMessageBytesMax: MESSAGE_BYTES_MAX,
    allocateTail: (sizeBytes) => new Uint8Array(sizeBytes),
    onMessage: (message, tail) =>
      heard.push(tail ? ["message", ...sum(message), ...sum(tail)] : ["message", ...sum(message)]),
    onText: (text) => heard.push(["text", text]),
    onPing: (payload) => heard.push(["ping", ...sum(payload)]),
    onClose: (code, reason) => heard.push(["close", code, reason]),
    ...options,
  });
  return { frames, heard };
}

const sum = (bytes: Uint8Array): [number, number] => [
  bytes.length,
  bytes.reduce((total, byte, at) => (total * 31 + byte + at) % 1_000_003, 0),
];

const random = (prng: Prng, length: number) => Uint8Array.from({ length }, () => prng.below(256));

interface FrameOptions {
  readonly isLast?: boolean;
  readonly key?: Uint8Array | undefined;
}

/** One frame as another program would write it. */
function frame(opcode: number, payload: Uint8Array, { isLast = true, key }: FrameOptions = {}) {
  const isMasked = key !== undefined;
  const head = frameHead(opcode, payload.length, { isLast, isMasked });
  if (key) head.set(key, head.length - 4);
  const sent = payload.map((byte, at) => byte ^ (key?.[at & 3] ?? 0));
  return Buffer.concat([head, sent]);
}

/** Give bytes to a reader in pieces of any size, read to where it wants them or handed over. */
function feed(frames: SocketFrames, bytes: Uint8Array, prng: Prng): void {
  for (let at = 0; at < bytes.length;) {
    const pieceBytes = 1 + prng.below(prng.below(2) === 0 ? 40 : 90_000);
    if (prng.below(2) === 0) {
      frames.push(bytes.subarray(at, at + pieceBytes));
      at += pieceBytes;
    } else {
      const piece = bytes.subarray(at, at + Math.min(pieceBytes, frames.space().length));
      frames.space().set(piece);
      frames.filled(piece.length);
      at += piece.length;
    }
  }
}

test("however the network cuts it, everything is heard as it was sent", () => {
  for (let seed = 0; seed < 60; seed++) {
    const prng = new Prng(seed);
    const isMasked = prng.below(2) === 0;
    const key = () => (isMasked ? random(prng, prng.below(3) === 0 ? 0 : 4) : undefined);
    const { frames, heard } = reader({ isMasked });
    const wire: Uint8Array[] = [];
    const sent: Heard[] = [];
    const put = (opcode: number, payload: Uint8Array, isLast = true) => {
      const chosen = key();
      const mask = chosen && (chosen.length === 4 ? chosen : new Uint8Array(4));
      wire.push(frame(opcode, payload, { isLast, key: mask }));
    };
    for (let n = prng.below(12); n >= 0; n--) {
      const payload = random(prng, prng.below([1, 126, 127, 70_000][prng.below(4)]!));
      switch (prng.below(4)) {
        case 0:
          put(OPCODE.text, Buffer.from(`a${n}`));
          sent.push(["text", `a${n}`]);
          break;
        case 1:
          put(OPCODE.binary, payload);
          sent.push(["message", ...sum(payload)]);
          break;
        default: {
          const tail = random(prng, prng.below(200_000));
          put(OPCODE.binary, payload, false);
          if (prng.below(3) === 0) {
            put(OPCODE.ping, payload.subarray(0, 9));
            sent.push(["ping", ...sum(payload.subarray(0, 9))]);
          }
          put(OPCODE.continuation, tail);
          sent.push(["message", ...sum(payload), ...sum(tail)]);
        }
      }
    }
    feed(frames, Buffer.concat(wire), prng);
    expect(heard).toEqual(sent);
  }
});

test("a tail is read straight into the memory that was made for it", () => {
  const memory = new Uint8Array(100_000);
  const { frames, heard } = reader({ allocateTail: (sizeBytes) => memory.subarray(0, sizeBytes) });
  const tail = random(new Prng(1), 100_000);
  frames.push(frame(OPCODE.binary, Uint8Array.of(7), { isLast: false }));
  const bytes = frame(OPCODE.continuation, tail);
  frames.push(bytes.subarray(0, 1_000));
  expect(frames.space().buffer).toBe(memory.buffer);
  frames.space().set(bytes.subarray(1_000));
  frames.filled(bytes.length - 1_000);
  expect(heard).toEqual([["message", ...sum(Uint8Array.of(7)), ...sum(tail)]]);
});

test("before the first message nobody has memory for a big one set aside", () => {
  const { frames, heard } = reader({ firstMessageBytesMax: 100 });
  const big = frame(OPCODE.binary, new Uint8Array(1_000));
  frames.push(frame(OPCODE.binary, Uint8Array.of(1)));
  frames.push(big);
  expect(heard).toHaveLength(2);
  const head = big.subarray(0, 4);
  const stranger = reader({ firstMessageBytesMax: 100 });
  expect(() => stranger.frames.push(head)).toThrow("a message of over 100 bytes");
});

const NOTHING = new Uint8Array(0);
const firstPart = frame(OPCODE.binary, NOTHING, { isLast: false });

test.each([
  ["a frame with reserved bits", [Uint8Array.of(0xc2, 0)]],
  ["masking where there should be none", [frame(OPCODE.binary, NOTHING, { key: NOTHING })]],
  ["an opcode that does not exist", [frame(0x3, NOTHING)]],
  ["a tail of nothing", [frame(OPCODE.continuation, NOTHING)]],
  ["a second first part", [firstPart, firstPart]],
  ["a third part", [firstPart, frame(OPCODE.continuation, NOTHING, { isLast: false })]],
  ["text of more than an acknowledgement", [frame(OPCODE.text, new Uint8Array(126))]],
  ["text in parts", [frame(OPCODE.text, NOTHING, { isLast: false })]],
  ["a message over the limit", [frame(OPCODE.binary, new Uint8Array(MESSAGE_BYTES_MAX + 1))]],
  [
    "parts that are over the limit together",
    [
      frame(OPCODE.binary, new Uint8Array(MESSAGE_BYTES_MAX - 9), { isLast: false }),
      frame(OPCODE.continuation, new Uint8Array(10)),
    ],
  ],
])("%s is a violation", (_, sent) => {
  const { frames } = reader();
  expect(() => {
    for (const bytes of sent) frames.push(bytes);
  }).toThrow(expect.objectContaining({ code: "PROTOCOL_VIOLATION" }));
});

test("a message of which only the size is known takes no memory above the limit", () => {
  const { frames } = reader({ allocateTail: () => expect.fail("memory was made") });
  const head = frameHead(OPCODE.binary, 2 ** 40, { isLast: true, isMasked: false });
  expect(() => frames.push(head)).toThrow("over 300000 bytes");
});

test("random bytes are understood or refused, and nothing else", () => {
  for (let seed = 0; seed < 500; seed++) {
    const prng = new Prng(seed);
    const { frames } = reader({ isMasked: prng.below(2) === 0 });
    try {
      feed(frames, random(prng, 1 + prng.below(300)), prng);
    } catch (error) {
      expect(MeshError.is(error) && error.code).toBe("PROTOCOL_VIOLATION");
    }
  }
});
