import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { TYPESCRIPT } from '../../engine/child.js';
import { digestOf } from '../bytes.js';
import { createTiny, PROMPTS, SLOW_SETTINGS } from '../tiny.js';

/** In a worker: generates on two generators until it is stopped. */
async function work() {
  const generators = [await createTiny(SLOW_SETTINGS), await createTiny(SLOW_SETTINGS)];
  const onProgress = (_: number, stage: string) => {
    if (stage === 'decode') parentPort!.postMessage('decoding');
  };
  for (let index = 0; index < 20; index++) void generators[index % 2]!.generate(PROMPTS, { onProgress });
}

async function main() {
  const generator = await createTiny();
  const before = digestOf(await generator.generate(PROMPTS));
  let terminated = 0;
  let same = true;
  for (; terminated < 8; terminated++) {
    const worker = new Worker(__filename, { execArgv: TYPESCRIPT });
    await once(worker, 'message');
    const here = generator.generate(PROMPTS);
    await worker.terminate();
    same &&= digestOf(await here) === before;
  }
  console.log(JSON.stringify({ terminated, same }));
}

void (isMainThread ? main() : work());
