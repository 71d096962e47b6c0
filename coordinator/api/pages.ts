import { existsSync, readFileSync } from "node:fs";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { MeshError } from "../../shared/errors.ts";

/** Folders of what `npm run build` made for browsers. */
export interface BuiltFiles {
  /** `contribute/index.html` and so on for each page, and `assets/`. */
  readonly pages: string;
  /** `manta.js`: the SDK as one module. */
  readonly sdk: string;
  /** The cage's scripts and tfjs with its wasm binaries. */
  readonly cage: string;
}

const PAGES = ["contribute", "dashboard", "console", "diagnose"] as const;

/** Serve the pages. They are public; what they can do depends on the token they are opened with. */
export function servePages(files: BuiltFiles): Hono {
  const app = new Hono();
  app.get("/", (c) => c.redirect("/dashboard"));
  for (const page of PAGES) {
    app.get(`/${page}/`, (c) => c.redirect(`/${page}`));
    app.get(`/${page}`, (c, next) => {
      if (!existsSync(`${files.pages}/${page}/index.html`)) {
        throw new MeshError("NOT_FOUND", `the ${page} page is not built; run: npm run build`);
      }
      // A page that frames us could make a visitor press Start.
      c.header("Content-Security-Policy", "frame-ancestors 'none'; object-src 'none'");
      return serveStatic({ root: files.pages, path: `${page}/index.html` })(c, next);
    });
  }
  if (existsSync(files.pages)) app.get("/assets/*", serveStatic({ root: files.pages }));
  if (existsSync(files.sdk)) {
    app.get("/manta.js", serveStatic({ root: files.sdk, path: "manta.js" }));
  }
  if (existsSync(`${files.cage}/headers.json`)) {
    const inside = (path: string) => path.slice("/cage".length);
    const walls = cageHeaders(files.cage);
    app.get("/cage/cage.html", async (c, next) => {
      await next();
      for (const [name, value] of walls) c.header(name, value);
    });
    app.get("/cage/*", serveStatic({ root: files.cage, rewriteRequestPath: inside }));
  }
  return app;
}

/** The headers that make the cage a cage: written by its build, because they name its script. */
function cageHeaders(folder: string): [string, string][] {
  const file = `${folder}/headers.json`;
  return Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, string>);
}
