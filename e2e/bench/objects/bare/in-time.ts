/** How long a bare end may take for anything: it is broken if it takes longer. */
const ANSWER_MS_MAX = 30_000;

/** @throws Error that says what did not come. */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () => reject(new Error(`${what} did not come within ${ANSWER_MS_MAX} ms`));
    timer = setTimeout(fail, ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
