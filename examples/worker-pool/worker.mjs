// A worker of pool.mjs: loads the generator once, then makes an adapter for each message.
import { parentPort, workerData } from 'node:worker_threads';
import { Generator } from 'dnd-lora';

const { generator: path, threads } = workerData;
const generator = await Generator.load(path, { threads });
parentPort.postMessage('ready');

parentPort.on('message', async ({ id, prompts, seed, out }) => {
  try {
    const adapter = await generator.generate(prompts, { seed });
    await adapter.save(out, { force: true });
    parentPort.postMessage({ id, report: adapter.report });
  } catch ({ code, message }) {
    parentPort.postMessage({ id, failure: { code, message } });
  }
});
