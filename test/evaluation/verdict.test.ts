import type { NamedRowId } from '../../src/evaluation/rows.js';
import { compare, verdictOf } from '../../src/evaluation/verdict.js';

/** Differences in points; an interval of ± 3 around each. */
const comparisons = (points: Partial<Record<NamedRowId, number>>, taskCount = 6) =>
  Object.entries(points).map(([row, value]) =>
    compare({ mean: value / 100, low: (value - 3) / 100, high: (value + 3) / 100 }, row as NamedRowId, taskCount),
  );

const BETTER = { base: 80, joint: 60, meanOfTraining: 78, bestSingle: 77, otherPrompts: 79, randomCondition: 70 };

test.each<[string, Partial<Record<NamedRowId, number>>, RegExp]>([
  ['everything is beaten', BETTER, /^The generator works on tasks it never saw\.$/],
  ['the base is as good', { ...BETTER, base: 2 }, /^Not shown to be better than the base model\.$/],
  ['the base is better', { ...BETTER, base: -20 }, /^Worse than the base model/],
  [
    'other prompts and the mean do as well',
    { ...BETTER, otherPrompts: 1, meanOfTraining: 0 },
    /^The generator gives the mean of the training LoRAs and nothing more/,
  ],
  [
    'a random condition and the mean do as well',
    { ...BETTER, randomCondition: 1, meanOfTraining: 0 },
    /gives the mean of the training LoRAs and nothing more/,
  ],
  [
    'the mean is better, and a control as good',
    { ...BETTER, otherPrompts: 1, meanOfTraining: -9 },
    /^Worse than the mean of the training LoRAs, and not shown to be better than a control/,
  ],
  [
    'a control and the joint LoRA do as well, but not the mean',
    { ...BETTER, otherPrompts: 1, joint: 0 },
    /a control is not shown to be worse/,
  ],
  ['other prompts alone do as well', { ...BETTER, otherPrompts: 1 }, /a control is not shown to be worse/],
  ['a random condition does as well', { ...BETTER, randomCondition: -1 }, /the prompts may not matter\.$/],
  ['the mean does as well', { ...BETTER, meanOfTraining: 2 }, /not shown to be better than the mean of the training/],
  ['the joint LoRA does as well', { ...BETTER, joint: 2 }, /not shown to be better than the joint LoRA\.$/],
  ['the best single does as well', { ...BETTER, bestSingle: 1 }, /not shown to be better than the best training LoRA/],
  ['the nearest single is better', { ...BETTER, joint: 1, nearestSingle: -9 }, /worse than .* the nearest prompts\.$/],
  ['only the base was measured', { base: 50 }, /^Better than all that was measured, on tasks it never saw\.$/],
])('the verdict where %s', (_, points, expected) => {
  const { headline, reasons } = verdictOf(comparisons(points), { unseen: true, taskCount: 6 });
  expect(headline).toMatch(expected);
  for (const line of [headline, ...reasons.map((reason) => `  ${reason}`)])
    expect(line.length).toBeLessThanOrEqual(100);
});

test('what was not measured is named', () => {
  expect(verdictOf(comparisons({ base: 50 }), { unseen: true, taskCount: 6 }).reasons.at(-1)).toBe(
    'Not measured: the mean of the training LoRAs, the best training LoRA, controls.',
  );
  expect(verdictOf(comparisons(BETTER), { unseen: true, taskCount: 6 }).reasons.join()).not.toContain('Not measured');
});

test('tasks that may have been trained on are not called unseen', () => {
  const { headline } = verdictOf(comparisons(BETTER), { unseen: false, taskCount: 6 });
  expect(headline).toBe('The generator works on these tasks, which it may have been trained on.');
});

test('the best training LoRA for each task is told, and not held against the generator', () => {
  const { headline, reasons } = verdictOf(comparisons({ ...BETTER, bestSingleEach: -9 }), {
    unseen: true,
    taskCount: 6,
  });
  expect(headline).toBe('The generator works on tasks it never saw.');
  expect(reasons).toContain('Worse than the best training LoRA for each task: −9.0 points (−12.0 to −6.0).');
});

test('the share of what own LoRAs add is told, and descriptions are not called prompts', () => {
  const shareOfOwn = { mean: 0.951, low: -0.2, high: 1.1 };
  const options = { unseen: true, taskCount: 6, texts: 'descriptions', shareOfOwn } as const;
  const { headline, reasons } = verdictOf(comparisons({ ...BETTER, otherPrompts: 1 }), options);
  expect(headline).toContain('the descriptions may not matter');
  expect(reasons.join()).toContain("a control, another task's descriptions: +1.0 points");
  expect(reasons).toContain("Of what the tasks' own LoRAs add to the joint LoRA, 95.1 % is reached (−20.0 to 110.0).");
});

test('an interval that touches zero is no difference', () => {
  expect(compare({ mean: 0.1, low: 0, high: 0.2 }, 'base', 6).outcome).toBe('no difference shown');
  expect(compare({ mean: -0.1, low: -0.2, high: 0 }, 'base', 6).outcome).toBe('no difference shown');
});

test('no difference counts as shown over fewer than six tasks, however large', () => {
  const certain = { mean: 1, low: 1, high: 1 };
  expect([1, 5, 6].map((taskCount) => compare(certain, 'base', taskCount).outcome)).toEqual([
    'no difference shown',
    'no difference shown',
    'better',
  ]);
  const { headline, reasons } = verdictOf(comparisons(BETTER, 5), { unseen: true, taskCount: 5 });
  expect(headline).toBe('Too few tasks for a verdict: 5; at least 6 are needed.');
  expect(reasons.join()).not.toContain('Better');
});

test('reasons give each difference with its interval, in points', () => {
  const { reasons } = verdictOf(comparisons({ base: 12, joint: 1, bestSingle: -8 }), { unseen: true, taskCount: 6 });
  expect(reasons.slice(0, 3)).toEqual([
    'Better than the base model: +12.0 points (+9.0 to +15.0).',
    'No difference shown to the joint LoRA: +1.0 points (−2.0 to +4.0).',
    'Worse than the best training LoRA tried: −8.0 points (−11.0 to −5.0).',
  ]);
});
