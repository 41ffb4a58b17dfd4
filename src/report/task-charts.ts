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
import { curveOf, smooth } from './curve.js';
import { RESPONSE_KINDS } from './responses.js';
import type { Run } from './run-folder.js';

/** Fewer points, since a task's charts are small. */
const BUCKETS = 200;

export interface TaskCharts {
  /** null without values. */
  loss: Chart | null;
  /** Norm ratio and cosine of each evaluation. */
  fit: Chart | null;
}

/** The curves of each task, all on the same axes for comparison. */
export function taskCharts({ steps, evaluations }: Run, tasks: readonly string[]): TaskCharts[] {
  const all = tasks.map((task) => seriesOf(task, steps, evaluations));
  const losses = all.flatMap(({ loss }) => loss);
  const scale = scaleOf(losses);
  const shared = { lastStep: lastStepOf(steps, evaluations), marks: [] };
  const loss = { ...shared, title: 'Loss', axis: 'loss', scale, ...rangeOf(losses, scale), lines: [] };
  const fit = {
    ...shared,
    title: 'Norm ratio and cosine',
    axis: '',
    scale: 'linear' as const,
    ...rangeOf(
      all.flatMap(({ fit }) => fit),
      'linear',
      1,
    ),
    lines: [{ label: '', value: 1 }],
  };
  return all.map((own) => ({
    loss: own.loss.length > 0 ? { ...loss, series: own.loss } : null,
    fit: own.fit.length > 0 ? { ...fit, series: own.fit } : null,
  }));
}

function seriesOf(task: string, steps: readonly TrainingStep[], evaluations: readonly Evaluation[]) {
  const evaluated = evaluations.flatMap(({ evaluation, tasks }) =>
    tasks.filter((each) => each.task === task).map((each) => ({ ...each, evaluation })),
  );
  const kind = HELD_OUT.find(({ heldOut }) => heldOut === evaluated[0]?.heldOut);
  const ofEvaluations = (label: string, colour: Series['colour'], read: (task: TaskEvaluation) => number) =>
    series(
      label,
      colour,
      'dots',
      curveOf(evaluated, ({ evaluation }) => evaluation, read),
      BUCKETS,
    );
  const trained = trainingSeries(task, steps);
  if (kind === undefined) return { loss: [...trained, ...responseLosses(task, evaluations)], fit: [] };
  return {
    loss: [...trained, ofEvaluations(kind.label, kind.colour, ({ loss }) => loss)].filter(hasValues),
    fit: [
      ofEvaluations('norm ratio', kind.colour, ({ normRatio }) => normRatio),
      ofEvaluations('cosine', 'cosine', ({ cosine }) => cosine),
    ].filter(hasValues),
  };
}

/** Of a run without weight tokens to compare with. */
function responseLosses(task: string, evaluations: readonly Evaluation[]): Series[] {
  return RESPONSE_KINDS.map(({ label, colour, includes }) => {
    const own = evaluations.flatMap(({ evaluation, responses = [] }) =>
      responses.filter((each) => each.task === task && includes(each)).map(({ loss }) => ({ evaluation, loss })),
    );
    const curve = curveOf(
      own,
      ({ evaluation }) => evaluation,
      ({ loss }) => loss,
    );
    return series(`responses, ${label}`, colour, 'dots', curve, BUCKETS);
  }).filter(hasValues);
}

/** Only steps that include the task. */
function trainingSeries(task: string, steps: readonly TrainingStep[]): Series[] {
  const trained = steps.filter(({ taskLosses }) => Object.hasOwn(taskLosses, task));
  const curve = curveOfSteps(trained, ({ taskLosses }) => taskLosses[task]!);
  const smoothed = smooth(curve, smoothingReach(trained.length));
  return [series('training, smoothed', 'training', 'line', smoothed, BUCKETS)].filter(hasValues);
}
