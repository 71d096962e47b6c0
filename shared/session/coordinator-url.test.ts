import { expect, test } from "vitest";
import { coordinatorUrl } from "./coordinator-url.ts";

test("an address with a path or a page's fragment is its origin's coordinator", () => {
  const { origin, hostname } = coordinatorUrl("https://mesh.example.org:8443/contribute#token=x");
  expect({ origin, hostname }).toEqual({
    origin: "https://mesh.example.org:8443",
    hostname: "mesh.example.org",
  });
});

test.each([undefined, "", "nonsense", "127.0.0.1:7777", "ws://127.0.0.1:7777", "file:///etc"])(
  "%j is refused, by name",
  (given) => {
    expect(() => coordinatorUrl(given)).toThrow(`${JSON.stringify(given)} is not the URL`);
  },
);

test.each([
  ["ws://127.0.0.1:7777", "use http://127.0.0.1:7777"],
  ["wss://mesh.example.org", "use https://mesh.example.org"],
  ["localhost:7777", "use http://localhost:7777"],
])("%s: %s", (given, advice) => {
  expect(() => coordinatorUrl(given)).toThrow(advice);
});

test("a token in the place of the URL, or behind a wrong one, is not repeated", () => {
  for (const given of ["manta_submit_abc", "ws://127.0.0.1:7777/#token=manta_submit_abc"]) {
    expect(() => coordinatorUrl(given)).toThrow("is not the URL of a coordinator");
    expect(() => coordinatorUrl(given)).not.toThrow("manta_submit_abc");
  }
});
