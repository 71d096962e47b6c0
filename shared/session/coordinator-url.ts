import { MeshError } from "../errors.ts";

/**
 * The address of a coordinator, as somebody gave it.
 * @throws MeshError `INVALID_ARGUMENT` unless it is an http or https URL. It quotes no more of it than
 *   an address has: people give a token where the URL belongs.
 */
export function coordinatorUrl(given: string | undefined): URL {
  let url: URL | undefined;
  try {
    url = new URL(given ?? "");
  } catch {
    // Said below.
  }
  if (url?.protocol === "http:" || url?.protocol === "https:") return url;
  const isToken = TOKEN.test(given ?? "");
  const what = isToken ? "a token" : JSON.stringify(given?.split("#")[0]);
  const advice = isToken ? "a token goes into { token }" : adviceFor(given ?? "", url);
  throw new MeshError("INVALID_ARGUMENT", `${what} is not the URL of a coordinator; ${advice}`);
}

const TOKEN = /^manta_\w+$/;
const HOST_AND_PORT = /^[\w.-]+:\d+/;

function adviceFor(given: string, url: URL | undefined): string {
  const socket = /^ws(s?):$/.exec(url?.protocol ?? "");
  if (socket) return `use http${socket[1]}://${url!.host}`;
  const [address] = HOST_AND_PORT.exec(given) ?? [];
  return address ? `use http://${address}` : "it looks like http://127.0.0.1:7777";
}
