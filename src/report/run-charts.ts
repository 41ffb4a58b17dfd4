import type { Evaluation, TaskEvaluation } from '../training/metrics.js';
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
import type { Run } from './run-folder.js';

/** More points than a chart has pixels. */
const BUCKETS = 600;

/** Markers nearer to the left edge, as a fraction of the x axis, would overlap the axis and each other. */
const EARLIEST_MARK = 0.02;

/** The curves of the whole run, without empty ones. */
export function runCharts(run: Run): Chart[] {
  return [lossChart(run), normRatioChart(run), gradientNormChart(run), learningRateChart(run)].filter(({ series }) =>
    series.some(hasValues),
  );
}

function lossChart(run: Run): Chart {
  const { steps, evaluations } = run;
  const curve = curveOfSteps(steps, ({ loss }) => loss);
  const made = chart(run, 'Loss', 'loss', [...stepSeries(curve), ...heldOutSeries(evaluations, ({ loss }) => loss)]);
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
