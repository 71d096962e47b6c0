import { expect, test } from "vitest";
import { readTarget, tokenIn, type DriverTarget } from "./driver-target.ts";

const URL_OF_MESH = "http://127.0.0.1:7777";
const SECRET = "manta_submit_0123456789abcdef";

test.each<[string, DriverTarget, object]>([
  ["nothing", [], {}],
  ["a URL", [URL_OF_MESH], { url: URL_OF_MESH }],
  ["a URL and options", [URL_OF_MESH, { name: "a" }], { url: URL_OF_MESH, name: "a" }],
  ["a URL object", [new URL(URL_OF_MESH)], { url: `${URL_OF_MESH}/` }],
  ["options alone", [{ token: SECRET }], { token: SECRET }],
  ["options with a URL", [{ url: URL_OF_MESH, token: "t" }], { url: URL_OF_MESH, token: "t" }],
  ["no URL, but options", [undefined, { token: "t" }], { token: "t" }],
])("connect takes %s", (_, target, read) => {
  expect(readTarget(target)).toEqual(read);
});

test.each<[unknown[], string]>([
  [[{ tokne: SECRET }], "connect() has no option tokne. Did you mean token?"],
  [[URL_OF_MESH, { tokne: SECRET }], "Did you mean token?"],
  [[URL_OF_MESH, { token: 5 }], "option token of connect() must be a text of at most 1024 letters"],
  [[URL_OF_MESH, SECRET], "the options of connect() must be an object such as { url }, not a text"],
  [[5], "must be an object such as { url }, not 5"],
  [[null], "must be an object such as { url }, not null"],
  [[{ url: URL_OF_MESH }, { token: SECRET }], "or one object"],
  [[URL_OF_MESH, { url: URL_OF_MESH }], "two URLs"],
  [[{ timeoutMs: "1" }], "option timeoutMs of connect() must be a number of milliseconds"],
  [[{ webrtc: 1 }], "option webrtc of connect() must be true or false, not 1"],
])("connect(%j) is refused with advice and without its secrets", (target, message) => {
  let said = "";
  try {
    readTarget(target as unknown as DriverTarget);
  } catch (error) {
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    said = (error as Error).message;
  }
  expect(said).toContain(message);
  expect(said).not.toContain(SECRET);
});

test("an address that a page of the mesh was opened with brings its token", () => {
  expect(tokenIn(new URL(`${URL_OF_MESH}/console#token=${SECRET}`))).toBe(SECRET);
  expect(tokenIn(new URL(URL_OF_MESH))).toBeUndefined();
});
