import { createTiny, PROMPTS, SLOW_SETTINGS } from '../tiny.js';

const SETS = 8;

/** Resident memory before, during and after a batch of prompt sets that is aborted. */
async function main() {
  const generator = await createTiny(SLOW_SETTINGS);
  globalThis.gc!();
  const before = process.memoryUsage.rss();
  let during = 0;
  const controller = new AbortController();
  const sets = Array.from({ length: SETS }, (_, index): [string, string[]] => [`${index}`, PROMPTS]);
  const onProgress = (fraction: number) => {
    during = Math.max(during, process.memoryUsage.rss());
    if (fraction > 0.3) controller.abort();
  };
  await generator
    .generateMany(sets, { signal: controller.signal, onProgress })
    .next()
    .catch(() => undefined);
  globalThis.gc!();
  console.log(JSON.stringify({ before, during, after: process.memoryUsage.rss() }));
}

void main();
