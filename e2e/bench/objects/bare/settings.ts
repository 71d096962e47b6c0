/** The size that every WebRTC stack takes, and the fastest or close to it on each. */
export const MESSAGE_BYTES = 64 * 1024;

/** Bytes queued in a channel before its sender waits, and where it goes on. */
export const HIGH_WATER_BYTES = 2 ** 20;
export const LOW_WATER_BYTES = HIGH_WATER_BYTES / 2;
