import { mkdtemp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { spillContract } from "../objects/spill-contract.ts";
import { FileSpill } from "../objects/spill-files.ts";
import { NodeSpillFiles } from "./node-spill-files.ts";
import { removeLeftovers, SpillFolder } from "./spill-folder.ts";

let base: string;
let device: FileSpill;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "spill-test-"));
  device = new FileSpill(new NodeSpillFiles(new SpillFolder(base)));
});
afterEach(async () => {
  await device.close();
  await rm(base, { recursive: true, force: true });
});

for (const { name, run } of spillContract) test(name, () => run(device));

test("nothing is on disk before the first write, nor after close", async () => {
  expect(await readdir(base)).toEqual([]);
  await device.write([new Uint8Array(10)]);
  expect(await readdir(base)).toHaveLength(1);
  await device.close();
  expect(await readdir(base)).toEqual([]);
});

test("a file goes with the last of its objects", async () => {
  const [a, b] = await device.write([new Uint8Array(10), new Uint8Array(10)]);
  const [folder] = await readdir(base);
  device.erase(a!);
  expect(await readdir(join(base, folder!))).toHaveLength(1);
  device.erase(b!);
  await expect.poll(() => readdir(join(base, folder!))).toEqual([]);
});

test("shared memory is written and read as it is", async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(5_000)).fill(7);
  const [place] = await device.write([shared]);
  const target = new Uint8Array(new SharedArrayBuffer(5_000));
  await device.read(place!, 0, target);
  expect(target.every((byte) => byte === 7)).toBe(true);
});

test("a place that cannot be written to is named, with what to do", async () => {
  const file = join(base, "a-file");
  await writeFile(file, "");
  const broken = new FileSpill(new NodeSpillFiles(new SpillFolder(join(file, "below"))));
  await expect(broken.write([new Uint8Array(1)])).rejects.toThrow(/a-file.*--spill-dir/);
});

test("folders of processes that are gone are removed, those of living ones and of others stay", async () => {
  const host = hostname().replaceAll(/[^A-Za-z0-9.-]/g, "_");
  // No process has an id beyond the largest that a system gives.
  const gone = `manta-spill-${host},99999999,123,abc`;
  const reused = `manta-spill-${host},${process.pid},1,abc`;
  const elsewhere = `manta-spill-another-host,99999999,123,abc`;
  const strange = "manta-spill-something";
  for (const name of [gone, reused, elsewhere, strange]) await mkdir(join(base, name));
  await device.write([new Uint8Array(10)]);
  const own = (await readdir(base)).find(
    (name) => name.includes(`,${process.pid},`) && name !== reused,
  );
  await removeLeftovers(base);
  const left = await readdir(base);
  expect(left.sort()).toEqual(
    [elsewhere, own, strange, ...(process.platform === "linux" ? [] : [reused])].sort(),
  );
});

test("a place that is mended is written to: one failure is not for good", async () => {
  const file = join(base, "a-file");
  await writeFile(file, "");
  const spill = new FileSpill(new NodeSpillFiles(new SpillFolder(join(file, "below"))));
  await expect(spill.write([new Uint8Array(1)])).rejects.toThrow(/a-file/);
  await rm(file);
  await spill.write([new Uint8Array(1)]);
  expect(await readdir(join(file, "below"))).toHaveLength(1);
  await spill.close();
});
