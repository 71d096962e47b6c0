import type { Context } from "hono";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "../../shared/clock.ts";
import { MeshError } from "../../shared/errors.ts";
import { DRAIN_MS_MAX, ID_CHARS_MAX } from "../../shared/protocol/limits.ts";
import type { ControlPlane } from "../control/control-plane.ts";

const DRAIN_MS = 30_000;

const isDrainRequest = Compile(
  Type.Object({
    /** How long tasks that run may go on. */
    deadlineMs: Type.Optional(Type.Number({ minimum: 0, maximum: DRAIN_MS_MAX })),
  }),
);

interface Dependencies {
  readonly plane: ControlPlane;
  readonly clock: Clock;
}

/** `POST /v1/workers/:id/drain`: only an operator takes workers out. */
export async function drainWorker(
  c: Context,
  { plane, clock }: Dependencies,
  allow: (c: Context, roles: readonly never[]) => void,
): Promise<Response> {
  allow(c, []);
  const deadlineMs = deadlineIn(await c.req.text());
  const worker = (c.req.param("id") ?? "").slice(0, ID_CHARS_MAX);
  return c.json(plane.drain(worker, deadlineMs, clock.nowMs()), 202);
}

function deadlineIn(body: string): number {
  let request: unknown = {};
  try {
    if (body !== "") request = JSON.parse(body);
  } catch {
    request = undefined;
  }
  if (isDrainRequest.Check(request)) return request.deadlineMs ?? DRAIN_MS;
  const message = `the body must be empty or { deadlineMs }, of 0 to ${DRAIN_MS_MAX}`;
  throw new MeshError("INVALID_ARGUMENT", message);
}
