import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { TYPESCRIPT } from '../child.js';
import { conditionOf, createDecoder, LARGE, SMALL } from '../decoders.js';

/** In a worker: twenty forward passes on two engines, and a word once they run. */
async function work() {
  const engines = [await createDecoder(LARGE), await createDecoder(LARGE)];
  for (let index = 0; index < 20; index++) {
    const engine = engines[index % 2]!;
    const onProgress = index === 0 ? () => parentPort!.postMessage('running') : undefined;
    void engine.forward(conditionOf(engine), 1, { onProgress });
  }
}

async function main() {
  const own = process.env.DND_TEST_MAIN_ENGINE ? await createDecoder(SMALL) : undefined;
  const wanted = await own?.forward(conditionOf(own), 1);
  let slowestMs = 0;
  let forwardMs = Number.POSITIVE_INFINITY;
  let terminated = 0;
  for (let round = 0; round < 10; round++) {
    const worker = new Worker(__filename, { execArgv: TYPESCRIPT });
    const [word] = await once(worker, 'message');
    if (word !== 'running') throw new Error(word);
    const began = performance.now();
    await worker.terminate();
    slowestMs = Math.max(slowestMs, performance.now() - began);
    terminated++;
  }
  const engine = await createDecoder(LARGE);
  const began = performance.now();
  await engine.forward(conditionOf(engine), 1);
  forwardMs = performance.now() - began;
  const again = await own?.forward(conditionOf(own), 1);
  const mainResult = own === undefined || Buffer.from(again!.buffer).equals(Buffer.from(wanted!.buffer));
  console.log(JSON.stringify({ terminated, slowestMs, forwardMs, mainResult }));
}

void (isMainThread ? main() : work());
