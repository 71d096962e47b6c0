import { expect, test } from "vitest";
import { readCommandLine } from "./command-line.ts";

const OPTIONS = {
  port: { type: "string" },
  workers: { type: "string" },
  help: { type: "boolean" },
} as const;

test("options are read", () => {
  expect({ ...readCommandLine(["--port", "7", "--help"], OPTIONS) }).toEqual({
    port: "7",
    help: true,
  });
});

test.each([
  [["--prot", "7"], "there is no option --prot; did you mean --port?"],
  [["--worker=2"], "there is no option --worker; did you mean --workers?"],
  [["--colour"], "there is no option --colour"],
  [["7777"], '"7777" is not expected here: options begin with --'],
  [["--port"], "Option '--port <value>' argument missing"],
  [["--help=yes"], "Option '--help' does not take an argument"],
])("%j: %s", (argv, message) => {
  expect(() => readCommandLine(argv, OPTIONS)).toThrow(message);
});
