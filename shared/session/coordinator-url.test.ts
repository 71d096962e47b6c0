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
