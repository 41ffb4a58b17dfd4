import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { TYPESCRIPT } from '../child.js';
import { conditionOf, createDecoder, SMALL } from '../decoders.js';

/** In a worker: creates, writes, reads, runs, aborts and disposes of engines until it is stopped. */
async function work() {
  for (let round = 0; ; round++) {
    const engine = await createDecoder(SMALL, { threads: 2 });
    const { name } = engine.parameters[0]!;
    engine.writeParameter(name, 0, new Uint8Array(8), 'F32');
    engine.readParameter(name, 0, 4);
    const controller = new AbortController();
    const jobs = [1, 2, 3].map((batch) => {
      return engine.forward(conditionOf(engine, batch), batch, {
        signal: controller.signal,
        onProgress: () => undefined,
      });
    });
    if (round % 3 === 0) controller.abort();
    if (round % 3 === 1) engine.dispose();
    await Promise.allSettled(jobs);
    if (round === 3) parentPort!.postMessage('running');
  }
}

async function main() {
  let terminated = 0;
  for (; terminated < 40; terminated++) {
    const worker = new Worker(__filename, { execArgv: TYPESCRIPT });
    await once(worker, 'message');
    await new Promise((resolve) => setTimeout(resolve, (terminated * 7) % 11));
    await worker.terminate();
  }
  console.log(JSON.stringify({ terminated }));
}

void (isMainThread ? main() : work());
