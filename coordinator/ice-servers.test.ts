import { expect, test } from "vitest";
import { parseIceServers } from "./ice-servers.ts";

test("STUN and TURN servers are read as people write them", () => {
  expect(
    parseIceServers([
      "stun:stun.example.org:3478",
      "turn:alice:s%40cr:et@turn.example.org:3478?transport=tcp",
      "turns:bob:x@[2001:db8::1]:5349",
    ]),
  ).toEqual([
    { urls: ["stun:stun.example.org:3478"] },
    {
      urls: ["turn:turn.example.org:3478?transport=tcp"],
      username: "alice",
      credential: "s@cr:et",
    },
    { urls: ["turns:[2001:db8::1]:5349"], username: "bob", credential: "x" },
  ]);
});

test.each([
  ["http://stun.example.org", /must begin with stun/],
  ["stun.example.org:3478", /must begin with stun/],
  ["stun:user:password@host", /takes no user/],
  ["turn:turn.example.org", /needs a user and a password/],
  ["turn:alice@turn.example.org", /needs a user and a password/],
  ["turn:a:%zz@host", /encodes nothing/],
  ["stun:two words", /malformed/],
])("%s is refused, and the error says why", (text, why) => {
  expect(() => parseIceServers([text])).toThrow(why);
});

test("a password is not repeated in the error", () => {
  expect(() => parseIceServers(["turn:secret@turn.example.org"])).toThrow(/^(?!.*secret)/);
});

test("more servers than a peer would try are refused", () => {
  expect(() => parseIceServers(Array.from({ length: 17 }, () => "stun:host"))).toThrow(
    /at most 16/,
  );
});
