import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterLayout } from '../../src/adapter/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { Generator } from '../../src/generator/generator.js';
import { readManifest } from '../../src/generator/manifest.js';
import { FORMAT_VERSION } from '../../src/generator/manifest-types.js';
import { NORMALISATION_FILE } from '../../src/generator/normalisation-file.js';
import { inspect } from '../../src/inspect/inspect.js';
import { importanceOf, openPairs } from '../../src/training/pairs/index.js';
import { residualOf } from '../../src/training/pairs/residual-of.js';
import { planRun } from '../../src/training/plan-run.js';
import { splitPairs } from '../../src/training/split.js';
import type { CreateTrainerOptions } from '../../src/training/start-run.js';
import { Trainer } from '../../src/training/trainer.js';
import { createTiny, TINY_BASE } from '../generator/tiny.js';
import { checkpointBytes, stepsOf, useRuns } from './run-workshop.js';

jest.setTimeout(60_000);

const { at, checkpoint, complete, create, metrics } = useRuns();

const LAYOUT = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'residual' });

const RESIDUAL = {
  normalisation: 'residual',
  features: [
    [4, 8, 16],
    [6, 6, 12],
    [LAYOUT.tokenCount, LAYOUT.tokenHeight, LAYOUT.tokenWidth],
  ],
} as const satisfies Partial<CreateTrainerOptions>;

const PROMPTS = ['which animal is larger?', 'which one is older?', 'what do they eat?', 'where do they live?'];

async function generated(folder: string, threads: number): Promise<Map<string, Float32Array>> {
  await using generator = await Generator.load(folder, { threads, device: 'cpu' });
  const { tensors } = await generator.generate(PROMPTS);
  return new Map(Array.from(tensors, ([name, { data }]) => [name, data]));
}

async function trainingCheckpoints() {
  const pairs = await openPairs(at('pairs'));
  const split = splitPairs(pairs.tasks, { seed: 0, heldOutTasks: undefined, heldOutCheckpoints: 0.1 });
  return { pairs, checkpoints: split.training.flatMap((task) => task.checkpoints) };
}

test('a run trains towards deviations, resumes byte for byte, and generates the same for any number of threads', async () => {
  const steps = await complete('whole', { ...RESIDUAL, steps: 10 });
  expect(steps).toHaveLength(10);
  await using trainer = await create('stopped', RESIDUAL);
  await stepsOf(trainer, 5);
  await trainer.save();
  await trainer.dispose();
  await using resumed = await Trainer.resume(at('stopped'), { threads: 3 });
  await stepsOf(resumed);
  await resumed.dispose();
  expect(await checkpointBytes(checkpoint('stopped', 10))).toEqual(await checkpointBytes(checkpoint('whole', 10)));
  expect(await metrics('stopped')).toEqual(await metrics('whole'));
  expect(await generated(checkpoint('whole', 10), 1)).toEqual(await generated(checkpoint('stopped', 10), 3));
});

test('enough steps on one task come closer to its checkpoints than their mean', async () => {
  const steps = await complete('long', {
    ...RESIDUAL,
    steps: 300,
    learningRate: 1e-2,
    evaluateEvery: 0,
    checkpointEvery: 300,
  });
  const last = steps.slice(-20).reduce((sum, { loss }) => sum + loss, 0) / 20;
  // 1 is the loss of the mean adapter: each token's mean square over the training checkpoints is 1.
  expect(last).toBeLessThan(0.7);
});

test('mean and scales are those of the training checkpoints alone, and the digest names them', async () => {
  await complete('run', { ...RESIDUAL, steps: 1, checkpointEvery: 1 });
  const { pairs, checkpoints } = await trainingCheckpoints();
  // plants is held out, and one of the six checkpoints of animals.
  expect(checkpoints).toHaveLength(5 + 4);
  const layout = await residualOf(checkpoints, LAYOUT);
  const all = await residualOf(
    pairs.tasks.flatMap((task) => task.checkpoints),
    LAYOUT,
  );
  expect(all.residual!.sha256).not.toBe(layout.residual!.sha256);
  const { adapter, formatVersion } = await readManifest(join(checkpoint('run', 1), 'generator.json'));
  expect(formatVersion).toBe(2);
  expect(adapter).toMatchObject({ normalisation: 'residual', normalisationSha256: layout.residual!.sha256 });
  const run = JSON.parse(await readFile(at('run', 'run.json'), 'utf8'));
  expect(run).toMatchObject({ adapter, settings: { normalisation: 'residual' } });
  const file = await SafetensorsFile.open(join(checkpoint('run', 1), NORMALISATION_FILE));
  expect(await file.readFloat32('scales')).toEqual(layout.residual!.scales);
  const { name, offset, shape } = LAYOUT.tensors[3]!;
  const mean = layout.residual!.mean.subarray(offset, offset + shape[0] * shape[1]);
  expect(await file.readFloat32(name)).toEqual(mean);
  await file.close();
});

test('a resumed run keeps its mean and scales although its pairs have changed', async () => {
  await complete('run', { ...RESIDUAL, steps: 4, schedule: 'constant' });
  const before = await readFile(at('run', NORMALISATION_FILE));
  await rm(join(at('pairs'), 'numbers', 'checkpoints', 'checkpoint-2'), { recursive: true });
  await using trainer = await Trainer.resume(at('run'), { allowChangedPairs: true, steps: 5 });
  expect(await stepsOf(trainer)).toHaveLength(1);
  await trainer.save();
  expect(await readFile(join(checkpoint('run', 5), NORMALISATION_FILE))).toEqual(before);
});

test('other normalisations are refused on resuming, and a plan needs no mean', async () => {
  await complete('run', { ...RESIDUAL, steps: 1 });
  await expect(Trainer.resume(at('run'), { normalisation: 'chunk' })).rejects.toMatchObject({
    code: 'RESUME_MISMATCH',
    message: expect.stringContaining('normalisation'),
  });
  const plan = await planRun({ ...RESIDUAL, encoder: 'hash', kernelSize: 3, pairs: at('pairs') });
  expect(plan.run.adapter.normalisation).toBe('residual');
  expect(plan.run.weightTokens).toEqual({ count: LAYOUT.tokenCount, height: 2, width: LAYOUT.chunk });
});

test('a generator with the file damaged, exchanged or missing is refused with its name, and so is a run', async () => {
  await complete('run', { ...RESIDUAL, steps: 1, checkpointEvery: 1 });
  await using made = await Generator.load(checkpoint('run', 1), { device: 'cpu' });
  // A saved generator has no checksums: the digest of its manifest must tell.
  const folder = at('generator');
  await made.save(folder);
  const path = join(folder, NORMALISATION_FILE);
  const bytes = await readFile(path);
  expect(bytes).toEqual(await readFile(join(checkpoint('run', 1), NORMALISATION_FILE)));
  expect(await generated(folder, 2)).toEqual(await generated(checkpoint('run', 1), 2));
  expect(await inspect(folder)).toMatchObject({ manifest: { adapter: { normalisation: 'residual' } } });

  const load = () => Generator.load(folder, { device: 'cpu' });
  const other = Buffer.from(bytes);
  other[other.length - 2]! ^= 1;
  await writeFile(path, other);
  await expect(load()).rejects.toMatchObject({ code: 'CORRUPT_FILE', message: expect.stringContaining(path) });
  await writeFile(path, bytes.subarray(0, bytes.length - 8));
  await expect(load()).rejects.toMatchObject({ code: 'CORRUPT_FILE', message: expect.stringContaining(path) });
  await rm(path);
  await expect(load()).rejects.toMatchObject({ code: 'FILE_NOT_FOUND', message: expect.stringContaining(path) });

  await writeFile(path, bytes);
  const manifest = JSON.parse(await readFile(join(folder, 'generator.json'), 'utf8'));
  await writeFile(join(folder, 'generator.json'), JSON.stringify({ ...manifest, formatVersion: FORMAT_VERSION + 1 }));
  await expect(load()).rejects.toMatchObject({ code: 'NEWER_FORMAT' });
  const { normalisationSha256: _, ...without } = manifest.adapter;
  await writeFile(join(folder, 'generator.json'), JSON.stringify({ ...manifest, adapter: without }));
  await expect(load()).rejects.toMatchObject({ code: 'CORRUPT_FILE', message: expect.stringContaining(path) });
  await writeFile(
    join(folder, 'generator.json'),
    JSON.stringify({ ...manifest, adapter: { ...manifest.adapter, normalisation: 'rank' } }),
  );
  await expect(load()).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('normalisation'),
  });

  await rm(at('run', NORMALISATION_FILE));
  await expect(Trainer.resume(at('run'))).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining(at('run', NORMALISATION_FILE)),
  });
});

test('a new generator cannot have it: the message says how to get one', async () => {
  await expect(createTiny({ normalisation: 'residual' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('dnd train --normalisation residual'),
  });
});

test("token importance is that of residual tokens, and cached apart from that of 'chunk' and of another mean", async () => {
  const { pairs, checkpoints } = await trainingCheckpoints();
  const tasks = pairs.tasks.map(({ name, checkpoints }) => ({ name, heldOut: false, checkpoints }));
  const own = await residualOf(checkpoints, LAYOUT);
  const other = await residualOf(checkpoints.slice(1), LAYOUT);
  const options = { cacheFolder: at('cache') };
  const first = await importanceOf({ tasks }, own, options);
  expect((await importanceOf({ tasks }, own, options)).cached).toBe(true);
  const second = await importanceOf({ tasks }, other, options);
  expect(second.cached).toBe(false);
  expect(second.values).not.toEqual(first.values);
  const chunk = new AdapterLayout({ base: TINY_BASE, rank: 2 });
  expect((await importanceOf({ tasks }, chunk, options)).cached).toBe(false);
});

test('an abort stops the computation of the mean, and leaves no run behind', async () => {
  const abort = new AbortController();
  const started = create('aborted', {
    ...RESIDUAL,
    signal: abort.signal,
    onProgress: (_, stage) => stage === 'normalisation' && abort.abort(new Error('enough')),
  });
  await expect(started).rejects.toThrow('enough');
  await expect(readFile(at('aborted', NORMALISATION_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a run killed after it wrote mean and scales, and before run.json, can be started again', async () => {
  await complete('whole', { ...RESIDUAL, steps: 1 });
  for (const normalisation of ['residual', 'chunk'] as const) {
    await mkdir(at(normalisation));
    await writeFile(at(normalisation, NORMALISATION_FILE), 'of pairs that have changed since');
  }
  await complete('residual', { ...RESIDUAL, steps: 1 });
  expect(await readFile(at('residual', NORMALISATION_FILE))).toEqual(await readFile(at('whole', NORMALISATION_FILE)));
  await complete('chunk', { steps: 1 });
  await expect(readFile(at('chunk', NORMALISATION_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('runs and generators of the normalisation chunk have no trace of it', async () => {
  await complete('run', { steps: 1, checkpointEvery: 1 });
  const manifest = JSON.parse(await readFile(join(checkpoint('run', 1), 'generator.json'), 'utf8'));
  expect(manifest.formatVersion).toBe(1);
  expect(Object.keys(manifest.adapter)).toEqual(['rank', 'alpha', 'useRslora', 'modules', 'chunk', 'layersPath']);
  await expect(readFile(at('run', NORMALISATION_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
});
