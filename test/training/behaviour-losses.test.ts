import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Trainer } from '../../src/training/trainer.js';
import { BEHAVIOUR_ANSWERS, BEHAVIOUR_RUN, useBehaviourRuns, writePairsWithCheckpoints } from './behaviour-workshop.js';
import { checkpointBytes, metricsOf, stepsOf } from './run-workshop.js';

jest.setTimeout(300_000);

const { at, create, complete, checkpoint } = useBehaviourRuns();

describe('on pairs with checkpoints', () => {
  let pairs: string;
  beforeAll(async () => {
    pairs = await writePairsWithCheckpoints(at);
  }, 300_000);

  test("the loss 'both' is the weighted sum of the two, and both are evaluated; it is resumed exactly", async () => {
    const settings = { pairs, loss: 'both', tokenSteps: 0, behaviourWeight: 0.5 } as const;
    await complete('both', settings);
    const lines = await metricsOf(at('both'));
    const steps = lines.filter(({ step }) => step !== undefined);
    expect(steps).toHaveLength(8);
    for (const { loss, tokenLoss, behaviourLoss, normRatio } of steps) {
      expect(tokenLoss).toBeGreaterThan(0);
      expect(behaviourLoss).toBeGreaterThan(0);
      expect(loss).toBeCloseTo(tokenLoss! + 0.5 * behaviourLoss!, 10);
      expect(normRatio).toBeGreaterThan(0);
    }
    for (const { tasks, responses, cells } of lines.filter(({ evaluation }) => evaluation !== undefined)) {
      expect(tasks!.map(({ task }) => task)).toEqual(Object.keys(BEHAVIOUR_ANSWERS));
      expect(responses!.map(({ task }) => task)).toEqual(Object.keys(BEHAVIOUR_ANSWERS));
      expect(cells!.length).toBeGreaterThan(0);
    }
    const trainer = await create('both-stopped', { ...settings, threads: 1 });
    await stepsOf(trainer, 3);
    await trainer.dispose();
    // As versions without the setting wrote it.
    const path = at('both-stopped', 'run.json');
    const { settings: written, ...run } = JSON.parse(await readFile(path, 'utf8'));
    const { tokenSteps, ...older } = written;
    expect(tokenSteps).toBe(0);
    await writeFile(path, JSON.stringify({ ...run, settings: older }));
    await using resumed = await Trainer.resume(at('both-stopped'));
    await stepsOf(resumed);
    expect(await checkpointBytes(checkpoint('both-stopped', 8))).toEqual(await checkpointBytes(checkpoint('both', 8)));
    expect(await metricsOf(at('both-stopped'))).toEqual(lines);
  });

  test("with 'tokenSteps' the token loss comes first and the behaviour loss afterwards, resumed exactly between them", async () => {
    const settings = { pairs, loss: 'both', tokenSteps: 5 } as const;
    await complete('order', settings);
    const lines = await metricsOf(at('order'));
    const steps = lines.filter(({ step }) => step !== undefined);
    expect(steps).toHaveLength(8);
    for (const { step, loss, tokenLoss, behaviourLoss, normRatio } of steps) {
      const ofTokens = step! <= 5;
      expect(ofTokens ? tokenLoss : behaviourLoss).toBe(loss);
      expect(ofTokens ? behaviourLoss : tokenLoss).toBeUndefined();
      expect(normRatio === null).toBe(!ofTokens);
    }
    // Until then it is a run of the token loss in the same coordinates.
    await complete('tokens-alone', { pairs, loss: 'tokens', normalisation: 'residual' });
    const alone = (await metricsOf(at('tokens-alone'))).filter(({ step }) => step !== undefined);
    const first = ({ loss, normRatio, gradientNorm }: (typeof steps)[number]) => ({ loss, normRatio, gradientNorm });
    expect(steps.slice(0, 5).map(first)).toEqual(alone.slice(0, 5).map(first));
    const trainer = await create('order-stopped', { ...settings, threads: 1 });
    await stepsOf(trainer, 4);
    await trainer.dispose();
    await using resumed = await Trainer.resume(at('order-stopped'));
    await stepsOf(resumed);
    expect(await checkpointBytes(checkpoint('order-stopped', 8))).toEqual(
      await checkpointBytes(checkpoint('order', 8)),
    );
    expect(await metricsOf(at('order-stopped'))).toEqual(lines);
  });

  test("the weight of the behaviour loss decides what is learnt, and 'tokens' is neither", async () => {
    const weights = await Promise.all(
      (['heavy', 'light', 'tokens'] as const).map(async (name) => {
        const loss = name === 'tokens' ? 'tokens' : 'both';
        await complete(name, {
          pairs,
          loss,
          tokenSteps: 0,
          normalisation: 'residual',
          behaviourWeight: name === 'heavy' ? 9 : 0.01,
        });
        return (await checkpointBytes(checkpoint(name, 8)))['decoder.safetensors']!.toString('hex');
      }),
    );
    expect(new Set(weights).size).toBe(3);
  });

  test.each(['behaviour', 'both'] as const)(
    "the loss '%s' with the behaviour target 'checkpoints' is resumed exactly, and responses are still what is evaluated",
    async (loss) => {
      const settings = { pairs, loss, tokenSteps: 0, behaviourTarget: 'checkpoints' } as const;
      const name = `taught-${loss}`;
      await complete(name, settings);
      const lines = await metricsOf(at(name));
      const losses = lines.flatMap(({ behaviourLoss }) => behaviourLoss ?? []);
      expect(losses).toHaveLength(8);
      for (const value of losses) expect(value).toBeGreaterThan(0);
      const { responses } = lines.find(({ evaluation }) => evaluation === 0)!;
      expect(responses![0]!.loss).toBeGreaterThan(losses[0]!);
      const trainer = await create(`${name}-stopped`, { ...settings, threads: 1, targetCacheBytes: 1 });
      await stepsOf(trainer, 3);
      await trainer.dispose();
      await using resumed = await Trainer.resume(at(`${name}-stopped`));
      await stepsOf(resumed);
      expect(await checkpointBytes(checkpoint(`${name}-stopped`, 8))).toEqual(
        await checkpointBytes(checkpoint(name, 8)),
      );
      expect(await metricsOf(at(`${name}-stopped`))).toEqual(lines);
    },
  );

  test("with the behaviour target 'checkpoints' generated adapters come to predict what the task's own do", async () => {
    const learning = { steps: 60, sequences: 4, evaluateEvery: 60, checkpointEvery: 60 };
    const steps = await complete('taught', { pairs, behaviourTarget: 'checkpoints', ...learning });
    const meanLoss = (part: typeof steps) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
    expect(meanLoss(steps.slice(-5))).toBeLessThan(0.5 * meanLoss(steps.slice(0, 5)));
  });

  test('the behaviour target decides what is learnt, and a run cannot change it', async () => {
    const weights = await Promise.all(
      (['responses', 'checkpoints'] as const).map(async (behaviourTarget) => {
        await complete(behaviourTarget, { pairs, behaviourTarget, steps: 2 });
        return (await checkpointBytes(checkpoint(behaviourTarget, 2)))['decoder.safetensors']!.toString('hex');
      }),
    );
    expect(weights[0]).not.toBe(weights[1]);
    await expect(Trainer.resume(at('responses'), { behaviourTarget: 'checkpoints' })).rejects.toMatchObject({
      code: 'RESUME_MISMATCH',
      message: expect.stringMatching(/behaviourTarget is "responses", not "checkpoints"/),
    });
  });

  test("the loss 'behaviour' starts from the mean of the checkpoints", async () => {
    await complete('behaviour', { pairs, steps: 1 });
    const [, step] = await metricsOf(at('behaviour'));
    expect(step).toMatchObject({ step: 1, normRatio: null });
    await complete('residual', { pairs, steps: 1, loss: 'tokens', normalisation: 'residual' });
    const [own, other] = await Promise.all(
      ['behaviour', 'residual'].map((name) => readFile(at(name, 'normalisation.safetensors'))),
    );
    expect(own!.equals(other!)).toBe(true);
  });
});

describe('refused, with the way out:', () => {
  test.each(['tokens', 'both'] as const)("the loss '%s' without checkpoints", async (loss) => {
    await expect(create(`without-${loss}`, { loss })).rejects.toMatchObject({
      code: 'INVALID_PAIRS',
      message: expect.stringMatching(
        new RegExp(
          `4 of 4 training tasks have no checkpoints \\(animals, …\\), and the loss '${loss}' compares with them. Add checkpoints, or train with the loss 'behaviour'`,
        ),
      ),
    });
  });

  test("the behaviour target 'checkpoints' without checkpoints", async () => {
    await expect(create('untaught', { behaviourTarget: 'checkpoints' })).rejects.toMatchObject({
      code: 'INVALID_PAIRS',
      message: expect.stringMatching(
        /4 of 4 training tasks have no checkpoints \(animals, …\), and the behaviour target 'checkpoints' compares with them\. Add checkpoints, or train with the behaviour target 'responses'/,
      ),
    });
  });

  test('checkpoints of some tasks only', async () => {
    const pairs = at('some');
    await cp(at('pairs'), pairs, { recursive: true });
    await cp(join(pairs, 'joint'), join(pairs, 'plants', 'checkpoints', 'checkpoint-1'), { recursive: true });
    await expect(create('some-run', { pairs })).rejects.toMatchObject({
      code: 'INVALID_PAIRS',
      message: expect.stringMatching(
        /3 of 4 training tasks have no checkpoints \(animals, …\); expected checkpoints of every task, or of none and a start in pairs\.json/,
      ),
    });
  });

  test('an item without a response', async () => {
    const pairs = at('silent');
    await cp(at('pairs'), pairs, { recursive: true });
    const path = join(pairs, 'stones', 'prompts.json');
    const items = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify([...items, { prompt: 'Word 9?' }]));
    await expect(create('silent-run', { pairs })).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(
        /^item 9 of task stones has no response, and the behaviour loss needs one of every prompt; add it, or train with the loss 'tokens'/,
      ),
    });
  });

  test.each(['behaviour', 'both'] as const)("the normalisation 'chunk' with the loss '%s'", async (loss) => {
    await expect(create('chunk', { loss, normalisation: 'chunk' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        new RegExp(`loss '${loss}' needs the normalisation 'residual', not 'chunk'. Leave normalisation out`),
      ),
    });
  });

  test('no base, and one without weights', async () => {
    await expect(create('baseless', { base: undefined })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(
        /^the settings: loss 'behaviour' runs the base model, and base is missing\. Set base \(--base\) to its folder, with weights and tokenizer, or to a GGUF file$/,
      ),
    });
    await mkdir(at('described'));
    await copyFile(at('base', 'config.json'), at('described', 'config.json'));
    for (const base of [at('described'), at('described', 'config.json')])
      await expect(create('weightless', { base })).rejects.toMatchObject({
        code: 'FILE_NOT_FOUND',
        message: expect.stringMatching(
          /^the behaviour loss runs the base model, and .*described.* (has no model\.safetensors|is not a folder).*\. Set base \(--base\) to its folder/,
        ),
      });
  });

  test('a start that diverges: no step is made of a loss that is not finite', async () => {
    await using trainer = await create('diverging', {
      learningRate: 1e30,
      maxGradientNorm: 0,
      steps: 6,
      evaluateEvery: 0,
    });
    await expect(stepsOf(trainer)).rejects.toMatchObject({
      code: 'NOT_FINITE',
      message: expect.stringMatching(
        /^the (loss|gradient's norm) became (NaN|-?Infinity) in step \d, over task \w+ \(responses\)/,
      ),
    });
    expect(BEHAVIOUR_RUN.loss).toBe('behaviour');
  });
});
