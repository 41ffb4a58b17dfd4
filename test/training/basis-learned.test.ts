import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { BASIS_FILE } from '../../src/generator/basis-file.js';
import { Generator } from '../../src/generator/generator.js';
import { readManifest } from '../../src/generator/manifest.js';
import { planRun } from '../../src/training/plan-run.js';
import { Trainer } from '../../src/training/trainer.js';
import { useBehaviourRuns, writePairsWithCheckpoints } from './behaviour-workshop.js';
import { checkpointBytes, generatedFrom, metricsOf, stepsOf } from './run-workshop.js';

const { at, options, create, complete, checkpoint } = useBehaviourRuns();

const LEARNED = {
  basis: 3,
  basisKind: 'learned',
  features: [
    [4, 8, 16],
    [8, 4, 16],
    [3, 1, 1],
  ],
} as const;

const meanLosses = async (run: string) =>
  (await metricsOf(at(run)))
    .filter(({ evaluation }) => evaluation !== undefined)
    .map(({ responses }) => responses!.reduce((sum, { loss }) => sum + loss, 0) / responses!.length);

async function directionsOf(folder: string): Promise<Float32Array> {
  const file = await SafetensorsFile.open(join(folder, BASIS_FILE));
  try {
    return await file.readFloat32('directions');
  } finally {
    await file.close();
  }
}

test('makes the responses likelier without any checkpoints of tasks, and moves its directions', async () => {
  const settings = { ...LEARNED, steps: 40, evaluateEvery: 40, checkpointEvery: 20 };
  await complete('learnt', settings);
  const [before, after] = await meanLosses('learnt');
  expect(after).toBeLessThan(0.9 * before!);
  const [early, late] = [checkpoint('learnt', 20), checkpoint('learnt', 40)];
  expect(await directionsOf(late)).not.toEqual(await directionsOf(early));
  const { adapter } = await readManifest(join(late, 'generator.json'));
  expect(adapter).toMatchObject({ basis: 3, basisSha256: expect.stringMatching(/^\w{64}$/) });
  expect((await readManifest(join(early, 'generator.json'))).adapter.basisSha256).not.toBe(adapter.basisSha256);
});

test('a checkpoint is a generator that answers each task by its own prompts', async () => {
  await complete('generator', { ...LEARNED, steps: 2, checkpointEvery: 2 });
  const prompts = ['Word 0 of tools?', 'Word 1?', 'Word 2 of tools?', 'Word 3?'];
  const others = ['Word 0 of plants?', 'Word 1?', 'Word 2 of plants?', 'Word 3?'];
  const one = await generatedFrom(checkpoint('generator', 2), prompts, 1);
  expect(await generatedFrom(checkpoint('generator', 2), prompts, 2)).toEqual(one);
  expect(await generatedFrom(checkpoint('generator', 2), others, 1)).not.toEqual(one);
  await using generator = await Generator.load(checkpoint('generator', 2), { device: 'cpu' });
  await generator.save(at('saved'));
  expect(await generatedFrom(at('saved'), prompts, 1)).toEqual(one);
});

test.each([0, 1, 5])('a run that is stopped after step %i and resumed ends with the same bytes', async (stop) => {
  const [whole, stopped] = [`whole-${stop}`, `stopped-${stop}`];
  const settings = { ...LEARNED, microBatch: 3 };
  await complete(whole, settings);
  await using trainer = await create(stopped, settings);
  await stepsOf(trainer, stop);
  if (stop > 0) await trainer.save();
  await trainer.dispose();
  await using resumed = await Trainer.resume(at(stopped), { threads: 1 });
  await stepsOf(resumed);
  expect(await checkpointBytes(checkpoint(stopped, 8))).toEqual(await checkpointBytes(checkpoint(whole, 8)));
  expect(await metricsOf(at(stopped))).toEqual(await metricsOf(at(whole)));
});

test('a run on ΔW learns the directions of checkpoints', async () => {
  const pairs = await writePairsWithCheckpoints(at);
  const settings = { ...LEARNED, pairs, loss: 'tokens', targets: 'delta', steps: 60, evaluateEvery: 60 } as const;
  await complete('delta', settings);
  const losses = (await metricsOf(at('delta'))).filter(({ step }) => step !== undefined).map(({ loss }) => loss!);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(losses.slice(-10))).toBeLessThan(0.85 * mean(losses.slice(0, 10)));
});

test('the plan counts gradient and moments of the directions', async () => {
  const { out: _, ...planned } = options('planned', LEARNED);
  const plan = await planRun(planned);
  await complete('planned', { ...LEARNED, steps: 1, checkpointEvery: 1 });
  const { count, height, width } = plan.run.weightTokens;
  const size = count * height * width;
  expect(plan.memory!.basisBytes).toBe(4 * size * (4 * 3 + 2 * 4));
  const { 'generator.json': _manifest, ...written } = await checkpointBytes(checkpoint('planned', 1));
  const basis = await readFile(join(checkpoint('planned', 1), BASIS_FILE));
  const sizes = [basis, ...Object.values(written)]
    .map((bytes) => bytes.length)
    .reduce((sum, length) => sum + length, 0);
  // The files begin with headers.
  expect(sizes - plan.checkpointBytes!).toBeGreaterThan(0);
  expect(sizes - plan.checkpointBytes!).toBeLessThan(20_000);
  expect(JSON.parse(await readFile(at('planned', 'run.json'), 'utf8')).adapter.basisSha256).toBeUndefined();
});

test.each([
  [{ basis: undefined, features: undefined }, /basis is missing\. Set it to the number of directions/],
  [
    { loss: 'both' },
    /no coefficients of checkpoints for the token loss.*Set loss to 'behaviour', or targets to 'delta'/,
  ],
  [{ loss: 'tokens' }, /no coefficients of checkpoints/],
] as const)('%j is refused before anything is read', async (changes, message) => {
  await expect(create('refused', { ...LEARNED, pairs: at('nowhere'), ...changes })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
});
