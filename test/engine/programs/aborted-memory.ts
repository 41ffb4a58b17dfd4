import { conditionOf, createDecoder, LARGE } from '../decoders.js';

/** Resident memory before, during and after a forward pass that is aborted. */
async function main() {
  const batch = 4;
  const engine = await createDecoder(LARGE);
  const condition = conditionOf(engine, batch);
  globalThis.gc!();
  const before = process.memoryUsage.rss();
  let during = 0;
  const controller = new AbortController();
  const onProgress = (fraction: number) => {
    during = Math.max(during, process.memoryUsage.rss());
    if (fraction > 0.3) controller.abort();
  };
  await engine.forward(condition, batch, { signal: controller.signal, onProgress }).catch(() => undefined);
  globalThis.gc!();
  console.log(JSON.stringify({ before, during, after: process.memoryUsage.rss() }));
}

void main();
