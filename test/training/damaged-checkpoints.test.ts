import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TrainerEngine } from '../../src/engine/index.js';
import { Generator } from '../../src/generator/generator.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { loadCheckpoint, readTrainingState } from '../../src/training/checkpoint.js';
import { Trainer } from '../../src/training/trainer.js';
import { checkpointBytes, stepsOf, useRuns } from './run-workshop.js';

jest.setTimeout(120_000);

const BITS = 20;
const OPTIMISER = {
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.1,
  maxGradientNorm: 1,
  moments: 'fp32',
} as const;
const { at, checkpoint, complete, create } = useRuns();

/** Calls `check` with the file's path while one of its bits is another: the first, the last, and others by chance. */
async function withFlippedBits(path: string, check: () => Promise<void>): Promise<void> {
  const bytes = await readFile(path);
  const random = SplitMix64.seeded(1);
  const places = Array.from({ length: BITS }, () => random.below(8 * bytes.length));
  for (const bit of [0, 8 * bytes.length - 1, ...places]) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    await writeFile(path, changed);
    await check();
  }
  await writeFile(path, bytes);
}

test('one flipped bit in any file of a checkpoint is found, and the file named, to resume and to generate', async () => {
  await complete('run');
  const path = checkpoint('run', 10);
  const { decoder } = JSON.parse(await readFile(join(path, 'generator.json'), 'utf8'));
  using engine = await TrainerEngine.create({ ...decoder, threads: 1, optimiser: OPTIMISER });
  const resume = async () => loadCheckpoint(path, engine, await readTrainingState(path), {});
  const names = (await readdir(path)).sort();
  expect(names).toEqual([
    'checksums.json',
    'decoder.safetensors',
    'generator.json',
    'optimiser.safetensors',
    'training.json',
  ]);
  for (const name of names) {
    const refusal = { code: 'CORRUPT_FILE', message: expect.stringContaining(join(path, name)) };
    const forTraining = /optimiser|training/.test(name);
    await withFlippedBits(join(path, name), async () => {
      await expect(resume()).rejects.toMatchObject(refusal);
      if (!forTraining) await expect(Generator.load(path)).rejects.toMatchObject(refusal);
    });
  }
  await resume();
  (await Generator.load(path)).dispose();
});

test.each(['optimiser.safetensors', 'training.json', 'checksums.json'])(
  'a run whose newest checkpoint has one flipped bit in %s goes on from the one before it, and ends the same',
  async (name) => {
    await complete('whole');
    const begun = await create('run');
    await stepsOf(begun, 9);
    await begun.dispose();
    const path = join(checkpoint('run', 8), name);
    const bytes = await readFile(path);
    bytes[bytes.length - 6]! ^= 1;
    await writeFile(path, bytes);
    const notices: string[] = [];
    await using trainer = await Trainer.resume(at('run'), { onNotice: (notice) => notices.push(notice) });
    expect(trainer.step).toBe(4);
    expect(notices.join()).toContain(path);
    await stepsOf(trainer);
    expect(await checkpointBytes(checkpoint('run', 10))).toEqual(await checkpointBytes(checkpoint('whole', 10)));
  },
);

test('a checkpoint of an earlier version, without checksums, is resumed from', async () => {
  await complete('whole');
  const begun = await create('run');
  await stepsOf(begun, 9);
  await begun.dispose();
  const path = checkpoint('run', 8);
  expect(await readdir(path)).toContain('checksums.json');
  await rm(join(path, 'checksums.json'));
  await using trainer = await Trainer.resume(at('run'));
  expect(trainer.step).toBe(8);
  await stepsOf(trainer);
  expect(await checkpointBytes(checkpoint('run', 10))).toEqual(await checkpointBytes(checkpoint('whole', 10)));
});
