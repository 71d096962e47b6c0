/**
 * For programs that hold objects: glibc gives large blocks back to the system when they are freed.
 * Left to itself it raises the size at which it does so to that of the blocks it sees, and keeps what
 * is smaller: a worker that made 4 MiB objects held up to 200 MiB of freed ones (Node 20, glibc 2.36).
 * Other C libraries ignore it.
 */
export const memoryEnvironment = (): NodeJS.ProcessEnv => ({
  MALLOC_MMAP_THRESHOLD_: String(2 ** 20),
  ...process.env,
});
