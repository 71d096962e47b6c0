import Type, { type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import type { JobId } from "../ids.ts";
import {
  DETAIL_CHARS_MAX,
  DETAIL_KEY_CHARS_MAX,
  DETAILS_MAX,
  ERROR_NAME_CHARS_MAX,
  ERROR_TEXT_CHARS_MAX,
  ID_CHARS_MAX,
  ID_PATTERN,
  REFS_PER_MESSAGE_MAX,
  SELECTOR_CHARS_MAX,
  STACK_CHARS_MAX,
  THROWN_BYTES_MAX,
} from "./limits.ts";
import { SELECTOR_PATTERN } from "./label-selectors.ts";

/**
 * The field types that messages are made of. Each is bounded, so that a message that passed its
 * check can be trusted without further looks.
 */

export const id = <T extends string>() =>
  Type.Unsafe<T>(Type.String({ minLength: 1, maxLength: ID_CHARS_MAX, pattern: ID_PATTERN }));

export const ids = <T extends string>() => Type.Array(id<T>(), { maxItems: REFS_PER_MESSAGE_MAX });

export const bytes = (bytesMax: number) =>
  Type.Refine(
    Type.Unsafe<Uint8Array<ArrayBuffer>>({}),
    (value) => value instanceof Uint8Array && value.byteLength <= bytesMax,
    () => `must be at most ${bytesMax} bytes`,
  );

export const text = (charsMax: number) => Type.String({ maxLength: charsMax });
/** Keys of records: TypeBox looks at a key's pattern only, so the bound is in the pattern. */
const key = Type.String({ pattern: `^[^]{1,${DETAIL_KEY_CHARS_MAX}}$` });
export const count = (max: number) => Type.Integer({ minimum: 0, maximum: max });
export const sizeBytes = count(2 ** 53 - 1);
export const milliseconds = Type.Number({ minimum: 0, maximum: 31_536_000_000 });

export const wireError = Type.Object({
  code: Type.Unsafe<ErrorCode>(Type.Enum(Object.keys(ERROR_CODES))),
  message: text(ERROR_TEXT_CHARS_MAX),
  details: Type.Optional(
    Type.Record(key, Type.Union([text(DETAIL_CHARS_MAX), Type.Number()]), {
      maxProperties: DETAILS_MAX,
      additionalProperties: false,
    }),
  ),
  /**
   * The user's own error behind this one: its name, message and the stack where it was thrown; in
   * `thrown` what else there is to it, see thrown.ts.
   */
  cause: Type.Optional(
    Type.Object({
      name: text(ERROR_NAME_CHARS_MAX),
      message: text(ERROR_TEXT_CHARS_MAX),
      stack: Type.Optional(text(STACK_CHARS_MAX)),
      thrown: Type.Optional(bytes(THROWN_BYTES_MAX)),
    }),
  ),
});
export type WireError = Static<typeof wireError>;

/** Who may read an object: whoever knows the key of its job (tickets.ts). */
export const jobKey = Type.Object({ job: id<JobId>(), key: bytes(32) });
export type JobKey = Static<typeof jobKey>;

/** Integer amounts, so that sums compare exactly. Thousandths, except bytes. */
export const demands = Type.Object({
  cpuMilli: count(1_024_000),
  gpuMilli: count(64_000),
  memoryBytes: sizeBytes,
  custom: Type.Optional(
    Type.Record(key, count(2 ** 40), { maxProperties: 32, additionalProperties: false }),
  ),
});
export type Demands = Static<typeof demands>;

export const labels = Type.Record(key, text(256), {
  maxProperties: 32,
  additionalProperties: false,
});
export type Labels = Static<typeof labels>;

/** What a worker's labels must be; see label-selectors.ts. */
export const labelSelectors = Type.Record(
  key,
  Type.String({ maxLength: SELECTOR_CHARS_MAX, pattern: SELECTOR_PATTERN }),
  { maxProperties: 32, additionalProperties: false },
);

/** Turn a table of schemas, one per message type, into one compiled check. */
export function messageCheck<Schemas extends Record<string, TSchema>>(schemas: Schemas) {
  const compiled = new Map(
    Object.entries(schemas).map(([type, schema]) => [type, Compile(schema)]),
  );
  return {
    schemas,
    /** Whether `message` is one of the table, exactly. */
    accepts(message: unknown): message is Static<Schemas[keyof Schemas]> {
      if (typeof message !== "object" || message === null || !("type" in message)) return false;
      return compiled.get(message.type as string)?.Check(message) ?? false;
    },
    /** For people: what is wrong with a message that was not accepted. */
    complaint(message: unknown): string {
      const type = (message as { type?: unknown } | null)?.type;
      const check = typeof type === "string" ? compiled.get(type) : undefined;
      if (!check) {
        // Anything may stand there, also what cannot be shown.
        const shown = typeof type === "string" ? JSON.stringify(type.slice(0, 80)) : typeof type;
        return `no message of type ${shown} is allowed here`;
      }
      const [first] = check.Errors(message);
      return `${String(type)}${first ? `${first.instancePath} ${first.message}` : " is malformed"}`;
    },
  };
}
