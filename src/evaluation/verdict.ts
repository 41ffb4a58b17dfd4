import type { Interval } from './intervals.js';
import { CONTROLS, ROWS, type RowId } from './rows.js';

/** Generated adapters against one other row: the paired difference of exact matches. */
export interface Comparison extends Interval {
  with: RowId;
  /** Whether the whole interval is above, below, or not on one side of zero. */
  outcome: 'better' | 'worse' | 'no difference shown';
}

export interface Verdict {
  /** One short sentence. */
  headline: string;
  reasons: string[];
}

export function compare(difference: Interval, other: RowId): Comparison {
  const outcome = difference.low > 0 ? 'better' : difference.high < 0 ? 'worse' : 'no difference shown';
  return { with: other, outcome, ...difference };
}

/** What a generator must beat to be of use; a row that was not measured is not held against it. */
const AVERAGES: readonly RowId[] = ['meanOfTraining', 'joint'];

/** What the comparisons say, in words, and nothing that they do not. */
export function verdictOf(comparisons: readonly Comparison[]): Verdict {
  const by = new Map(comparisons.map((one) => [one.with, one]));
  const shown = (row: RowId) => by.get(row)?.outcome === 'better';
  const measured = (rows: readonly RowId[]) => rows.filter((row) => by.has(row));
  const averages = measured(AVERAGES);
  const controls = measured(CONTROLS);
  const reasons = comparisons.map(reasonOf);
  if (!shown('base')) return { headline: 'Not better than the base model: the generator does not help.', reasons };
  if (controls.some((row) => !shown(row)))
    return {
      headline: averages.some((row) => !shown(row))
        ? 'The generator gives the mean of the training LoRAs and nothing more: other prompts do as well.'
        : 'Better than the base, but not because of the prompts: a control does as well.',
      reasons,
    };
  if (averages.some((row) => !shown(row)))
    return { headline: 'Better than the base, but not shown to be better than one adapter for all tasks.', reasons };
  if (by.has('bestSingle') && !shown('bestSingle'))
    return { headline: 'Better than an average adapter, but not than the best single training LoRA.', reasons };
  const limits = controls.length === 0 ? ' No controls were measured.' : '';
  return { headline: `The generator works on tasks it never saw.${limits}`, reasons };
}

function reasonOf({ with: other, outcome, mean, low, high }: Comparison): string {
  const points = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(100 * value).toFixed(1)}`;
  const interval = `${points(mean)} points, 95 % interval ${points(low)} to ${points(high)}`;
  return `${outcome === 'no difference shown' ? 'No difference shown to' : outcome === 'better' ? 'Better than' : 'Worse than'} ${ROWS[other]} (${interval}).`;
}
