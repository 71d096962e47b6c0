import { expect, test } from "vitest";
import { judgeCandidates } from "./webrtc-checks.ts";

const kinds = (host: number, srflx: number, relay: number) =>
  new Map([
    ["host", host],
    ["srflx", srflx],
    ["relay", relay],
  ]);
const STUN = "stun:stun.example.org";
const TURN = "turn:turn.example.org";

test.each([
  { servers: [], found: kinds(2, 0, 0), says: /^good: 2 addresses .* names no STUN/ },
  { servers: [STUN], found: kinds(1, 1, 0), says: /^good: 1 address in/ },
  { servers: [STUN], found: kinds(1, 0, 0), says: /^warn: .* STUN server did not answer/ },
  { servers: [STUN, TURN], found: kinds(1, 1, 0), says: /^warn: .* TURN server did not answer/ },
  { servers: [TURN], found: kinds(0, 0, 1), says: /^good: .* 1 at TURN/ },
  { servers: [], found: kinds(0, 0, 0), says: /^bad: .* hides all addresses/ },
])("with the servers $servers the candidates say $says", ({ servers, found, says }) => {
  const { tone, text, next = "" } = judgeCandidates(found, servers);
  expect(`${tone}: ${text} ${next}`).toMatch(says);
});
