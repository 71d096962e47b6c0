import { MeshError } from "../shared/errors.ts";
import type { Welcome } from "../shared/protocol/messages.ts";

type IceServer = Welcome["iceServers"][number];

const SCHEMES = ["stun", "stuns", "turn", "turns"];
/** What a welcome has room for. */
const SERVERS_MAX = 16;

/**
 * STUN and TURN servers as people write them: `stun:host:port`, and `turn:user:password@host:port`
 * with a user because TURN servers want one. `?transport=tcp` may follow. A user or password with
 * special characters is percent-encoded, as in any URL.
 *
 * @throws MeshError `INVALID_ARGUMENT` that says what is wrong with which server.
 */
export function parseIceServers(texts: readonly string[]): IceServer[] {
  if (texts.length > SERVERS_MAX) {
    const message = `${texts.length} ICE servers are too many; peers try all of them, so name at most ${SERVERS_MAX}`;
    throw new MeshError("INVALID_ARGUMENT", message);
  }
  return texts.map((text) => parse(text));
}

function parse(text: string): IceServer {
  const [, scheme = "", login, address = ""] = /^([a-z]+):(?:(.*)@)?([^@]+)$/.exec(text) ?? [];
  // The login is not repeated: what is wrong may be printed where others read it.
  const bad = (why: string) =>
    new MeshError(
      "INVALID_ARGUMENT",
      `${JSON.stringify(`${scheme || "?"}:${address}`)} is not an ICE server: ${why}; write stun:host:port or turn:user:password@host:port`,
    );
  if (!SCHEMES.includes(scheme)) throw bad(`it must begin with ${SCHEMES.join(", ")}`);
  if (!/^[^/?\s]+(\?transport=(udp|tcp))?$/.test(address)) throw bad("the address is malformed");
  const urls = [`${scheme}:${address}`];
  if (!scheme.startsWith("turn")) {
    if (login !== undefined) throw bad("a STUN server takes no user");
    return { urls };
  }
  const [username, ...password] = (login ?? "").split(":");
  if (!username || password.length === 0) throw bad("a TURN server needs a user and a password");
  return {
    urls,
    username: decoded(username, bad),
    credential: decoded(password.join(":"), bad),
  };
}

function decoded(text: string, bad: (why: string) => MeshError): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad("the user or password has a % that encodes nothing");
  }
}
