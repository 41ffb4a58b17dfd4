import type { Feature } from '../../../src/engine/index.js';
import { createDecoder, SMALL } from '../decoders.js';

const FEATURES: Feature[] = [
  [512, 16, 16],
  [1024, 16, 16],
  [1024, 16, 16],
];

/** Resident memory without, with and again without a decoder of more than 100 MB. */
async function main() {
  (await createDecoder(SMALL)).dispose();
  globalThis.gc!();
  const before = process.memoryUsage.rss();
  const engine = await createDecoder(FEATURES, { kernelSize: 5 });
  const held = process.memoryUsage.rss();
  engine.dispose();
  // Large memory is freed on another thread, at most a few ticks of the event loop later.
  for (let turn = 0; turn < 200 && process.memoryUsage.rss() > before + 10e6; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  globalThis.gc!();
  console.log(JSON.stringify({ before, held, after: process.memoryUsage.rss() }));
}

void main();
