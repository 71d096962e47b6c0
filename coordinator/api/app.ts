import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { MeshError, type ErrorCode } from "../../shared/errors.ts";
import type { Clock } from "../../shared/clock.ts";
import type { ObjectId } from "../../shared/ids.ts";
import { ID_CHARS_MAX, PACKAGE_BYTES_MAX } from "../../shared/protocol/limits.ts";
import { toWireError } from "../../shared/protocol/wire-error.ts";
import type { ControlPlane } from "../control/control-plane.ts";
import { explain } from "../control/explain-object.ts";
import { describeMesh } from "../control/queries.ts";
import type { OriginPolicy } from "../gateway/origin.ts";
import { TOKEN_ROLES, type TokenRole, type Tokens } from "../gateway/tokens.ts";
import { drainWorker } from "./drain-worker.ts";
import type { Metrics } from "./metrics.ts";
import type { PackageStore } from "./package-store.ts";

export interface ApiDependencies {
  readonly plane: ControlPlane;
  readonly tokens: Tokens;
  readonly origins: OriginPolicy;
  readonly packages: PackageStore;
  readonly metrics: Metrics;
  readonly version: string;
  readonly clock: Clock;
  /** Hears of bugs; the caller learns nothing about our insides. */
  report(bug: unknown): void;
}

const mintRequest = Type.Object({
  role: Type.Enum([...TOKEN_ROLES]),
  /** Seconds; without it the token is good as long as the coordinator runs. */
  validS: Type.Optional(Type.Number({ minimum: 1, maximum: 31_536_000 })),
});
const isMintRequest = Compile(mintRequest);

/** For a request that says next to nothing. */
const smallBody = bodyLimit({ maxSize: 1_024 });

const HTTP_STATUS: Partial<Record<ErrorCode, 400 | 401 | 403 | 404 | 413 | 429 | 503>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  OBJECT_TOO_LARGE: 413,
  QUOTA_EXCEEDED: 429,
  STORE_FULL: 503,
};

/** The coordinator's HTTP API. Routes stay in one chain, so that clients can infer their types. */
export function createApi(dependencies: ApiDependencies) {
  const { plane, origins, packages, metrics, tokens, version } = dependencies;
  const allow = (c: Context, roles: readonly TokenRole[]) =>
    tokens.require(bearer(c.req.header("authorization")), roles);
  const look = (c: Context) => allow(c, TOKEN_ROLES);

  return new Hono()
    .use(async (c, next) => {
      const origin = c.req.header("origin");
      origins.check({ host: c.req.header("host"), origin });
      c.header("X-Content-Type-Options", "nosniff");
      c.header("Referrer-Policy", "no-referrer");
      if (origin && origins.allows(origin)) {
        c.header("Access-Control-Allow-Origin", origin);
        c.header("Access-Control-Allow-Headers", "authorization, content-type");
        c.header("Access-Control-Allow-Methods", "GET, PUT, POST");
        c.header("Vary", "Origin");
        if (c.req.method === "OPTIONS") return c.body(null, 204);
      }
      await next();
      return undefined;
    })
    .get("/healthz", (c) => {
      const workers = plane.scheduler.workers.size;
      return c.json({ status: "ok", version, workers });
    })
    .get("/metrics", async (c) => {
      look(c);
      return c.text(await metrics.text(), 200, { "Content-Type": metrics.contentType });
    })
    .get("/v1/state", (c) => {
      look(c);
      return c.json(describeMesh(plane));
    })
    .get("/v1/explain/:id", (c) => {
      look(c);
      return c.json(explain(plane, c.req.param("id").slice(0, ID_CHARS_MAX) as ObjectId));
    })
    .post("/v1/tokens", async (c) => {
      allow(c, []);
      const request: unknown = await c.req.json().catch(() => undefined);
      if (!isMintRequest.Check(request)) {
        const [first] = isMintRequest.Errors(request);
        const what = `${first?.instancePath ?? ""} ${first?.message ?? "malformed"}`;
        throw new MeshError("INVALID_ARGUMENT", `the body must be { role, validS? }: ${what}`);
      }
      return c.json({ token: mint(tokens, request) }, 201);
    })
    .post("/v1/workers/:id/drain", smallBody, (c) => drainWorker(c, dependencies, allow))
    .put("/v1/packages/:sha256", bodyLimit({ maxSize: PACKAGE_BYTES_MAX }), async (c) => {
      allow(c, ["submit"]);
      packages.put(c.req.param("sha256"), new Uint8Array(await c.req.arrayBuffer()));
      return c.body(null, 204);
    })
    .get("/v1/packages/:sha256", (c) => {
      look(c);
      const bytes = packages.get(c.req.param("sha256"));
      return c.body(bytes, 200, {
        "Content-Type": "text/javascript; charset=utf-8",
        "Cache-Control": "private, max-age=31536000, immutable",
      });
    })
    .onError((error, c) => {
      if (MeshError.is(error)) {
        return c.json(toWireError(error), HTTP_STATUS[error.code] ?? 400);
      }
      dependencies.report(error);
      return c.json({ code: "INTERNAL", message: "internal error; the operator was told" }, 500);
    });
}

export type ApiType = ReturnType<typeof createApi>;

const mint = (tokens: Tokens, { role, validS }: Static<typeof mintRequest>): string =>
  tokens.mint(role, validS === undefined ? undefined : validS * 1000);

const bearer = (header: string | undefined): string | undefined =>
  header?.startsWith("Bearer ") ? header.slice("Bearer ".length) : undefined;
