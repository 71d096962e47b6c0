/**
 * What browsers' and npm packages' sockets, channels and ports have in common, so that one transport
 * serves both: events by `addEventListener`.
 */
export interface EventSourceLike {
  addEventListener(type: string, listener: (event: { readonly type: string }) => void): void;
}

/** The `data` of a message event. */
export const dataOf = (event: object): unknown => (event as { data?: unknown }).data;
