import type { SpillDevice } from "./spill-device.ts";

/** One thing that every spill device does. They run in Vitest, and in a page, which has no `expect`. */
export interface SpillContractCase {
  readonly name: string;
  /** @throws Error that says what the device did instead. */
  run(device: SpillDevice): Promise<void>;
}

const KIB = 1024;

/** Bytes that depend on their place: a piece from elsewhere would be noticed. */
const pattern = (sizeBytes: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) % 251);

export const spillContract: readonly SpillContractCase[] = [
  {
    name: "gives back what was written, whole and in pieces, of several objects in one file",
    async run(device) {
      const parts = [pattern(300 * KIB, 1), pattern(1, 2), pattern(64 * KIB + 3, 3)];
      const places = await device.write(parts);
      for (const [i, part] of parts.entries()) {
        const whole = new Uint8Array(part.byteLength);
        await device.read(places[i]!, 0, whole);
        expectSame(whole, part, `object ${i}`);
      }
      const piece = new Uint8Array(1_000);
      await device.read(places[2]!, 60_000, piece);
      expectSame(piece, parts[2]!.subarray(60_000, 61_000), "a piece");
    },
  },
  {
    name: "keeps the rest of a file when one of its places is erased",
    async run(device) {
      const parts = [pattern(50 * KIB, 4), pattern(50 * KIB, 5)];
      const [first, second] = await device.write(parts);
      device.erase(first!);
      const bytes = new Uint8Array(50 * KIB);
      await device.read(second!, 0, bytes);
      expectSame(bytes, parts[1]!, "the second object");
      device.erase(second!);
    },
  },
  {
    name: "writes and reads at the same time",
    async run(device) {
      const all = Array.from({ length: 6 }, (_, i) => pattern(100 * KIB + i, i));
      await Promise.all(
        all.map(async (part) => {
          const [place] = await device.write([part]);
          const bytes = new Uint8Array(part.byteLength);
          await device.read(place!, 0, bytes);
          expectSame(bytes, part, `object of ${part.byteLength} bytes`);
        }),
      );
    },
  },
  {
    name: "fails to read what was erased, instead of giving something else",
    async run(device) {
      const [place] = await device.write([pattern(10 * KIB, 6)]);
      device.erase(place!);
      await device.write([pattern(10 * KIB, 7)]);
      const bytes = new Uint8Array(10 * KIB);
      const outcome = await device.read(place!, 0, bytes).then(
        () => "it was read",
        () => "failed",
      );
      if (outcome !== "failed") throw new Error("a place that was erased can still be read");
    },
  },
];

function expectSame(got: Uint8Array, wanted: Uint8Array, what: string): void {
  const at = wanted.findIndex((byte, i) => got[i] !== byte);
  if (at < 0 && got.byteLength === wanted.byteLength) return;
  throw new Error(`${what} differs from byte ${at} on, or has ${got.byteLength} bytes`);
}
