import { ROWS, type RowId } from '../../src/evaluation/rows.js';
import { compare, verdictOf } from '../../src/evaluation/verdict.js';

/** Differences in points; an interval of ± 3 around each. */
const comparisons = (points: Partial<Record<RowId, number>>) =>
  Object.entries(points).map(([row, value]) =>
    compare({ mean: value / 100, low: (value - 3) / 100, high: (value + 3) / 100 }, row as RowId),
  );

const BETTER = { base: 80, joint: 60, meanOfTraining: 78, bestSingle: 77, otherPrompts: 79, randomCondition: 70 };

test.each<[string, Partial<Record<RowId, number>>, RegExp]>([
  ['everything is beaten', BETTER, /^The generator works on tasks it never saw\.$/],
  ['the base is as good', { ...BETTER, base: 2 }, /^Not better than the base model/],
  ['the base is better', { ...BETTER, base: -20 }, /^Not better than the base model/],
  [
    'other prompts and the mean do as well',
    { ...BETTER, otherPrompts: 1, meanOfTraining: 0 },
    /gives the mean of the training LoRAs and nothing more/,
  ],
  ['other prompts alone do as well', { ...BETTER, otherPrompts: 1 }, /not because of the prompts/],
  ['a random condition does as well', { ...BETTER, randomCondition: -1 }, /not because of the prompts/],
  ['the joint LoRA does as well', { ...BETTER, joint: 2 }, /not shown to be better than one adapter for all tasks/],
  ['the best single does as well', { ...BETTER, bestSingle: 1 }, /not than the best single training LoRA/],
  ['there are no controls', { base: 50 }, /No controls were measured/],
])('the verdict where %s', (_, points, headline) => {
  expect(verdictOf(comparisons(points)).headline).toMatch(headline);
});

test('reasons give each difference with its interval, in points', () => {
  const { reasons } = verdictOf(comparisons({ base: 12, joint: 1, bestSingle: -8 }));
  expect(reasons).toEqual([
    `Better than ${ROWS.base} (+12.0 points, 95 % interval +9.0 to +15.0).`,
    `No difference shown to ${ROWS.joint} (+1.0 points, 95 % interval −2.0 to +4.0).`,
    `Worse than ${ROWS.bestSingle} (−8.0 points, 95 % interval −11.0 to −5.0).`,
  ]);
});
