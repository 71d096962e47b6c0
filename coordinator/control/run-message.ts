import type { CallableId, ObjectId, TaskId } from "../../shared/ids.ts";
import type { Run } from "../../shared/protocol/messages.ts";
import type { DirectoryState } from "../directory/types.ts";
import { argsOf } from "./kept-args.ts";
import type { Items } from "./items.ts";
import { freed } from "./object-state.ts";
import type { Sharing } from "./sharing.ts";
import type { Payload } from "./types.ts";

/** Values of arguments that ride along with one order. A message is never split, so it is bounded. */
const INLINE_BYTES_PER_RUN_MAX = 2 ** 20;

interface RunSources {
  readonly directory: DirectoryState;
  readonly sharing: Sharing;
  readonly items: Items;
}

/** The order that makes a worker run an attempt, with what is known now of its arguments. */
export function runMessage(
  attempt: { readonly task: TaskId; readonly attempt: number; readonly callable: CallableId },
  payload: Payload,
  state: ObjectId | undefined,
  { directory, sharing, items }: RunSources,
): { readonly message: Run; readonly valueBytes: number } {
  const args = argsOf(payload.args);
  const { dependencies: ofCall } = payload;
  // One shape for all that are simple: the encoder knows it by sight.
  const message: Run = {
    type: "run",
    task: attempt.task,
    attempt: attempt.attempt,
    callable: attempt.callable,
    args,
  };
  const itemOrder = items.orderOf(attempt.task, attempt.attempt);
  if (itemOrder) message.items = itemOrder;
  const dependencies = state ? [...ofCall, state] : ofCall;
  if (state) message.restores = true;
  if (dependencies.length === 0) return { message, valueBytes: args.byteLength };
  let inlineBytes = 0;
  message.dependencies = dependencies.map((object) => {
    const record = directory.objects.get(object);
    if (!record) return { object, error: freed(object) };
    inlineBytes += record.inline?.byteLength ?? 0;
    // The worker asks for the rest, one by one.
    return inlineBytes <= INLINE_BYTES_PER_RUN_MAX ? sharing.stateOf(record) : { object };
  });
  return { message, valueBytes: args.byteLength + Math.min(inlineBytes, INLINE_BYTES_PER_RUN_MAX) };
}
