import { AdapterLayout } from '../../src/adapter/index.js';
import { changedSettings, resolveSettings, settingsDigest } from '../../src/training/config.js';
import type { CreateTrainerOptions } from '../../src/training/start-run.js';
import { Trainer } from '../../src/training/trainer.js';
import { TINY_BASE } from '../generator/tiny.js';
import { checkpointBytes, stepsOf, useRuns } from './run-workshop.js';

jest.setTimeout(120_000);

const { at, checkpoint, complete, create, metrics } = useRuns();
const NEEDED = { pairs: '/p', encoder: 'hash' };

const LAYOUT = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'residual' });
const RESIDUAL = {
  normalisation: 'residual',
  features: [
    [4, 8, 16],
    [6, 6, 12],
    [LAYOUT.tokenCount, LAYOUT.tokenHeight, LAYOUT.tokenWidth],
  ],
} as const satisfies Partial<CreateTrainerOptions>;

test.each(['canonical', 'delta'] as const)('a run with the targets %s resumes byte for byte', async (targets) => {
  const settings = { ...RESIDUAL, targets, microBatch: 3 };
  await complete('whole', { ...settings, steps: 6 });
  await using trainer = await create('stopped', { ...settings, steps: 6 });
  await stepsOf(trainer, 4);
  await trainer.save();
  await trainer.dispose();
  await using resumed = await Trainer.resume(at('stopped'), { threads: 3 });
  await stepsOf(resumed);
  await resumed.dispose();
  expect(await checkpointBytes(checkpoint('stopped', 6))).toEqual(await checkpointBytes(checkpoint('whole', 6)));
  expect(await metrics('stopped')).toEqual(await metrics('whole'));
  await complete('raw', { ...RESIDUAL, microBatch: 3, steps: 6 });
  expect(await checkpointBytes(checkpoint('raw', 6))).not.toEqual(await checkpointBytes(checkpoint('whole', 6)));
  await expect(Trainer.resume(at('whole'), { targets: 'raw' })).rejects.toMatchObject({
    code: 'RESUME_MISMATCH',
    message: expect.stringContaining('targets'),
  });
});

test('enough steps of the targets delta come closer to what checkpoints add to the base than their mean', async () => {
  const steps = await complete('long', {
    ...{ ...RESIDUAL, targets: 'delta', steps: 60, learningRate: 2e-2 },
    ...{ evaluateEvery: 60, checkpointEvery: 60 },
  });
  const last = steps.slice(-10).reduce((sum, { loss }) => sum + loss, 0) / 10;
  // 1 is the loss of the mean adapter.
  expect(steps[0]!.loss).toBeGreaterThan(0.9);
  expect(last).toBeLessThan(0.5);
  const [first, end] = (await metrics('long')).filter((line) => 'evaluation' in line) as never as {
    tasks: { task: string; loss: number; cosine: number }[];
    cells: unknown[];
  }[];
  const ofAnimals = ({ tasks }: { tasks: { task: string; loss: number; cosine: number }[] }) =>
    tasks.find(({ task }) => task === 'animals')!;
  expect(ofAnimals(end!).loss).toBeLessThan(ofAnimals(first!).loss);
  expect(ofAnimals(end!).cosine).toBeGreaterThan(0.3);
  expect(end!.cells).toHaveLength(2 * 7);
});

test('delta brings the normalisation residual along, and is refused where it cannot be', () => {
  expect(resolveSettings({ ...NEEDED, targets: 'delta' })).toMatchObject({ normalisation: 'residual', loss: 'tokens' });
  expect(resolveSettings({ ...NEEDED, targets: 'canonical' }).normalisation).toBe('chunk');
  expect(() => resolveSettings({ ...NEEDED, targets: 'delta', normalisation: 'chunk' })).toThrow(
    "targets 'delta' need the normalisation 'residual', not 'chunk'",
  );
  expect(() => resolveSettings({ ...NEEDED, base: '/b', targets: 'delta', loss: 'behaviour' })).toThrow(
    "loss is 'behaviour'",
  );
});

test('runs from before there were targets keep their digest, and others have their own', () => {
  const run = resolveSettings(NEEDED);
  // As this version's predecessor computed them.
  expect(settingsDigest(run)).toBe('a0f5616cdc5f4b83aacc2dd14404ef892442f049c46ed4ef4a1fa96cd3adc884');
  expect(settingsDigest({ ...run, targets: 'canonical' })).not.toBe(settingsDigest(run));
  expect(() => changedSettings(run, { targets: 'canonical' }, 'run')).toThrow('targets is "raw", not "canonical"');
});
