/** Where the SDK's `connect()` looks for a token when it runs in a page. */
const SHARED_KEY = "manta-token";

export type PageName = "contribute" | "dashboard" | "console" | "diagnose";

/** What this module needs of `window`, so that it can be tested without one. */
export interface PageWindow {
  readonly location: { readonly hash: string; readonly pathname: string; readonly search: string };
  readonly history: { replaceState(data: unknown, unused: string, url: string): void };
  readonly sessionStorage: {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
  };
}

/**
 * The token of this page: from `#token=`, else the one this tab had before. A fragment never
 * reaches a server or its log; it is taken out of the address bar so that a screenshot or a shared
 * link does not give it away. Pages need different roles, so each remembers its own token and falls
 * back to the tab's latest.
 */
export function takeToken(page: PageName, window: PageWindow): string | undefined {
  const { hash, pathname, search } = window.location;
  const token = new URLSearchParams(hash.slice(1)).get("token")?.trim();
  if (token) {
    window.history.replaceState(null, "", pathname + search);
    rememberToken(page, token, window);
    return token;
  }
  const remembered =
    window.sessionStorage.getItem(`${SHARED_KEY}:${page}`) ??
    window.sessionStorage.getItem(SHARED_KEY);
  if (remembered === null) return undefined;
  window.sessionStorage.setItem(SHARED_KEY, remembered);
  return remembered;
}

export function rememberToken(page: PageName, token: string, window: PageWindow): void {
  window.sessionStorage.setItem(`${SHARED_KEY}:${page}`, token);
  window.sessionStorage.setItem(SHARED_KEY, token);
}
