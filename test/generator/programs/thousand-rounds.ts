import { memoryAfter } from '../../memory-after.js';
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
 * Resident memory after 500 rounds of create, generate (every third aborted, every third disposed of) and dispose, and after
 * 1,000 more.
 */
async function main() {
  const warm = await memoryAfter(500, round);
  const end = await memoryAfter(1000, round);
  console.log(JSON.stringify({ warm, end }));
}

void main();
