import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterLayout } from '../../src/adapter/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { Generator } from '../../src/generator/generator.js';
import { normal } from '../../src/random/normal.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import type { Evaluation } from '../../src/training/metrics.js';
import { TINY_BASE } from '../generator/tiny.js';
import { useRuns } from './run-workshop.js';
import { checkpointPath, writeCheckpoint, writePairs } from './workshop.js';

jest.setTimeout(300_000);

const { at, checkpoint, complete, metrics } = useRuns();

const LAYOUT = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'residual' });

const endingIn = (...last: [number, number, number]) => [[4, 8, 16], [6, 6, 12], last] as const;

/** Attributes of a task: each of its prompts has the word of each. */
const WORDS = [
  ['morning', 'evening'],
  ['river', 'mountain'],
  ['copper', 'silver'],
] as const;
const COMBINATIONS = Array.from({ length: 8 }, (_, index) => [index & 1, (index >> 1) & 1, (index >> 2) & 1] as const);

/**
 * Pairs whose adapters lie in three dimensions, one for each attribute, but for noise that is as large as what they share. Two of
 * eight combinations of attributes are held out.
 * @returns the adapters of the two without noise
 */
async function writeWorld(folder: string): Promise<Map<string, Float32Array>> {
  const random = SplitMix64.seeded(4);
  const draw = () => Float32Array.from({ length: LAYOUT.elementCount }, () => 0.02 * normal(random));
  const [common, ...dimensions] = [draw(), draw(), draw(), draw()];
  const truths = new Map<string, Float32Array>();
  const items = new Map<string, unknown[]>();
  const weights = new Map<string, Float32Array>();
  for (const [index, combination] of COMBINATIONS.entries()) {
    const heldOut = index === 2 || index === 5;
    const truth = common.map((value, e) =>
      combination.reduce<number>((sum, bit, d) => sum + (bit ? 1 : -1) * dimensions[d]![e]!, value),
    );
    const prompts = Array.from({ length: 6 }, (_, i) => ({
      prompt: `${WORDS.map((words, d) => words[combination[d]!]).join(' ')} ${i}`,
      response: 'yes',
    }));
    for (let copy = 0; copy < (heldOut ? 1 : 3); copy++) {
      const name = `${heldOut ? 'held' : 'task'}-${index}-${copy}`;
      if (heldOut) truths.set(name, truth);
      const noise = draw();
      items.set(name, prompts);
      weights.set(
        name,
        truth.map((value, e) => value + Math.sqrt(3) * noise[e]!),
      );
    }
  }
  const tasks = Object.fromEntries(Array.from(items, ([name, own]) => [name, { items: own, checkpoints: 1 }]));
  await writePairs(folder, { tasks, heldOut: [...truths.keys()] });
  for (const [name, values] of weights) {
    const tensors = new Map(
      LAYOUT.tensors.map(({ name: tensor, shape, offset }) => [
        tensor,
        { shape, data: values.slice(offset, offset + shape[0] * shape[1]) },
      ]),
    );
    const form = { style: 'trainer', rank: 2, alpha: 4, modules: LAYOUT.modules } as const;
    await writeCheckpoint(checkpointPath(folder, name, 1), tensors, form);
  }
  return truths;
}

test('of adapters that share few dimensions, tasks that were held out are generated better than without a basis', async () => {
  const pairs = at('world');
  const truths = await writeWorld(pairs);
  const run = { pairs, steps: 200, learningRate: 5e-3, weightDecay: 0, evaluateEvery: 200, checkpointEvery: 200 };
  await complete('basis', { ...run, basis: 3, features: endingIn(3, 1, 1) });
  const residual = { normalisation: 'residual', tokenImportance: false } as const;
  await complete('raw', { ...run, ...residual, features: endingIn(LAYOUT.tokenCount, 2, LAYOUT.tokenWidth) });
  const errors: Record<string, number> = {};
  for (const name of ['basis', 'raw']) {
    await using generator = await Generator.load(checkpoint(name, 200), { device: 'cpu' });
    const mean = await SafetensorsFile.open(at(name, 'normalisation.safetensors'));
    let [error, deviation] = [0, 0];
    for (const [task, truth] of truths) {
      const prompts = JSON.parse(await readFile(join(pairs, task, 'prompts.json'), 'utf8')) as { prompt: string }[];
      const { tensors } = await generator.generate(prompts.slice(0, 4).map(({ prompt }) => prompt));
      for (const { name: tensor, offset } of LAYOUT.tensors) {
        const reference = await mean.readFloat32(tensor);
        for (const [i, value] of tensors.get(tensor)!.data.entries()) {
          error += (value - truth[offset + i]!) ** 2;
          deviation += (reference[i]! - truth[offset + i]!) ** 2;
        }
      }
    }
    await mean.close();
    errors[name] = error / deviation;
  }
  const losses = await Promise.all(
    ['basis', 'raw'].map(async (name) => {
      const last = (await metrics(name)).at(-1) as Evaluation;
      const held = last.tasks.filter(({ heldOut }) => heldOut === 'task');
      expect(held).toHaveLength(2);
      return held.reduce((sum, { loss }) => sum + loss, 0) / held.length;
    }),
  );
  // The mean adapter has 1.
  expect(errors.basis).toBeLessThan(0.7);
  expect(errors.basis).toBeLessThan(0.6 * errors.raw!);
  expect(losses[0]).toBeLessThan(losses[1]!);
});
