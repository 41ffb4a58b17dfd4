import { expectedNormRatio, judge, normRatioAt } from '../../src/report/judgement.js';
import type { Evaluation, TrainingStep } from '../../src/training/metrics.js';
import { behaviourEvaluation, behaviourStep, exampleEvaluation, exampleStep } from './example.js';

const run = (steps: number, more: (step: number) => Partial<TrainingStep> = () => ({})): TrainingStep[] =>
  Array.from({ length: steps }, (_, i) => exampleStep(i + 1, more(i + 1)));
const said = (steps: TrainingStep[], evaluations: Evaluation[] = []) => {
  const { headline, reasons } = judge(steps, evaluations);
  return [headline, ...reasons].join(' ');
};

test('a run whose norm ratio keeps up with the early signs, and whose loss falls, works', () => {
  expect(judge(run(100), []).state).toBe('working');
  expect(judge(run(400), []).state).toBe('working');
  expect(said(run(400))).toMatch(/0\.5\d+ at step 100 \(about 0\.5 in a run that works\)/);
});

test('before the first sign it is too early to say', () => {
  expect(judge([], [])).toMatchObject({ state: 'early', headline: expect.stringContaining('no step') });
  expect(judge(run(5), []).headline).toBe('Too early to say after 5 steps.');
  expect(judge(run(60), []).headline).toContain('Good so far');
  expect(
    judge(
      run(60, () => ({ normRatio: 0.01 })),
      [],
    ).headline,
  ).toContain('Too early to say');
  expect(said(run(60))).toContain('about 0.5 is expected at step 100');
});

test('generated weights that stay small are slow, and after a thousand steps a failure', () => {
  const small = () => ({ normRatio: 0.1 });
  expect(judge(run(300, small), []).state).toBe('slow');
  expect(judge(run(1200, small), []).state).toBe('failing');
  expect(
    judge(
      run(1200, () => ({ normRatio: 0.5 })),
      [],
    ).state,
  ).toBe('slow');
});

test('a loss that rises, weights that are too large, and what is no number are failures, with the step', () => {
  expect(
    judge(
      run(100, (step) => ({ loss: step })),
      [],
    ).headline,
  ).toContain('the loss rises');
  expect(
    judge(
      run(100, () => ({ normRatio: 2 })),
      [],
    ).headline,
  ).toContain('larger than the true ones');
  const broken = run(50, (step) => (step === 50 ? { loss: Number.NaN } : {}));
  expect(judge(broken, [])).toMatchObject({ state: 'failing', headline: expect.stringContaining('at step 50') });
  const infinite = run(50, (step) => (step === 20 ? { gradientNorm: Number.NaN } : {}));
  expect(judge(infinite, []).headline).toContain('at step 20');
});

test('held-out losses are told from first to last, and where they were lowest when they have risen since', () => {
  const falling = [50, 100].map(exampleEvaluation);
  expect(said(run(100), falling)).toMatch(/held-out checkpoints: 0\.797 at first, 0\.645 now, down by 19 %; cosine/);
  expect(said(run(100), falling)).toMatch(/held-out tasks: 0\.887 at first/);
  expect(said(run(100), falling)).not.toContain('lowest');
  const rising = [50, 100, 150].map((step) => ({
    ...exampleEvaluation(step),
    tasks: exampleEvaluation(step).tasks.map((task) => ({ ...task, loss: 1 + Math.abs(step - 100) / 100 })),
  }));
  expect(said(run(150), rising)).toContain('lowest, 1, at step 100');
});

test('where nothing is held out, that is said', () => {
  const tasks = exampleEvaluation(50).tasks.map((task) => ({ ...task, heldOut: 'none' as const }));
  expect(said(run(100), [{ ...exampleEvaluation(50), tasks }])).toContain(
    'training checkpoints (nothing is held out): 0.827;',
  );
});

test('the expected norm ratio goes through the early signs', () => {
  expect([0, 50, 100, 150, 200, 5000].map(expectedNormRatio)).toEqual([0, 0.25, 0.5, 0.625, 0.75, 0.75]);
});

test('the norm ratio at a step is the mean around it, and none where the run has not been', () => {
  expect(
    normRatioAt(
      run(400, (step) => ({ normRatio: step })),
      200,
    ),
  ).toBeCloseTo(200);
  expect(normRatioAt(run(99), 100)).toBeNaN();
});

describe("with the normalisation 'residual' the loss of the mean adapter, 1, is the measure", () => {
  const withLosses = (count: number, loss: (step: number) => number, normRatio = 0.3) =>
    run(count).map((step) => ({ ...step, loss: loss(step.step), normRatio }));

  test('a run below it works, although its norm ratio is far from what the published scheme expects', () => {
    const { state, headline, reasons } = judge(
      withLosses(300, (step) => 1.2 - step / 600),
      [],
      'residual',
    );
    expect([state, headline]).toEqual(['working', expect.stringContaining('closer to the true ones than the mean')]);
    expect(reasons.join(' ')).toContain('the mean adapter has 1');
    expect(reasons.join(' ')).not.toContain('in a run that works');
  });

  test('a run that only reproduces the mean does not, although its norm ratio may look right', () => {
    const flat = (step: number) => 1.05 - step / 1e5;
    expect(judge(withLosses(60, flat, 1), [], 'residual').state).toBe('early');
    expect(judge(withLosses(400, flat, 1), [], 'residual').state).toBe('slow');
    expect(judge(withLosses(1200, flat, 1), [], 'residual').state).toBe('failing');
    expect(
      judge(
        withLosses(400, (step) => 1 + step / 400),
        [],
        'residual',
      ).headline,
    ).toContain('the loss rises');
    expect(judge(withLosses(5, flat), [], 'residual').headline).toBe('Too early to say after 5 steps.');
  });
});

describe('with a behaviour loss it is the responses of held-out tasks that count', () => {
  const steps = (count: number) => Array.from({ length: count }, (_, i) => behaviourStep(i + 1));
  const after = (count: number, losses: readonly number[]) =>
    judge(
      steps(count),
      losses.map((loss, i) => behaviourEvaluation((i * count) / (losses.length - 1), loss)),
      'responses',
    );

  test('a run works while they become likelier, whatever its norm ratio', () => {
    const judgement = judge(
      steps(100),
      [0, 50, 100].map((step) => behaviourEvaluation(step)),
      'responses',
    );
    expect(judgement).toMatchObject({
      state: 'working',
      headline: 'Working: with generated adapters responses of held-out tasks become likelier.',
    });
    expect(judgement.reasons).toEqual([
      expect.stringMatching(/^Training loss: .* down by \d+ %\.$/),
      'Response loss of held-out tasks: 1.1 at first, 0.711 now, down by 35 %; exact answers: 0.0 % at first, 28.9 % now.',
      'Response loss of tasks trained on: 1 at first, 0.513 now, down by 49 %; exact answers: 0.0 % at first, 48.7 % now.',
    ]);
    expect(after(40, [1, 0.8]).state).toBe('working');
  });

  test('one that was better before is past its best, and told from when a checkpoint is better', () => {
    const { state, headline, reasons } = after(400, [1, 0.5, 0.7]);
    expect([state, headline]).toEqual(['slow', 'Past its best: responses of held-out tasks become less likely again.']);
    expect(reasons.join(' ')).toContain('It was lowest, 0.5, at step 200: a checkpoint from there');
    expect(after(400, [1, 0.5, 0.98]).state).toBe('failing');
    expect(after(400, [1, 0.5, 1.2]).headline).toBe('Not working: responses of held-out tasks become less likely.');
    expect(after(400, [1, 0.5, 0.52]).state).toBe('working');
  });

  test('one that gains nothing is early, then slow, then a failure; so is a training loss that rises', () => {
    expect([60, 400, 1200].map((count) => after(count, [1, 1.01, 0.98]).state)).toEqual(['early', 'slow', 'failing']);
    const rising = Array.from({ length: 100 }, (_, i) => behaviourStep(i + 1, { loss: 1 + i / 50 }));
    expect(
      judge(
        rising,
        [0, 100].map((step) => behaviourEvaluation(step)),
        'responses',
      ).headline,
    ).toContain('the loss rises');
    expect(judge(steps(5), [], 'responses').headline).toBe('Too early to say after 5 steps.');
    expect(judge(steps(400), [behaviourEvaluation(0)], 'responses')).toMatchObject({
      state: 'early',
      headline: 'Too early to say: responses have not been evaluated twice.',
    });
  });

  test('without held-out tasks those of the others are all there is, and that is said', () => {
    const evaluations = [0, 100].map((step) => {
      const made = behaviourEvaluation(step);
      return { ...made, responses: made.responses!.filter(({ heldOut }) => heldOut !== 'task') };
    });
    expect(judge(steps(100), evaluations, 'responses').headline).toBe(
      'Working: with generated adapters responses of tasks trained on become likelier.',
    );
  });
});

describe('a run on checkpoints that teach nothing', () => {
  const task = (name: string, meaningless?: string, heldOut = false) => ({
    name,
    heldOut,
    ...(meaningless === undefined ? {} : { meaningless }),
  });
  const on = (steps: TrainingStep[], ...tasks: ReturnType<typeof task>[]) => judge(steps, [], 'chunk', tasks);
  const working = run(400);

  test('is not working, however its curves look, and says why', () => {
    expect(on(working, task('a', 'every checkpoint does nothing'))).toMatchObject({
      state: 'failing',
      headline: 'Not working: the checkpoints teach nothing.',
      reasons: expect.arrayContaining(['Task a: every checkpoint does nothing.']),
    });
    expect(on(run(60), task('a', 'nothing')).state).toBe('failing');
    expect(on([], task('a', 'nothing')).state).toBe('failing');
  });

  test('is in doubt where some of its tasks are such', () => {
    const judgement = on(working, task('a', 'nothing'), task('b'));
    expect(judgement).toMatchObject({
      state: 'slow',
      headline: 'In doubt: the curves look right, but the checkpoints of 1 of 2 tasks teach nothing.',
    });
    expect(judgement.headline).not.toContain('Working');
    const small = run(1200, () => ({ normRatio: 0.1 }));
    expect(on(small, task('a', 'nothing'), task('b')).headline).toBe(on(small, task('b')).headline);
  });

  test('does not concern tasks that are held out', () => {
    expect(on(working, task('a'), task('b', 'nothing', true)).state).toBe('working');
  });
});
