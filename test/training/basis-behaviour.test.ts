import { Trainer } from '../../src/training/trainer.js';
import { useBehaviourRuns, writePairsWithCheckpoints } from './behaviour-workshop.js';
import { checkpointBytes, metricsOf, stepsOf } from './run-workshop.js';

jest.setTimeout(300_000);

const { at, create, complete, checkpoint } = useBehaviourRuns();

const BASIS = {
  basis: 3,
  features: [
    [4, 8, 16],
    [8, 4, 16],
    [3, 1, 1],
  ],
} as const;

let pairs: string;
beforeAll(async () => {
  pairs = await writePairsWithCheckpoints(at);
}, 300_000);

test('both losses go through the basis, and the run is resumed exactly', async () => {
  const settings = { ...BASIS, pairs, loss: 'both', tokenSteps: 0 } as const;
  await complete('both', settings);
  const lines = await metricsOf(at('both'));
  for (const { loss, tokenLoss, behaviourLoss } of lines.filter(({ step }) => step !== undefined)) {
    expect(tokenLoss).toBeGreaterThan(0);
    expect(behaviourLoss).toBeGreaterThan(0);
    expect(loss).toBeCloseTo(tokenLoss! + behaviourLoss!, 10);
  }
  const trainer = await create('stopped', { ...settings, threads: 1 });
  await stepsOf(trainer, 3);
  await trainer.dispose();
  await using resumed = await Trainer.resume(at('stopped'));
  await stepsOf(resumed);
  expect(await checkpointBytes(checkpoint('stopped', 8))).toEqual(await checkpointBytes(checkpoint('both', 8)));
  expect(await metricsOf(at('stopped'))).toEqual(lines);
});

test('the behaviour loss alone makes the responses likelier', async () => {
  const settings = { ...BASIS, pairs, steps: 30, evaluateEvery: 30, checkpointEvery: 30 } as const;
  await complete('behaviour', settings);
  const evaluations = (await metricsOf(at('behaviour'))).filter(({ evaluation }) => evaluation !== undefined);
  const [before, after] = evaluations.map(
    ({ responses }) => responses!.reduce((sum, { loss }) => sum + loss, 0) / responses!.length,
  );
  expect(evaluations).toHaveLength(2);
  expect(after).toBeLessThan(0.95 * before!);
});
