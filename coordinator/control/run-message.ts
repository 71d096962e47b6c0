import type { CallableId, TaskId } from "../../shared/ids.ts";
import type { Run } from "../../shared/protocol/messages.ts";
import type { DirectoryState } from "../directory/types.ts";
import { freed, objectStateOf } from "./object-state.ts";
import type { Payload } from "./types.ts";

/** The order that makes a worker run an attempt, with what is known now of its arguments. */
export function runMessage(
  attempt: { readonly task: TaskId; readonly attempt: number; readonly callable: CallableId },
  { args, dependencies }: Payload,
  directory: DirectoryState,
): { readonly message: Run; readonly valueBytes: number } {
  const message: Run = { type: "run", ...attempt, args };
  if (dependencies.length === 0) return { message, valueBytes: args.byteLength };
  message.dependencies = dependencies.map((object) => {
    const record = directory.objects.get(object);
    return record ? objectStateOf(record) : { object, error: freed(object) };
  });
  const inlineBytes = message.dependencies.reduce(
    (sum, { inline }) => sum + (inline?.byteLength ?? 0),
    0,
  );
  return { message, valueBytes: args.byteLength + inlineBytes };
}
