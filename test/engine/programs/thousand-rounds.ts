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

/** Rounds of create, forward (every third aborted, every third disposed of) and dispose; the resident memory then. */
async function memoryAfter(rounds: number): Promise<number> {
  for (let index = 0; index < rounds; index++) {
    await round(index);
    // Often, so that JavaScript's own heap has no reason to grow.
    if (index % 50 === 0) globalThis.gc!();
  }
  globalThis.gc!();
  return process.memoryUsage.rss();
}

async function main() {
  const warm = await memoryAfter(500);
  const end = await memoryAfter(1000);
  console.log(JSON.stringify({ warm, end }));
}

void main();
