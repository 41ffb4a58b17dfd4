import { addon } from '../../../src/engine/addon.js';
import { LARGE, numbers, sizeOf } from '../decoders.js';

const failures: string[] = [];
const lengths: number[] = [];
let collected = 0;
let collectedBeforeTheEnd = 0;
const registry = new FinalizationRegistry(() => collected++);
const condition = numbers(sizeOf(LARGE[0]!));

/** Starts a job and keeps nothing of its handle; resolves when the job has ended. */
function startJob(): Promise<void> {
  let resolve!: () => void;
  const ended = new Promise<void>((settle) => {
    resolve = settle;
  });
  // In no closure: what a callback can see, the callback keeps.
  const handle = new (addon().DecoderHandle)({
    features: LARGE.flat(),
    kernelSize: 3,
    projectedFrom: 0,
    algorithm: 'auto',
    device: 'cpu',
    ordinal: 0,
    precision: 'fp32',
    cudaLibrary: '',
    deviceLimitBytes: 0,
    threads: 1,
  });
  registry.register(handle, undefined);
  handle.forward(condition, 1, Number.MAX_SAFE_INTEGER, (failure, result) => {
    if (lengths.length + failures.length === 0) collectedBeforeTheEnd = collected;
    if (failure === undefined) lengths.push(result.byteLength);
    else failures.push(failure);
    resolve();
  });
  return ended;
}

/** Lets go of three handles while their jobs run, collects them, and waits for the jobs. */
async function main() {
  const jobs = [startJob(), startJob(), startJob()];
  while (collected < 3 && lengths.length === 0) {
    await new Promise(setImmediate);
    globalThis.gc!();
  }
  await Promise.all(jobs);
  console.log(JSON.stringify({ collectedBeforeTheEnd, failures, lengths }));
}

void main();
