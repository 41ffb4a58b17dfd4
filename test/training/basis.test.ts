import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterLayout } from '../../src/adapter/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { BASIS_FILE } from '../../src/generator/basis-file.js';
import { decoderOf } from '../../src/generator/create.js';
import { Generator } from '../../src/generator/generator.js';
import { readManifest } from '../../src/generator/manifest.js';
import { PRESETS } from '../../src/generator/presets.js';
import { planRun } from '../../src/training/plan-run.js';
import type { CreateTrainerOptions } from '../../src/training/start-run.js';
import { Trainer } from '../../src/training/trainer.js';
import { dnd } from '../cli/run-cli.js';
import { createTiny, TINY_BASE, TINY_TOKENS } from '../generator/tiny.js';
import { checkpointBytes, generatedFrom, stepsOf, useRuns } from './run-workshop.js';
import { checkpointPath, type PairsSettings, writePairs } from './workshop.js';

jest.setTimeout(180_000);

const FOUR: PairsSettings = {
  tasks: { animals: { checkpoints: 6 }, numbers: {}, plants: {}, stones: {}, tools: {} },
  heldOut: ['plants'],
};
const { at, checkpoint, complete, create, metrics } = useRuns(FOUR);

const LAYOUT = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'residual' });

const endingIn = (...last: [number, number, number]) => [[4, 8, 16], [6, 6, 12], last] as const;
const BASIS = { basis: 3, features: endingIn(3, 1, 1) } as const satisfies Partial<CreateTrainerOptions>;
const PROMPTS = ['which animal is larger?', 'which one is older?', 'what do they eat?', 'where?'];

const generated = (folder: string, threads: number) => generatedFrom(folder, PROMPTS, threads);

const manifestOf = (folder: string) => readManifest(join(folder, 'generator.json'));

describe.each<[string, Partial<CreateTrainerOptions>]>([
  ['on tokens, in micro-batches', { microBatch: 3 }],
  ['on B·A', { targets: 'delta' }],
])('a run %s', (_what, settings) => {
  test('resumes byte for byte, and generates the same from a checkpoint and saved again', async () => {
    await complete('whole', { ...BASIS, ...settings });
    await using trainer = await create('stopped', { ...BASIS, ...settings });
    await stepsOf(trainer, 5);
    await trainer.save();
    await trainer.dispose();
    const before = await readFile(at('stopped', BASIS_FILE));
    await using resumed = await Trainer.resume(at('stopped'), { threads: 3 });
    await stepsOf(resumed);
    await resumed.dispose();
    expect(await checkpointBytes(checkpoint('stopped', 10))).toEqual(await checkpointBytes(checkpoint('whole', 10)));
    expect(await metrics('stopped')).toEqual(await metrics('whole'));
    for (const folder of [at('stopped'), checkpoint('stopped', 10), at('whole'), checkpoint('whole', 10)])
      expect(await readFile(join(folder, BASIS_FILE))).toEqual(before);

    const { adapter, formatVersion } = await manifestOf(checkpoint('whole', 10));
    expect(formatVersion).toBe(5);
    expect(adapter).toMatchObject({
      normalisation: 'residual',
      basis: 3,
      basisSha256: expect.stringMatching(/^\w{64}$/),
      normalisationSha256: expect.stringMatching(/^\w{64}$/),
    });
    expect(JSON.parse(await readFile(at('whole', 'run.json'), 'utf8'))).toMatchObject({ adapter });
    await using made = await Generator.load(checkpoint('whole', 10), { device: 'cpu' });
    await made.save(at('saved'));
    const expected = await generated(checkpoint('whole', 10), 1);
    expect(await generated(at('saved'), 3)).toEqual(expected);
    expect(await generated(checkpoint('stopped', 10), 2)).toEqual(expected);
    // In a batch, too, and of a condition.
    for await (const { adapter: one } of made.generateMany({ a: PROMPTS, b: PROMPTS }))
      expect([...one.tensors.values()].map(({ data }) => data[0])).toEqual(
        [...expected.values()].map((data) => expect.closeTo(data[0]!, 5)),
      );
    const decoded = await made.decode(await made.condition(PROMPTS));
    expect(new Map(Array.from(decoded.tensors, ([name, { data }]) => [name, data]))).toEqual(expected);
  });
});

test('what it generates is the mean adapter and a sum of the directions, in an adapter of the usual form', async () => {
  await complete('run', { ...BASIS, steps: 1, checkpointEvery: 1 });
  const file = await SafetensorsFile.open(at('run', BASIS_FILE));
  expect(file.tensors.get('directions')).toMatchObject({
    dtype: 'F16',
    shape: [3, LAYOUT.tokenCount, LAYOUT.tokenHeight, LAYOUT.tokenWidth],
  });
  const directions = await file.readFloat32('directions');
  await file.close();
  const normalisation = await SafetensorsFile.open(at('run', 'normalisation.safetensors'));
  const scales = await normalisation.readFloat32('scales');
  const deviations = new Map<string, Float32Array>();
  for (const [name, data] of await generated(checkpoint('run', 1), 1)) {
    const mean = await normalisation.readFloat32(name);
    deviations.set(
      name,
      data.map((value, i) => value - mean[i]!),
    );
  }
  await normalisation.close();
  const size = LAYOUT.size;
  const rows = [0, 1, 2].map((i) => directions.subarray(i * size, (i + 1) * size));
  const tokens = new Float32Array(size);
  const plain = LAYOUT.withResidual({ mean: new Float32Array(LAYOUT.elementCount), scales } as never);
  for (const tensor of plain.tensors) plain.tokeniseTensor(deviations.get(tensor.name)!, tensor, tokens);
  const dot = (one: Float32Array, other: Float32Array) =>
    one.reduce((sum, value, e) => sum + (Number.isNaN(value) ? 0 : value * other[e]!), 0);
  const before = dot(tokens, tokens);
  expect(before).toBeGreaterThan(0);
  for (const row of rows) {
    const factor = dot(tokens, row) / dot(row, row);
    for (let e = 0; e < size; e++) tokens[e]! -= factor * row[e]!;
  }
  expect(dot(tokens, tokens) / before).toBeLessThan(1e-5);
});

test('the basis is that of the training tasks, and a resumed run keeps it although its pairs have changed', async () => {
  await complete('run', { ...BASIS, steps: 2, schedule: 'constant' });
  const before = await readFile(at('run', BASIS_FILE));
  // plants is held out: its checkpoints do not matter.
  await rm(join(at('pairs'), 'plants', 'checkpoints', 'checkpoint-2'), { recursive: true });
  await complete('same', { ...BASIS, steps: 1 });
  expect(await readFile(at('same', BASIS_FILE))).toEqual(before);
  await rm(join(at('pairs'), 'tools'), { recursive: true });
  await using trainer = await Trainer.resume(at('run'), { allowChangedPairs: true, steps: 3 });
  expect(await stepsOf(trainer)).toHaveLength(1);
  await trainer.save();
  expect(await readFile(join(checkpoint('run', 3), BASIS_FILE))).toEqual(before);
});

test('of a preset, the last shape becomes that of the coefficients', () => {
  const { features } = decoderOf({ preset: 'qwen2.5-0.5b-common-sense', normalisation: 'residual', basis: 16 });
  expect(features.at(-1)).toEqual([16, 1, 1]);
  expect(features.slice(0, -1)).toEqual(PRESETS['qwen2.5-0.5b-common-sense'].features.slice(0, -1));
});

describe('refused, with the way out:', () => {
  const refusal = async (changes: Partial<CreateTrainerOptions>, code: string, message: RegExp) => {
    await expect(create('refused', changes)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(readFile(at('refused', BASIS_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
  };

  test('more directions than the training tasks can have, also by a plan', async () => {
    const four = { basis: 4, features: endingIn(4, 1, 1) } as const;
    const message =
      /4 training tasks differ in at most 3 directions; expected a basis of at most as many, got 4\. Lower it/;
    await refusal(four, 'INVALID_ARGUMENT', message);
    const plan = planRun({ ...four, encoder: 'hash', kernelSize: 3, pairs: at('pairs') });
    await expect(plan).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) });
  });

  test('tasks whose checkpoints are those of another', async () => {
    for (const step of [1, 2, 3, 4])
      await writeFile(
        checkpointPath(at('pairs'), 'tools', step),
        await readFile(checkpointPath(at('pairs'), 'stones', step)),
      );
    await refusal(
      BASIS,
      'INVALID_ARGUMENT',
      /4 training tasks differ in 2 directions; expected at most as many, got 3/,
    );
  });

  test('features that do not end in coefficients', async () => {
    const features = endingIn(...TINY_TOKENS);
    await refusal(
      { basis: 3, features },
      'SHAPE_MISMATCH',
      /basis of 3 directions.*expected features that end with \(3, 1, 1\), got.*Make the last entry of features \[3, 1, 1\]/,
    );
  });

  test("the normalisation 'chunk', and no directions", async () => {
    await refusal({ ...BASIS, normalisation: 'chunk' }, 'INVALID_ARGUMENT', /basis needs the normalisation 'residual'/);
    await refusal({ ...BASIS, basis: 0 }, 'INVALID_ARGUMENT', /basis.*whole number/);
  });

  test('tasks without checkpoints', async () => {
    const start = join(at('pairs'), 'tools', 'checkpoints', 'checkpoint-1');
    const pairsJson = { base: JSON.parse(await readFile(join(at('pairs'), 'pairs.json'), 'utf8')).base, start };
    const none = { checkpoints: 0 };
    await writePairs(at('started'), { tasks: { one: none, two: none, three: none, four: none }, pairsJson });
    const given = { ...BASIS, pairs: at('started'), loss: 'behaviour', base: at('base.json') } as const;
    await writeFile(at('base.json'), JSON.stringify(pairsJson.base));
    await refusal(
      given,
      'INVALID_PAIRS',
      /training tasks have no checkpoints, and the directions of a basis.*leave basis out/,
    );
  });

  test('a new generator with one', async () => {
    await expect(createTiny({ basis: 3, features: endingIn(3, 1, 1) } as object)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('dnd train --basis n'),
    });
  });

  test('another one on resuming', async () => {
    await complete('run', { ...BASIS, steps: 1 });
    await expect(Trainer.resume(at('run'), { basis: 2 })).rejects.toMatchObject({
      code: 'RESUME_MISMATCH',
      message: expect.stringContaining('basis'),
    });
  });
});

test('a generator with the file damaged, exchanged or missing is refused with its name, and so is a run', async () => {
  await complete('run', { ...BASIS, steps: 1, checkpointEvery: 1 });
  await using made = await Generator.load(checkpoint('run', 1), { device: 'cpu' });
  // A saved generator has no checksums: the digest of its manifest must tell.
  const folder = at('generator');
  await made.save(folder);
  const path = join(folder, BASIS_FILE);
  const bytes = await readFile(path);
  const refused = (code: string, said: string | RegExp = path) =>
    expect(Generator.load(folder, { device: 'cpu' })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(said),
    });
  const changed = async (change: (other: Buffer) => void) => {
    const other = Buffer.from(bytes);
    change(other);
    await writeFile(path, other);
  };
  await changed((other) => {
    other[other.length - 2]! ^= 1;
  });
  await refused('CORRUPT_FILE', 'other values than the decoder was trained with');
  await changed((other) => other.writeUInt16LE(0x7c00, other.length - 2));
  await refused(
    'CORRUPT_FILE',
    /generator.basis\.safetensors: the basis: invalid directions; expected finite numbers, got Infinity/,
  );
  await writeFile(path, bytes.subarray(0, bytes.length - 8));
  await refused('CORRUPT_FILE');
  await rm(path);
  await refused('FILE_NOT_FOUND');
  await writeFile(path, bytes);
  const manifest = JSON.parse(await readFile(join(folder, 'generator.json'), 'utf8'));
  const write = (adapter: object, other = {}) =>
    writeFile(join(folder, 'generator.json'), JSON.stringify({ ...manifest, ...other, adapter }));
  const { basisSha256: _, ...without } = manifest.adapter;
  await write(without);
  await refused('CORRUPT_FILE');
  const decoder = { ...manifest.decoder, features: endingIn(2, 1, 1) };
  await write({ ...manifest.adapter, basis: 2 }, { decoder });
  await refused('SHAPE_MISMATCH', /basis\.safetensors: directions does not fit.*expected F16 \[2, /);
  await write({ ...manifest.adapter, basis: 1.5 });
  await refused('CORRUPT_FILE', /basis/);
  const { normalisation: __, normalisationSha256: ___, ...chunked } = manifest.adapter;
  await write(chunked);
  await refused('CORRUPT_FILE', /adapter\.basis.*no basis with the normalisation 'chunk'/);
  await rm(at('run', BASIS_FILE));
  await expect(Trainer.resume(at('run'))).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining(at('run', BASIS_FILE)),
  });
});

test('a plan counts its memory and its file, and a limit holds for it, too', async () => {
  const settings = { ...BASIS, encoder: 'hash', kernelSize: 3, pairs: at('pairs'), batch: 4 } as const;
  const plan = await planRun(settings);
  const bytes = 4 * LAYOUT.size;
  expect(plan.memory!.basisBytes).toBe((3 + 2 * 4) * bytes);
  const { total, operands, stepBytes, parameters, states } = plan.memory!;
  expect(stepBytes).toBe(total + operands + plan.memory!.basisBytes);
  expect(plan.checkpointBytes).toBe(parameters + states + (3 * bytes) / 2);
  expect(plan.run.adapter).toMatchObject({ normalisation: 'residual', basis: 3 });
  expect((await planRun({ ...settings, memoryLimit: 10 * bytes })).memoryProblem).toMatch(
    /a basis of 3 directions, with the weight tokens of a batch,.*lower basis or batch/,
  );
  // A limit that is enough for a whole run, and for resuming it.
  const limited = { ...BASIS, memoryLimit: 2 * stepBytes, steps: 4 };
  await complete('limited', limited);
  await using trainer = await create('stopped', limited);
  await stepsOf(trainer, 2);
  await trainer.save();
  await trainer.dispose();
  await using resumed = await Trainer.resume(at('stopped'));
  await stepsOf(resumed);
  expect(await checkpointBytes(checkpoint('stopped', 4))).toEqual(await checkpointBytes(checkpoint('limited', 4)));
});

test('on the command line', async () => {
  const flags = ['--pairs', at('pairs'), '--encoder', 'hash', '--kernel-size', '3', '--batch', '4', '--steps', '1'];
  const given = [...flags, '--basis', '3', '--features', JSON.stringify(BASIS.features)];
  const plan = await dnd(['train', ...given, '--dry-run']);
  expect(plan.stdout).toMatch(/normalisation residual, in a basis of 3 directions/);
  expect(plan.stdout).toMatch(/basis and weight tokens of a batch \d/);
  const run = await dnd(['train', ...given, '--out', at('run')]);
  expect([run.code, run.stderr]).toEqual([0, expect.stringContaining('computing the basis')]);
  expect((await dnd(['inspect', checkpoint('run', 1)])).stdout).toMatch(/in a basis of 3 directions/);
  const report = await dnd(['report', at('run')]);
  expect(report.code).toBe(0);
  expect(await readFile(at('run', 'report.html'), 'utf8')).toContain('in a basis of 3 directions');
});

test('a run killed after it wrote the basis, and before run.json, can be started again', async () => {
  for (const name of ['with', 'without']) {
    await mkdir(at(name));
    await writeFile(at(name, BASIS_FILE), 'of pairs that have changed since');
  }
  await complete('whole', { ...BASIS, steps: 1 });
  await complete('with', { ...BASIS, steps: 1 });
  expect(await readFile(at('with', BASIS_FILE))).toEqual(await readFile(at('whole', BASIS_FILE)));
  await complete('without', { steps: 1, checkpointEvery: 1 });
  await expect(readFile(at('without', BASIS_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
  const { formatVersion, adapter } = await manifestOf(checkpoint('without', 1));
  expect([formatVersion, Object.keys(adapter)]).toEqual([
    1,
    ['rank', 'alpha', 'useRslora', 'modules', 'chunk', 'layersPath'],
  ]);
});

test('an abort stops the computation, and leaves no run behind', async () => {
  const abort = new AbortController();
  const started = create('aborted', {
    ...BASIS,
    signal: abort.signal,
    onProgress: (_, stage) => stage === 'basis' && abort.abort(new Error('enough')),
  });
  await expect(started).rejects.toThrow('enough');
  await expect(readFile(at('aborted', BASIS_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
});
