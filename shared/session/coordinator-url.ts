import { MeshError } from "../errors.ts";

/**
 * The address of a coordinator, as somebody gave it.
 * @throws MeshError `INVALID_ARGUMENT` unless it is an http or https URL.
 */
export function coordinatorUrl(given: string | undefined): URL {
  try {
    const url = new URL(given ?? "");
    if (url.protocol === "http:" || url.protocol === "https:") return url;
  } catch {
    // Said below.
  }
  throw new MeshError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(given)} is not the URL of a coordinator, such as http://127.0.0.1:7777`,
  );
}
