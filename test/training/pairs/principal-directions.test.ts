import { AdapterLayout } from '../../../src/adapter/index.js';
import { openPairs, principalDirections, readTokens, residualOf } from '../../../src/training/pairs/index.js';
import { TINY_BASE } from '../../generator/tiny.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { type TaskSettings, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();

/** The last chunk of some tensors does not fill its token. */
const LAYOUT = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'residual', chunk: 20 });

const dot = (one: Float32Array, other: Float32Array) => one.reduce((sum, value, i) => sum + value * other[i]!, 0);

/** The tasks of written pairs, the layout of their checkpoints and the mean tokens of each, zeros for NaN. */
async function opened(tasks: Readonly<Record<string, TaskSettings>>) {
  await writePairs(temporary(), { tasks });
  const pairs = await openPairs(temporary());
  const layout = await residualOf(
    pairs.tasks.flatMap(({ checkpoints }) => checkpoints),
    LAYOUT,
  );
  const means: Float32Array[] = [];
  for (const { checkpoints } of pairs.tasks) {
    const mean = new Float32Array(layout.size);
    for (const checkpoint of checkpoints)
      for (const [e, value] of (await readTokens(checkpoint, layout, {})).entries())
        if (!Number.isNaN(value)) mean[e]! += value / checkpoints.length;
    means.push(mean);
  }
  return { tasks: pairs.tasks, layout, means };
}

const FIVE = { a: { checkpoints: 2 }, b: { checkpoints: 2 }, c: { checkpoints: 2 }, d: { checkpoints: 2 }, e: {} };

test('they are orthogonal, and over the tasks the mean square of each coefficient is 1, that of leading ones of the largest', async () => {
  const { tasks, layout, means } = await opened(FIVE);
  const count = 4;
  const directions = await principalDirections(tasks, layout, count);
  const rows = Array.from({ length: count }, (_, i) => directions.subarray(i * layout.size, (i + 1) * layout.size));
  const squares = rows.map((row) => dot(row, row));
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < i; j++)
      expect(Math.abs(dot(rows[i]!, rows[j]!))).toBeLessThan(1e-5 * Math.sqrt(squares[i]! * squares[j]!));
    const coefficients = means.map((mean) => dot(mean, rows[i]!) / squares[i]!);
    expect(coefficients.reduce((sum, value) => sum + value * value, 0) / means.length).toBeCloseTo(1, 4);
    const most = coefficients.reduce((one, other) => (Math.abs(other) > Math.abs(one) ? other : one));
    expect(most).toBeGreaterThan(0);
  }
  expect([...squares].sort((one, other) => other - one)).toEqual(squares);
  // As many as there can be say everything about the tasks, of however many checkpoints each is the mean.
  for (const mean of means) {
    const rest = mean.slice();
    for (const [i, row] of rows.entries()) {
      const factor = dot(mean, row) / squares[i]!;
      for (let e = 0; e < rest.length; e++) rest[e]! -= factor * row[e]!;
    }
    expect(dot(rest, rest) / dot(mean, mean)).toBeLessThan(1e-8);
  }
});

test('they are the same with a part of the checkpoints in memory, and zeros where a chunk does not fill its token', async () => {
  const { tasks, layout } = await opened(FIVE);
  const whole = await principalDirections(tasks, layout, 3);
  const fractions: number[] = [];
  const parts = await principalDirections(tasks, layout, 3, { most: 1, onProgress: (f) => fractions.push(f) });
  expect(fractions.at(-1)).toBe(1);
  expect(Math.max(...fractions)).toBe(1);
  const largest = whole.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [e, value] of parts.entries()) expect(Math.abs(value - whole[e]!)).toBeLessThan(1e-5 * largest);
  const tokens = await readTokens(tasks[0]!.checkpoints[0]!, layout, {});
  const empty = [...tokens.keys()].filter((e) => Number.isNaN(tokens[e]!));
  expect(empty.length).toBeGreaterThan(0);
  expect(empty.filter((e) => !Object.is(Math.abs(whole[e]!), 0))).toEqual([]);
});

test('more than the tasks differ in are refused', async () => {
  const { tasks, layout } = await opened(FIVE);
  await expect(principalDirections(tasks, layout, 5)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/mean checkpoints of 5 training tasks differ in 4 directions; expected.*got 5/),
  });
  const twice = [...tasks.slice(0, 3), tasks[0]!];
  await expect(principalDirections(twice, layout, 4)).rejects.toMatchObject({
    message: expect.stringMatching(/4 training tasks differ in 3 directions/),
  });
});

test('an abort stops them', async () => {
  const { tasks, layout } = await opened(FIVE);
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(principalDirections(tasks, layout, 2, { signal })).rejects.toThrow('enough');
});
