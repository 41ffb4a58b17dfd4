import { createTiny, PROMPTS } from '../tiny.js';

async function round(index: number) {
  const generator = await createTiny({ threads: 2 });
  const controller = new AbortController();
  const work = generator.generate(PROMPTS, { signal: controller.signal, onProgress: () => undefined });
  if (index % 3 === 1) controller.abort();
  if (index % 3 === 2) generator.dispose();
  await work.catch(() => undefined);
  generator.dispose();
}

/**
 * Resident memory after 500 rounds of create, generate (every third aborted, every third disposed of), dispose, and
 * after 1,000 more.
 */
async function main() {
  for (let index = 0; index < 500; index++) await round(index);
  globalThis.gc!();
  const warm = process.memoryUsage.rss();
  for (let index = 0; index < 1000; index++) await round(index);
  globalThis.gc!();
  console.log(JSON.stringify({ warm, end: process.memoryUsage.rss() }));
}

void main();
