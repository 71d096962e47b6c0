import { expect, test } from "vitest";
import { readArguments } from "./arguments.ts";

const token = { MANTA_TOKEN: "secret" };

test("the environment says where the mesh is, arguments win", () => {
  const environment = { ...token, MANTA_URL: "http://mesh:1" };
  expect(readArguments([], environment)).toMatchObject({ url: "http://mesh:1", token: "secret" });
  const given = readArguments(["--url", "http://other:2", "--token", "t"], environment);
  expect(given).toMatchObject({ url: "http://other:2", token: "t" });
});

test("amounts are read with their units", () => {
  const argv = ["--cpus", "1.5", "--gpus", "1", "--memory", "8GiB", "--store-bytes", "1000"];
  expect(readArguments(argv, token)).toMatchObject({
    capacity: { cpuMilli: 1_500, gpuMilli: 1_000, memoryBytes: 8 * 2 ** 30 },
    storeBytesMax: 1_000,
  });
});

test("resources of one's own are offered by name", () => {
  const argv = ["--resource", "lab=2", "--resource", "licence=0.5"];
  expect(readArguments(argv, token)).toMatchObject({
    capacity: { custom: { lab: 2_000, licence: 500 } },
  });
});

test("where and how much may be moved to disk", () => {
  const argv = ["--spill-dir", "/scratch", "--spill-bytes", "2TiB"];
  expect(readArguments(argv, token)).toMatchObject({
    spillDir: "/scratch",
    spillBytesMax: 2 * 2 ** 40,
  });
  expect(readArguments(["--spill-bytes", "0"], token)).toMatchObject({ spillBytesMax: 0 });
});

test("labels and switches", () => {
  const argv = ["--label", "zone=a", "--label", "disk=fast=1", "--no-webrtc", "--name", "w"];
  expect(readArguments(argv, token)).toMatchObject({
    labels: { zone: "a", disk: "fast=1" },
    webrtc: false,
    name: "w",
  });
});

test.each([
  [["--cpus", "many"], /--cpus takes a number from 0 to 1024, not "many"/],
  [["--memory", "8 elephants"], /--memory takes a size/],
  [["--label", "zone"], /--label takes KEY=VALUE/],
  [["--resource", "lab"], /--resource takes NAME=NUMBER, not "lab"/],
  [["--resource", "lab=some"], /--resource lab takes a number from 0 to 1000000, not "some"/],
  [["--resource", "CPU=4"], /--resource CPU is what --cpus says/],
  [["--unknown"], /--unknown/],
])("%j is refused in words", (argv, message) => {
  expect(() => readArguments(argv, token)).toThrow(message);
});

test("without a token it says where one comes from", () => {
  expect(() => readArguments([], {})).toThrow(/manta start/);
});
