import { memoryAfter } from '../../memory-after.js';
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

/**
 * Resident memory after 500 rounds of create, forward (every third aborted, every third disposed of) and dispose, and after
 * 1,000 more.
 */
async function main() {
  const warm = await memoryAfter(500, round);
  const end = await memoryAfter(1000, round);
  console.log(JSON.stringify({ warm, end }));
}

void main();
