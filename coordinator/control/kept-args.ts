/** Encoded arguments while their task waits. */
export type KeptArgs = string | Uint8Array<ArrayBuffer>;

/** Longer ones are kept as they came: the less of what they take is the array's own. */
const TEXT_BYTES_MAX = 96;

/**
 * Short arguments as a text of one character a byte. An array of bytes takes 184 bytes more than
 * what is in it, which is more than all else that is kept of most waiting tasks' submissions.
 */
export const keepArgs = (args: KeptArgs): KeptArgs =>
  typeof args === "string" || args.byteLength > TEXT_BYTES_MAX
    ? args
    : String.fromCharCode.apply(undefined, args as unknown as number[]);

/** The bytes again. */
export function argsOf(kept: KeptArgs): Uint8Array<ArrayBuffer> {
  if (typeof kept !== "string") return kept;
  const args = new Uint8Array(kept.length);
  for (let i = 0; i < kept.length; i++) args[i] = kept.charCodeAt(i);
  return args;
}

export const sizeOfArgs = (kept: KeptArgs): number =>
  typeof kept === "string" ? kept.length : kept.byteLength;
