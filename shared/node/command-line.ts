import { parseArgs, type ParseArgsConfig } from "node:util";
import { nearestName } from "../nearest-name.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Values<Known extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Known }>
>["values"];

/**
 * The options on a command line.
 * @throws Error that says in a line what is wrong with it, and what was probably meant.
 */
export function readCommandLine<const Known extends Options>(
  argv: readonly string[],
  options: Known,
): Values<Known> {
  try {
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new Error(explained(error as NodeJS.ErrnoException, Object.keys(options)), {
      cause: error,
    });
  }
}

function explained({ code, message }: NodeJS.ErrnoException, known: readonly string[]): string {
  const [, given = ""] = /'(?:-\w, )?([^' ]*)/.exec(message) ?? [];
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const meant = nearestName(given.replace(/^-+/, ""), known);
    return `there is no option ${given}${meant ? `; did you mean --${meant}?` : ""}`;
  }
  if (code === "ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL") {
    return `${JSON.stringify(given)} is not expected here: options begin with --`;
  }
  return message.split("\n")[0]!;
}
