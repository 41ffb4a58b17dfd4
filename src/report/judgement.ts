import type { Normalisation } from '../adapter/index.js';
import type { Evaluation, TaskEvaluation, TrainingStep } from '../training/metrics.js';
import type { RunDescription } from '../training/run-description.js';
import { mean } from './curve.js';
import { type Assessment, judgeResponses, responseReasons } from './response-judgement.js';
import { change, short } from './text.js';

/** By what a run is judged: its weight tokens, of a normalisation, or the responses of the base with its adapters. */
export type Measure = Normalisation | 'responses';

/** The assessment of a run so far, in plain words. */
export interface Judgement extends Assessment {
  reasons: string[];
}

/** Early norm ratios by which the paper's authors recognise a working run: the generated weights grow to size. */
export const EARLY_SIGNS: readonly { step: number; normRatio: number }[] = [
  { step: 100, normRatio: 0.5 },
  { step: 200, normRatio: 0.75 },
];
/** Approximate number of steps of a working run. */
const ENOUGH_STEPS = 1000;

/** Fractions of the expected ratio from which a run counts as on track, or at least on the way. */
const KEEPS_UP = 0.9;
const ON_THE_WAY = 0.4;
const TOO_LARGE = 1.5;
/** Minimum relative difference for a loss to count as above or below another. */
const NOTICEABLE = 0.05;
/** Too few steps for a trend. */
const FEWEST_STEPS = 10;
const LARGEST_WINDOW = 50;

/**
 * With the normalisation 'residual' the mean adapter has a loss of 1, so the loss itself tells whether a run has learnt
 * anything: there the early norm ratios of the published scheme do not apply.
 */
const MEAN_LOSS = 1;

/**
 * @param steps ascending, as are the evaluations
 * @param tasks of run.json; those whose checkpoints teach nothing keep a run from counting as working, whatever its curves
 */
export function judge(
  steps: readonly TrainingStep[],
  evaluations: readonly Evaluation[],
  measure: Measure = 'chunk',
  tasks: readonly JudgedTask[] = [],
): Judgement {
  const judgement = judgeCurves(steps, evaluations, measure);
  const trained = tasks.filter(({ heldOut }) => !heldOut);
  const meaningless = trained.filter((task) => task.meaningless !== undefined);
  if (meaningless.length === 0) return judgement;
  const reasons = [...meaningless.slice(0, MOST_TASKS).map(taskReason), ...judgement.reasons];
  if (meaningless.length === trained.length)
    return { state: 'failing', headline: 'Not working: the checkpoints teach nothing.', reasons };
  if (judgement.state !== 'working') return { ...judgement, reasons };
  const share = `${meaningless.length} of ${trained.length} tasks`;
  return {
    state: 'slow',
    headline: `In doubt: the curves look right, but the checkpoints of ${share} teach nothing.`,
    reasons,
  };
}

type JudgedTask = Pick<RunDescription['pairs']['tasks'][number], 'name' | 'heldOut' | 'meaningless'>;

const MOST_TASKS = 5;

function taskReason({ name, meaningless }: JudgedTask): string {
  return `Task ${name}: ${meaningless}.`;
}

function judgeCurves(steps: readonly TrainingStep[], evaluations: readonly Evaluation[], measure: Measure): Judgement {
  const reasons = [
    ...responseReasons(evaluations, NOTICEABLE),
    ...(['checkpoints', 'task', 'none'] as const).flatMap((kind) => heldOutReasons(evaluations, kind)),
  ];
  const last = steps.at(-1);
  if (last === undefined) return { state: 'early', headline: 'No data yet: no step has been completed.', reasons };
  const broken = steps.find(({ loss, gradientNorm }) => !Number.isFinite(loss) || !Number.isFinite(gradientNorm));
  if (broken)
    return {
      state: 'failing',
      headline: `Not working: the loss or its gradient is not finite at step ${broken.step}.`,
      reasons: ['Try a lower learning rate or a longer warm-up first.', ...reasons],
    };
  const trend = trendOf(steps);
  if (measure === 'responses') {
    const training = `Training loss: ${change(trend.firstLoss, trend.lastLoss)}.`;
    return { ...judgeBehaviour(last.step, evaluations, trend), reasons: [training, ...reasons] };
  }
  if (measure === 'residual')
    return { ...judgeDeviations(last.step, trend), reasons: [...deviationReasons(last.step, trend), ...reasons] };
  return { ...judgeTrend(last.step, trend), reasons: [...trendReasons(last.step, steps, trend), ...reasons] };
}

interface Trend {
  firstLoss: number;
  lastLoss: number;
  normRatio: number;
}

function trendOf(steps: readonly TrainingStep[]): Trend {
  const window = Math.min(LARGEST_WINDOW, Math.max(1, Math.floor(steps.length / 5)));
  return {
    firstLoss: mean(steps.slice(0, window).map(({ loss }) => loss)),
    lastLoss: mean(steps.slice(-window).map(({ loss }) => loss)),
    normRatio: mean(steps.slice(-Math.min(window, FEWEST_STEPS)).map(({ normRatio }) => normRatio ?? Number.NaN)),
  };
}

function judgeTrend(step: number, { firstLoss, lastLoss, normRatio }: Trend): Assessment {
  if (step < FEWEST_STEPS) return { state: 'early', headline: `Too early to say after ${step} steps.` };
  if (lastLoss > (1 + NOTICEABLE) * firstLoss) return { state: 'failing', headline: 'Not working: the loss rises.' };
  if (normRatio > TOO_LARGE)
    return { state: 'failing', headline: 'Not working: the generated weights are larger than the true ones.' };
  const expected = expectedNormRatio(step);
  const keepsUp = normRatio >= KEEPS_UP * expected && lastLoss < firstLoss;
  const firstSign = EARLY_SIGNS[0]!.step;
  if (step < firstSign) {
    const first = `the first sign comes at step ${firstSign}.`;
    return { state: 'early', headline: keepsUp ? `Good so far, and ${first}` : `Too early to say: ${first}` };
  }
  if (keepsUp)
    return {
      state: 'working',
      headline: 'Working: the loss falls and the norm of the generated weights approaches that of the true ones.',
    };
  if (normRatio >= ON_THE_WAY * expected || step < ENOUGH_STEPS)
    return { state: 'slow', headline: 'Slower than a run that is known to work: the generated weights are too small.' };
  return { state: 'failing', headline: 'Not working: the generated weights stay far too small.' };
}

function judgeDeviations(step: number, { firstLoss, lastLoss, normRatio }: Trend): Assessment {
  if (step < FEWEST_STEPS) return { state: 'early', headline: `Too early to say after ${step} steps.` };
  if (lastLoss > (1 + NOTICEABLE) * firstLoss) return { state: 'failing', headline: 'Not working: the loss rises.' };
  if (lastLoss < (1 - NOTICEABLE) * MEAN_LOSS)
    return {
      state: 'working',
      headline: 'Working: the generated deviations are closer to the true ones than the mean adapter is.',
    };
  const firstSign = EARLY_SIGNS[0]!.step;
  if (step < firstSign) return { state: 'early', headline: 'Too early to say: no closer than the mean adapter yet.' };
  if (step < ENOUGH_STEPS && normRatio <= TOO_LARGE)
    return { state: 'slow', headline: 'Slow: the generated adapters are no closer than the mean adapter yet.' };
  return { state: 'failing', headline: 'Not working: the generated adapters are no closer than the mean adapter.' };
}

function judgeBehaviour(step: number, evaluations: readonly Evaluation[], { firstLoss, lastLoss }: Trend): Assessment {
  if (step < FEWEST_STEPS) return { state: 'early', headline: `Too early to say after ${step} steps.` };
  if (lastLoss > (1 + NOTICEABLE) * firstLoss) return { state: 'failing', headline: 'Not working: the loss rises.' };
  const limits = { noticeable: NOTICEABLE, first: EARLY_SIGNS[0]!.step, enough: ENOUGH_STEPS };
  return judgeResponses(step, evaluations, limits);
}

function deviationReasons(step: number, trend: Trend): string[] {
  return [
    `Training loss: ${change(trend.firstLoss, trend.lastLoss)}; the mean adapter has ${MEAN_LOSS}.`,
    `Norm ratio of the deviations from the mean adapter, ‖generated‖ / ‖true‖: ${short(trend.normRatio)} at step ${step}.`,
  ];
}

/** Linear from 0 through the early values, constant after the last. */
export function expectedNormRatio(step: number): number {
  let before = { step: 0, normRatio: 0 };
  for (const sign of EARLY_SIGNS) {
    if (step <= sign.step) {
      const part = (step - before.step) / (sign.step - before.step);
      return before.normRatio + part * (sign.normRatio - before.normRatio);
    }
    before = sign;
  }
  return before.normRatio;
}

/** The mean norm ratio within 5 % of a step; NaN if the run has not reached it. */
export function normRatioAt(steps: readonly TrainingStep[], step: number): number {
  if ((steps.at(-1)?.step ?? 0) < step) return Number.NaN;
  return mean(
    steps.filter((each) => Math.abs(each.step - step) <= step / 20).map(({ normRatio }) => normRatio ?? Number.NaN),
  );
}

function trendReasons(step: number, steps: readonly TrainingStep[], trend: Trend): string[] {
  const signs = EARLY_SIGNS.filter((sign) => sign.step < step).map(
    (sign) =>
      `${short(normRatioAt(steps, sign.step))} at step ${sign.step} (about ${sign.normRatio} in a run that works)`,
  );
  const now = `${short(trend.normRatio)} at step ${step}`;
  const ahead = EARLY_SIGNS.find((sign) => sign.step > step);
  return [
    `Norm ratio, ‖generated‖ / ‖true‖: ${[...signs, now].join(', ')}${ahead ? `; about ${ahead.normRatio} is expected at step ${ahead.step}` : ''}.`,
    `Training loss: ${change(trend.firstLoss, trend.lastLoss)}.`,
    ...(step < ENOUGH_STEPS ? [`Runs that work take more than ${ENOUGH_STEPS} steps to finish.`] : []),
  ];
}

/** The mean loss of one kind of held-out tasks at each evaluation that includes it. */
function heldOutLosses(evaluations: readonly Evaluation[], heldOut: TaskEvaluation['heldOut']) {
  return evaluations
    .map(({ evaluation, tasks }) => {
      const own = tasks.filter((task) => task.heldOut === heldOut);
      return {
        step: evaluation,
        loss: mean(own.map(({ loss }) => loss)),
        cosine: mean(own.map(({ cosine }) => cosine)),
      };
    })
    .filter(({ loss }) => Number.isFinite(loss));
}

const KINDS: Record<TaskEvaluation['heldOut'], string> = {
  checkpoints: 'held-out checkpoints',
  task: 'held-out tasks',
  none: 'training checkpoints (nothing is held out)',
};

function heldOutReasons(evaluations: readonly Evaluation[], heldOut: TaskEvaluation['heldOut']): string[] {
  const losses = heldOutLosses(evaluations, heldOut);
  const [first, last] = [losses[0], losses.at(-1)];
  if (!first || !last) return [];
  const best = losses.reduce((lowest, each) => (each.loss < lowest.loss ? each : lowest));
  const sentence = `Loss of the ${KINDS[heldOut]}: ${
    losses.length > 1 ? change(first.loss, last.loss) : short(last.loss)
  }; cosine ${short(last.cosine)}.`;
  if (last.loss <= (1 + NOTICEABLE) * best.loss) return [sentence];
  return [
    sentence,
    `It was lowest, ${short(best.loss)}, at step ${best.step}: a checkpoint from there may be the better one.`,
  ];
}

/** The assessment of a run's folder. */
export function judgeRun({ steps, evaluations, description }: JudgedRun): Judgement {
  const { loss } = description.settings;
  const measure = loss === 'behaviour' || loss === 'both' ? 'responses' : description.adapter.normalisation;
  // Whatever checkpoints teach, the behaviour loss learns from responses.
  return judge(steps, evaluations, measure, loss === 'behaviour' ? [] : description.pairs.tasks);
}

interface JudgedRun {
  steps: readonly TrainingStep[];
  evaluations: readonly Evaluation[];
  description: RunDescription;
}
