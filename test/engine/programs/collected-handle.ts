import { addon } from '../../../src/engine/addon.js';
import type { DecoderHandle } from '../../../src/engine/native.js';
import { LARGE, numbers, sizeOf } from '../decoders.js';

/** Lets go of three handles while their jobs run, collects them, and waits for the jobs. */
async function main() {
  const { DecoderHandle } = addon();
  const failures: string[] = [];
  const lengths: number[] = [];
  let collected = 0;
  let collectedBeforeTheEnd = 0;
  const registry = new FinalizationRegistry(() => collected++);

  const condition = numbers(sizeOf(LARGE[0]!));
  const jobs = Array.from({ length: 3 }, () => {
    const handle: DecoderHandle = new DecoderHandle({
      features: LARGE.flat(),
      kernelSize: 3,
      projectedFrom: 0,
      threads: 1,
    });
    registry.register(handle, undefined);
    return new Promise<void>((resolve) => {
      handle.forward(condition, 1, (failure, result) => {
        if (lengths.length + failures.length === 0) collectedBeforeTheEnd = collected;
        if (failure === undefined) lengths.push(result.byteLength);
        else failures.push(failure);
        resolve();
      });
    });
  });
  while (collected < 3 && lengths.length === 0) {
    await new Promise(setImmediate);
    globalThis.gc!();
  }
  await Promise.all(jobs);
  console.log(JSON.stringify({ collectedBeforeTheEnd, failures, lengths }));
}

void main();
