/** Encode and decode small values, beside V8's own serialiser; and large arrays, per byte. */
import { deserialize, serialize } from "node:v8";
import { decodeValue, encodeValue } from "./codec.ts";

const ROUNDS = 5;
const SMALL_TURNS = 300_000;
const LARGE_TURNS = 10;

/** The best of a few rounds: what else the machine does only ever makes one slower. */
function nanoseconds(turns: number, turn: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    for (let i = 0; i < turns; i++) turn();
    best = Math.min(best, ((performance.now() - startedMs) / turns) * 1e6);
  }
  return best;
}

const values: Readonly<Record<string, unknown>> = {
  "4": 4,
  undefined,
  '{a:1,b:"x"}': { a: 1, b: "x" },
  "[1,2,3]": [1, 2, 3],
  "[0.5,'some text']": [0.5, "some text"],
  "100 records": Array.from({ length: 100 }, (_, id) => ({
    id,
    name: `item ${id}`,
    score: id / 7,
  })),
  "Float32Array(16)": new Float32Array(16),
};
for (const [name, value] of Object.entries(values)) {
  const turns = name === "100 records" ? SMALL_TURNS / 100 : SMALL_TURNS;
  const bytes = encodeValue(value).toBytes();
  const theirBytes = serialize(value);
  const encode = nanoseconds(turns, () => encodeValue(value).toBytes());
  const decode = nanoseconds(turns, () => decodeValue(bytes));
  const theirEncode = nanoseconds(turns, () => serialize(value));
  const theirDecode = nanoseconds(turns, () => deserialize(theirBytes));
  console.log(
    `${name}: ${bytes.length} bytes, ${encode.toFixed(0)} + ${decode.toFixed(0)} ns; ` +
      `v8 ${theirBytes.length} bytes, ${theirEncode.toFixed(0)} + ${theirDecode.toFixed(0)} ns`,
  );
}

const large = new Float32Array(16 * 2 ** 20).fill(1.5);
const target = new Uint8Array(encodeValue(large).byteLength);
const perSecond = (ns: number): string => `${(large.byteLength / ns).toFixed(1)} GB/s`;
const writeNs = nanoseconds(LARGE_TURNS, () => encodeValue(large).writeTo(target));
const bytesNs = nanoseconds(LARGE_TURNS, () => encodeValue(large).toBytes());
const decodeNs = nanoseconds(SMALL_TURNS / 10, () => decodeValue(target));
const copyNs = nanoseconds(LARGE_TURNS, () => target.set(new Uint8Array(large.buffer)));
const theirsNs = nanoseconds(LARGE_TURNS, () => serialize(large));
console.log(
  `64 MiB Float32Array: writeTo ${perSecond(writeNs)}, toBytes ${perSecond(bytesNs)}, ` +
    `bare copy ${perSecond(copyNs)}, v8.serialize ${perSecond(theirsNs)}, ` +
    `decode ${decodeNs.toFixed(0)} ns`,
);
