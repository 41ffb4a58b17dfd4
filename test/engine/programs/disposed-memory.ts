import type { Feature } from '../../../src/engine/index.js';
import { createDecoder } from '../decoders.js';

const FEATURES: Feature[] = [
  [512, 16, 16],
  [1024, 16, 16],
  [1024, 16, 16],
];

/** Resident memory without, with and again without a decoder of more than 100 MB. */
async function main() {
  const { dispose } = await createDecoder([
    [2, 2, 2],
    [2, 2, 2],
  ]);
  void dispose;
  globalThis.gc!();
  const before = process.memoryUsage.rss();
  const engine = await createDecoder(FEATURES, { kernelSize: 5 });
  const held = process.memoryUsage.rss();
  engine.dispose();
  // Large memory is given back on a thread; the process ends only after that.
  await new Promise((resolve) => setTimeout(resolve, 0));
  while (process.memoryUsage.rss() > (before + held) / 2) await new Promise(setImmediate);
  globalThis.gc!();
  console.log(JSON.stringify({ before, held, after: process.memoryUsage.rss() }));
}

void main();
