import type { ConditionTexts } from '../generator/condition-form.js';
import type { Interval } from './intervals.js';
import { CONTROLS, inTermsOf, type NamedRowId } from './rows.js';

/** Generated adapters against one other row: the paired difference of exact matches. */
export interface Comparison extends Interval {
  /** The other row. */
  with: NamedRowId;
  /** Whether the whole interval is above, below, or not on one side of zero. */
  outcome: 'better' | 'worse' | 'no difference shown';
}

/** The comparisons of an evaluation in words. */
export interface Verdict {
  /** One short sentence. */
  headline: string;
  /** One sentence for each comparison, and what was not measured. */
  reasons: string[];
}

/**
 * Tasks below which no difference counts as shown. That n tasks all differ in one direction by chance has probability
 * 2^(1 − n), which is below 1/20 from six tasks on; the bootstrap, which only resamples the tasks that are there, knows
 * nothing of it, and its interval over a single task has no width at all.
 */
export const LEAST_TASKS = 6;

/**
 * @param difference of exact matches, paired by task, with its interval
 * @param taskCount tasks in it
 */
export function compare(difference: Interval, other: NamedRowId, taskCount: number): Comparison {
  return { with: other, outcome: outcomeOf(difference, taskCount), ...difference };
}

function outcomeOf({ low, high }: Interval, taskCount: number): Comparison['outcome'] {
  if (taskCount < LEAST_TASKS) return 'no difference shown';
  return low > 0 ? 'better' : high < 0 ? 'worse' : 'no difference shown';
}

/** Rows inside a sentence. */
const IN_WORDS: Record<NamedRowId, string> = {
  base: 'the base model',
  joint: 'the joint LoRA',
  meanOfTraining: 'the mean of the training LoRAs',
  averageSingle: 'training LoRAs on average',
  nearestSingle: 'the training LoRA with the nearest prompts',
  bestSingle: 'the best training LoRA tried',
  bestSingleEach: 'the best training LoRA for each task',
  generated: 'generated adapters',
  own: "the task's own LoRA",
  otherPrompts: "a control, another task's prompts",
  shuffledPrompts: 'a control, shuffled characters',
  randomCondition: 'a control, a random condition',
};

/** What a generator must beat to be of use, besides the base and the controls; the most telling first. */
const RIVALS: readonly NamedRowId[] = ['meanOfTraining', 'joint', 'bestSingle', 'nearestSingle', 'averageSingle'];

export interface VerdictOptions {
  /** Whether the generator is known not to have been trained on any of the tasks. */
  unseen: boolean;
  taskCount: number;
  /** What the generator is given of a task. Default: prompts. */
  texts?: ConditionTexts | undefined;
  /** As in `EvaluationResult`. */
  shareOfOwn?: Interval | undefined;
}

/**
 * What the comparisons say, in words, and nothing that they do not. A row that was not measured is not held against the
 * generator, but named; neither is the best training LoRA for each task, which is chosen by the answers.
 */
export function verdictOf(
  comparisons: readonly Comparison[],
  { unseen, taskCount, texts = 'prompts', shareOfOwn }: VerdictOptions,
): Verdict {
  const outcomes = new Map(comparisons.map((one) => [one.with, one.outcome]));
  const missing = [
    ...(outcomes.has('meanOfTraining') ? [] : ['the mean of the training LoRAs']),
    ...(outcomes.has('bestSingle') ? [] : ['the best training LoRA']),
    ...(CONTROLS.some((row) => outcomes.has(row)) ? [] : ['controls']),
  ];
  const reasons = comparisons.map((one) => reasonOf(one, texts));
  if (shareOfOwn) reasons.push(shareSentence(shareOfOwn));
  if (missing.length > 0) reasons.push(`Not measured: ${missing.join(', ')}.`);
  const headline =
    taskCount < LEAST_TASKS
      ? `Too few tasks for a verdict: ${taskCount}; at least ${LEAST_TASKS} are needed.`
      : (shortfallOf(outcomes, texts) ?? successOn(unseen, missing.length === 0));
  return { headline, reasons };
}

function shortfallOf(
  outcomes: ReadonlyMap<NamedRowId, Comparison['outcome']>,
  texts: ConditionTexts,
): string | undefined {
  const unbeaten = (row: NamedRowId) => outcomes.has(row) && outcomes.get(row) !== 'better';
  if (outcomes.get('base') === 'worse') return 'Worse than the base model: the generator does harm.';
  if (unbeaten('base')) return 'Not shown to be better than the base model.';
  if (CONTROLS.some(unbeaten)) {
    const mean = outcomes.get('meanOfTraining');
    if (mean === 'no difference shown')
      return 'The generator gives the mean of the training LoRAs and nothing more: no difference to it is shown.';
    return mean === 'worse'
      ? 'Worse than the mean of the training LoRAs, and not shown to be better than a control.'
      : inTermsOf(
          'Better than the base model, but a control is not shown to be worse: the prompts may not matter.',
          texts,
        );
  }
  const rival = RIVALS.find((row) => outcomes.get(row) === 'worse') ?? RIVALS.find(unbeaten);
  if (rival === undefined) return undefined;
  const than = outcomes.get(rival) === 'worse' ? 'worse than' : 'not shown to be better than';
  return `Better than the base, but ${than} ${inTermsOf(IN_WORDS[rival], texts)}.`;
}

function successOn(unseen: boolean, complete: boolean): string {
  const tasks = unseen ? 'tasks it never saw' : 'these tasks, which it may have been trained on';
  return complete ? `The generator works on ${tasks}.` : `Better than all that was measured, on ${tasks}.`;
}

const OUTCOMES = { better: 'Better than', worse: 'Worse than', 'no difference shown': 'No difference shown to' };

function reasonOf({ with: other, outcome, ...difference }: Comparison, texts: ConditionTexts): string {
  return `${OUTCOMES[outcome]} ${inTermsOf(IN_WORDS[other], texts)}: ${pointsText(difference)}.`;
}

/** `+12.3 points (+4.5 to +20.1)` */
export function pointsText({ mean, low, high }: Interval): string {
  const points = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(100 * value).toFixed(1)}`;
  return `${points(mean)} points (${points(low)} to ${points(high)})`;
}

function shareSentence({ mean, low, high }: Interval): string {
  const [reached, from, to] = [mean, low, high].map((value) => (100 * value).toFixed(1).replace('-', '−'));
  return `Of what the tasks' own LoRAs add to the joint LoRA, ${reached} % is reached (${from} to ${to}).`;
}
