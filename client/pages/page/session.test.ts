import { expect, test } from "vitest";
import { type PageWindow, rememberToken, takeToken } from "./session.ts";

function tab(hash: string, storage = new Map<string, string>()) {
  const urls: string[] = [];
  const window: PageWindow = {
    location: { hash, pathname: "/contribute", search: "?start=1" },
    history: { replaceState: (_data, _unused, url) => void urls.push(url) },
    sessionStorage: {
      getItem: (key) => storage.get(key) ?? null,
      setItem: (key, value) => void storage.set(key, value),
    },
  };
  return { window, storage, urls };
}

test("a token in the fragment is kept for the tab and leaves the address bar", () => {
  const { window, storage, urls } = tab("#token=abc%2B1");
  expect(takeToken("contribute", window)).toBe("abc+1");
  expect(urls).toEqual(["/contribute?start=1"]);
  expect(storage.get("manta-token")).toBe("abc+1");
});

test("without a fragment the tab's earlier token serves, and the address bar stays", () => {
  const { window, urls } = tab("", new Map([["manta-token", "earlier"]]));
  expect(takeToken("dashboard", window)).toBe("earlier");
  expect(urls).toEqual([]);
});

test("each page keeps its own token, and the SDK finds the one of the page that is open", () => {
  const { window, storage } = tab("");
  rememberToken("console", "submit", window);
  rememberToken("contribute", "contribute", window);
  expect(takeToken("console", window)).toBe("submit");
  expect(storage.get("manta-token")).toBe("submit");
});

test("no token at all is said, not guessed", () => {
  expect(takeToken("contribute", tab("#token=").window)).toBeUndefined();
});
