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
import { LIKELIHOOD, RESPONSE_KINDS } from './responses.js';
import type { Run } from './run-folder.js';

/** Fewer points, since a task's charts are small. */
const BUCKETS = 200;

export interface TaskCharts {
  /** null without values. */
  loss: Chart | null;
  /** Loss of responses, of a run whose own losses are in another unit. */
  responses: Chart | null;
  /** Norm ratio and cosine of each evaluation. */
  fit: Chart | null;
}

/** The curves of each task, all on the same axes for comparison. */
export function taskCharts(run: Run, tasks: readonly string[]): TaskCharts[] {
  const { steps, evaluations } = run;
  const all = tasks.map((task) => seriesOf(task, run));
  const shared = { lastStep: lastStepOf(steps, evaluations), marks: [] };
  const lossChart = (title: string, axis: string, of: readonly Series[]) => {
    const scale = scaleOf(of);
    return { ...shared, title, axis, scale, ...rangeOf(of, scale), lines: [] };
  };
  const loss = lossChart(
    'Loss',
    'loss',
    all.flatMap((own) => own.loss),
  );
  const responses = lossChart(
    'Response loss',
    LIKELIHOOD,
    all.flatMap((own) => own.responses),
  );
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
    responses: own.responses.length > 0 ? { ...responses, series: own.responses } : null,
    fit: own.fit.length > 0 ? { ...fit, series: own.fit } : null,
  }));
}

function seriesOf(task: string, { steps, evaluations, description }: Run) {
  const { loss, tokenSteps = 0 } = description.settings;
  const evaluated = evaluations.flatMap(({ evaluation, tasks }) =>
    tasks.filter((each) => each.task === task).map((each) => ({ ...each, evaluation })),
  );
  const kind = HELD_OUT.find(({ heldOut }) => heldOut === evaluated[0]?.heldOut);
  const ofEvaluations = (label: string, read: (task: TaskEvaluation) => number, colour = kind?.colour) =>
    colour === undefined
      ? []
      : [
          series(
            label,
            colour,
            'dots',
            curveOf(evaluated, ({ evaluation }) => evaluation, read),
            BUCKETS,
          ),
        ].filter(hasValues);
  // With two losses that of a step is their sum, or that of the step's turn.
  const ofStep = tokenSteps === 0 ? ': weighted sum' : ': token loss, then behaviour loss';
  const [weighted, ofTokens] = loss === 'both' ? [ofStep, ': token loss'] : ['', ''];
  const responses = responseLosses(task, evaluations);
  const comparable = likelihoodsAre(description.settings);
  return {
    loss: [
      ...trainingSeries(task, steps, weighted),
      ...ofEvaluations(`${kind?.label}${ofTokens}`, (each) => each.loss),
      ...(comparable ? responses : []),
    ],
    responses: comparable ? [] : responses,
    fit: [
      ...ofEvaluations('norm ratio', ({ normRatio }) => normRatio),
      ...ofEvaluations('cosine', ({ cosine }) => cosine, kind && 'cosine'),
    ],
  };
}

/** Whether the losses of steps are what those of responses are. */
function likelihoodsAre({ loss, behaviourTarget }: Run['description']['settings']): boolean {
  return loss === 'behaviour' && behaviourTarget !== 'checkpoints';
}

/** Of a run with a behaviour loss. */
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
function trainingSeries(task: string, steps: readonly TrainingStep[], which: string): Series[] {
  const trained = steps.filter(({ taskLosses }) => Object.hasOwn(taskLosses, task));
  const curve = curveOfSteps(trained, ({ taskLosses }) => taskLosses[task]!);
  const smoothed = smooth(curve, smoothingReach(trained.length));
  return [series(`training, smoothed${which}`, 'training', 'line', smoothed, BUCKETS)].filter(hasValues);
}
