import type { Evaluation, TaskEvaluation, TrainingStep } from '../training/metrics.js';
import {
  type Chart,
  curveOfSteps,
  HELD_OUT,
  hasValues,
  lastStepOf,
  rangeOf,
  type Series,
  scaleOf,
  series,
  smoothingReach,
} from './chart.js';
import { type Curve, curveOf, mean, smooth } from './curve.js';
import { EARLY_SIGNS } from './judgement.js';
import { LIKELIHOOD, RESPONSE_KINDS, type ResponsePoint, responsePoints } from './responses.js';
import type { Run } from './run-folder.js';

/** More points than a chart has pixels. */
const BUCKETS = 600;

/** Markers nearer to the left edge, as a fraction of the x axis, would overlap the axis and each other. */
const EARLIEST_MARK = 0.02;

/** The curves of the whole run, without empty ones. */
export function runCharts(run: Run): Chart[] {
  const all = [
    ...lossCharts(run),
    exactAnswersChart(run),
    normRatioChart(run),
    gradientNormChart(run),
    learningRateChart(run),
  ];
  return all.filter(({ series }) => series.some(hasValues));
}

/** Of a run with two losses: each, and their weighted sum where steps minimise that. */
function lossCharts(run: Run): Chart[] {
  const { steps } = run;
  const { loss, behaviourTarget, tokenSteps = 0 } = run.description.settings;
  if (loss !== 'behaviour' && loss !== 'both') return [tokenLossChart(run, 'Loss', (step) => step.loss)];
  const responses = responseSeries(run.evaluations, (point) => point.loss);
  const curve = curveOfSteps(steps, ({ behaviourLoss }) => behaviourLoss ?? Number.NaN);
  const behaviour =
    behaviourTarget === 'checkpoints'
      ? [
          chart(run, 'Behaviour loss', 'KL divergence of a token', stepSeries(curve)),
          chart(run, 'Response loss', LIKELIHOOD, responses),
        ]
      : [chart(run, 'Behaviour loss', LIKELIHOOD, [...stepSeries(curve), ...responses])];
  if (loss === 'behaviour') return behaviour;
  const both = [...behaviour, tokenLossChart(run, 'Token loss', ({ tokenLoss }) => tokenLoss ?? Number.NaN)];
  if (tokenSteps !== 0) return both;
  const whole = curveOfSteps(steps, (step) => step.loss);
  return [chart(run, 'Loss', 'weighted sum', stepSeries(whole)), ...both];
}

function exactAnswersChart(run: Run): Chart {
  const all = responseSeries(run.evaluations, ({ exactMatch }) => 100 * exactMatch);
  return { ...chart(run, 'Exact answers', 'per cent', all), scale: 'linear', ...rangeOf(all, 'linear', 100) };
}

function tokenLossChart(run: Run, title: string, read: (step: TrainingStep) => number): Chart {
  const { steps, evaluations } = run;
  const curve = curveOfSteps(steps, read);
  const made = chart(run, title, 'loss', [...stepSeries(curve), ...heldOutSeries(evaluations, ({ loss }) => loss)]);
  if (run.description.adapter.normalisation !== 'residual') return made;
  return { ...made, lines: [{ label: 'the mean adapter', value: 1 }] };
}

function normRatioChart(run: Run): Chart {
  const { steps, evaluations, description } = run;
  const residual = description.adapter.normalisation === 'residual';
  const curve = curveOfSteps(steps, ({ normRatio }) => normRatio ?? Number.NaN);
  const all = [...stepSeries(curve), ...heldOutSeries(evaluations, ({ normRatio }) => normRatio)];
  const made = chart(run, residual ? 'Norm ratio of deviations' : 'Norm ratio', '‖generated‖ / ‖true‖', all);
  return {
    ...made,
    scale: 'linear',
    ...rangeOf(all, 'linear', 1),
    lines: [{ label: `norm of the true ${residual ? 'deviations' : 'weights'}`, value: 1 }],
    // Known of runs with the published normalisation.
    marks: (residual ? [] : EARLY_SIGNS)
      .filter(({ step }) => step <= made.lastStep && step >= EARLIEST_MARK * made.lastStep)
      .map(({ step, normRatio }) => ({
        label: `${normRatio} at step ${step}`,
        step,
        value: normRatio,
      })),
  };
}

function gradientNormChart(run: Run): Chart {
  const curve = curveOfSteps(run.steps, ({ gradientNorm }) => gradientNorm);
  const clip = run.description.settings.maxGradientNorm;
  const lines = typeof clip === 'number' && clip > 0 ? [{ label: `clipped to ${clip}`, value: clip }] : [];
  return { ...chart(run, 'Gradient norm', 'before clipping', stepSeries(curve)), lines };
}

function learningRateChart(run: Run): Chart {
  const curve = curveOfSteps(run.steps, ({ learningRate }) => learningRate);
  const all = [series('learning rate', 'training', 'line', curve, BUCKETS)];
  return { ...chart(run, 'Learning rate', 'per step', all), scale: 'linear', ...rangeOf(all, 'linear') };
}

function chart({ steps, evaluations }: Run, title: string, axis: string, all: Series[]): Chart {
  const scale = scaleOf(all);
  return {
    title,
    axis,
    scale,
    ...rangeOf(all, scale),
    lastStep: lastStepOf(steps, evaluations),
    series: all,
    lines: [],
    marks: [],
  };
}

/** Each step, and the smoothed mean. */
function stepSeries(curve: Curve): Series[] {
  const smoothed = smooth(curve, smoothingReach(curve.steps.length));
  return [
    series('each step', 'training', 'faint', curve, BUCKETS),
    series('training, smoothed', 'training', 'line', smoothed, BUCKETS),
  ];
}

/** Means over the tasks of each kind whose responses are evaluated. */
function responseSeries(evaluations: readonly Evaluation[], read: (point: ResponsePoint) => number): Series[] {
  return RESPONSE_KINDS.map((kind) => {
    const points = responsePoints(evaluations, kind);
    return series(
      kind.label,
      kind.colour,
      'dots',
      curveOf(points, ({ step }) => step, read),
      BUCKETS,
    );
  }).filter(hasValues);
}

/** Means over the tasks of each kind. */
function heldOutSeries(evaluations: readonly Evaluation[], read: (task: TaskEvaluation) => number): Series[] {
  return HELD_OUT.map(({ heldOut, label, colour }) => {
    const valueAt = ({ tasks }: Evaluation) => mean(tasks.filter((task) => task.heldOut === heldOut).map(read));
    return series(
      label,
      colour,
      'dots',
      curveOf(evaluations, ({ evaluation }) => evaluation, valueAt),
      BUCKETS,
    );
  }).filter(hasValues);
}
