import { MeshError } from "../../shared/errors.ts";
import {
  aNumber,
  aSwitch,
  aText,
  aWholeNumber,
  checkOptions,
  type OptionChecks,
} from "../../shared/driver/option-checks.ts";
import { WEIGHT_MAX, WEIGHT_MIN } from "../../shared/protocol/limits.ts";
import type { ConnectOptions } from "./connect.ts";

/** The arguments of `connect`: `(url?, options?)` or `(options)`. */
export type DriverTarget = readonly [
  given?: string | URL | ConnectOptions | undefined,
  more?: ConnectOptions | undefined,
];

const TIMEOUT_MS_MAX = 2 ** 31 - 1;

export const CONNECT_CHECKS: OptionChecks<ConnectOptions> = {
  url: aText(2_048),
  token: aText(),
  name: aText(),
  weight: aNumber(WEIGHT_MIN, WEIGHT_MAX),
  storeBytesMax: aWholeNumber(0, Number.MAX_SAFE_INTEGER, "a number of bytes"),
  spillDir: aText(4_096),
  webrtc: aSwitch,
  listenHost: aText(),
  timeoutMs: aNumber(1, TIMEOUT_MS_MAX, "a number of milliseconds"),
};

/**
 * What the arguments of `connect` say.
 * @throws MeshError `INVALID_ARGUMENT` naming what is wrong, without quoting what may be a token.
 */
export function readTarget([given, more]: DriverTarget): ConnectOptions {
  if (given === undefined || typeof given === "string" || given instanceof URL) {
    const options = more ?? {};
    checkOptions<ConnectOptions>("connect()", options, CONNECT_CHECKS);
    if (given === undefined) return options;
    if (options.url !== undefined) {
      throw new MeshError("INVALID_ARGUMENT", "connect() was given two URLs; which one is it?");
    }
    return { ...options, url: String(given) };
  }
  checkOptions<ConnectOptions>("connect()", given, CONNECT_CHECKS);
  if (more === undefined) return given;
  throw new MeshError("INVALID_ARGUMENT", "connect() takes connect(url, options), or one object");
}

/** Pages of the mesh are opened with a token behind the `#`, and people copy such addresses. */
export const tokenIn = (url: URL): string | undefined =>
  new URLSearchParams(url.hash.slice(1)).get("token") ?? undefined;
