import type { CloseReason } from "./transport.ts";

/** A code keeps its number for ever: index n is WebSocket close code 4000 + n. */
const CODES = [
  "done",
  "peer-left",
  "protocol-violation",
  "refused",
  "timeout",
  "failed",
] as const satisfies readonly CloseReason["code"][];

const FIRST_CLOSE_CODE = 4000;
/** What fits into a WebSocket close frame beside the code. */
const CLOSE_TEXT_BYTES_MAX = 123;

/** The reason as one line of text. */
export function reasonToText({ code, detail }: CloseReason, charsMax = 256): string {
  return (detail ? `${code}: ${detail}` : code).slice(0, charsMax);
}

/** Reads what {@link reasonToText} wrote. Anything else is `peer-left`: it did end the connection. */
export function textToReason(text: string): CloseReason {
  const [head = "", ...rest] = text.split(": ");
  const code = CODES.find((known) => known === head);
  if (!code) return { code: "peer-left", detail: text.slice(0, 256) };
  return withDetail(code, rest.join(": "));
}

/** Code and text for `WebSocket.close`. */
export function reasonToSocketClose({ code, detail = "" }: CloseReason): [number, string] {
  let text = detail;
  while (new TextEncoder().encode(text).length > CLOSE_TEXT_BYTES_MAX) {
    text = text.slice(0, Math.min(CLOSE_TEXT_BYTES_MAX, text.length - 1));
  }
  return [FIRST_CLOSE_CODE + CODES.indexOf(code), text];
}

/** Reads what the close event of a WebSocket says, from any kind of server or browser. */
export function socketCloseToReason(closeCode: number, text: string): CloseReason {
  const code = CODES[closeCode - FIRST_CLOSE_CODE];
  if (code) return withDetail(code, text);
  if (closeCode === 1000) return withDetail("done", text);
  const isViolation = [1002, 1003, 1007, 1008, 1009].includes(closeCode);
  const detail = `WebSocket closed with ${closeCode}${text && `: ${text}`}`;
  return { code: isViolation ? "protocol-violation" : "peer-left", detail };
}

const withDetail = (code: CloseReason["code"], detail: string): CloseReason =>
  detail ? { code, detail } : { code };
