/** The resident memory of this process, in bytes, after so many rounds and a collection. Needs node --expose-gc. */
export async function memoryAfter(rounds: number, round: (index: number) => Promise<void>): Promise<number> {
  for (let index = 0; index < rounds; index++) {
    await round(index);
    // Often, so that JavaScript's own heap has no reason to grow.
    if (index % 50 === 0) globalThis.gc!();
  }
  globalThis.gc!();
  return process.memoryUsage.rss();
}
