import { conditionOf, createDecoder, SMALL } from '../decoders.js';

async function round(index: number) {
  const engine = await createDecoder(SMALL, { threads: 2 });
  const controller = new AbortController();
  const forward = engine.forward(conditionOf(engine), 1, { signal: controller.signal, onProgress: () => undefined });
  if (index % 3 === 1) controller.abort();
  if (index % 3 === 2) engine.dispose();
  await forward.catch(() => undefined);
  engine.dispose();
}

/** Resident memory after 300 rounds of create, forward (every third aborted, every third disposed of) and dispose, and after 1,000 more. */
async function main() {
  for (let index = 0; index < 300; index++) await round(index);
  globalThis.gc!();
  const warm = process.memoryUsage.rss();
  for (let index = 0; index < 1000; index++) await round(index);
  globalThis.gc!();
  console.log(JSON.stringify({ warm, end: process.memoryUsage.rss() }));
}

void main();
