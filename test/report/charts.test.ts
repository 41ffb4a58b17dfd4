import type { Chart } from '../../src/report/chart.js';
import { type HeatMap, heatMapHtml, shadeOf } from '../../src/report/heat-map.js';
import { heatMapsOf } from '../../src/report/heat-maps.js';
import { runCharts } from '../../src/report/run-charts.js';
import type { Run } from '../../src/report/run-folder.js';
import { taskCharts } from '../../src/report/task-charts.js';
import { tasksOf } from '../../src/report/tasks.js';
import { parseRunDescription } from '../../src/training/run-description.js';
import {
  behaviourDescription,
  behaviourEvaluation,
  behaviourStep,
  exampleDescription,
  exampleEvaluation,
  exampleStep,
  HOSTILE,
} from './example.js';

const run = (steps = 400): Run => ({
  name: 'example',
  folder: '/runs/example',
  description: parseRunDescription(exampleDescription(), 'run.json'),
  steps: Array.from({ length: steps }, (_, i) => exampleStep(i + 1)),
  evaluations: [50, 100].map(exampleEvaluation),
  notes: [],
});
const labels = (chart: Chart | null | undefined) => chart?.series.map(({ label }) => label);

describe('the charts of a run', () => {
  test('show loss, norm ratio, gradient norm and learning rate, with what is held out', () => {
    const charts = runCharts(run());
    expect(charts.map(({ title }) => title)).toEqual(['Loss', 'Norm ratio', 'Gradient norm', 'Learning rate']);
    const all = ['each step', 'training, smoothed', 'held-out checkpoints', 'held-out tasks'];
    expect(charts.map(labels)).toEqual([all, all, all.slice(0, 2), ['learning rate']]);
    expect(charts[0]!.series[0]!.values[9]).toBeCloseTo(exampleStep(10).loss, 4);
    expect(charts[0]!.series[2]).toMatchObject({
      steps: [50, 100],
      values: [expect.closeTo(0.7974, 3), expect.closeTo(0.645, 3)],
    });
    expect(charts[2]!.lines).toEqual([{ label: 'clipped to 1', value: 1 }]);
  });

  test('mark the early signs that the run has come by, and leave them out of a run that dwarfs them', () => {
    const marked = (steps: number) => runCharts({ ...run(steps), evaluations: [] })[1]!.marks.map(({ step }) => step);
    expect(marked(150)).toEqual([100]);
    expect(marked(400)).toEqual([100, 200]);
    expect(marked(20_000)).toEqual([]);
  });

  test('are logarithmic where a curve spans more than can be seen otherwise', () => {
    const spiked = { ...run(), steps: run().steps.map((step) => (step.step === 200 ? { ...step, loss: 900 } : step)) };
    const [loss] = runCharts(spiked);
    expect(loss).toMatchObject({ scale: 'logarithmic', range: [0.1, 1000] });
    expect(runCharts(run())[0]!.scale).toBe('linear');
  });

  test('break where a loss is no number, and are left out where there is nothing', () => {
    const broken = { ...run(3), steps: run(3).steps.map((step) => ({ ...step, loss: Number.NaN })), evaluations: [] };
    expect(runCharts(broken).map(({ title }) => title)).toEqual(['Norm ratio', 'Gradient norm', 'Learning rate']);
    expect(runCharts({ ...run(0), evaluations: [] })).toEqual([]);
  });
});

const withSettings = (description: Run['description'], settings: object): Run['description'] => ({
  ...description,
  settings: { ...description.settings, ...settings },
});

describe('the charts of a run with a behaviour loss', () => {
  const behaviourRun = (loss: 'behaviour' | 'both', settings = {}): Run => ({
    ...run(100),
    description: withSettings(parseRunDescription(behaviourDescription(loss), 'run.json'), settings),
    steps: Array.from({ length: 100 }, (_, i) =>
      behaviourStep(i + 1, loss === 'both' ? { tokenLoss: 2, behaviourLoss: 3, loss: 5, normRatio: 0.5 } : {}),
    ),
    evaluations: [0, 50, 100].map((step) => behaviourEvaluation(step)),
  });

  test('show it beside the responses that were evaluated, exact answers, and no norm ratio', () => {
    const charts = runCharts(behaviourRun('behaviour'));
    expect(charts.map(({ title }) => title)).toEqual([
      'Behaviour loss',
      'Exact answers',
      'Gradient norm',
      'Learning rate',
    ]);
    expect(labels(charts[0])).toEqual(['each step', 'training, smoothed', 'held-out tasks', 'tasks trained on']);
    expect(charts[0]!.lines).toEqual([]);
    expect(charts[0]!.series[2]).toMatchObject({ steps: [0, 50, 100], values: [1.1, 0.87323, 0.71073] });
    expect(charts[1]!.series.map(({ values }) => values[2])).toEqual([28.927, 48.658]);
    expect(charts[1]!.range).toEqual([0, 108]);
  });

  test('show both losses and their sum, and the norm ratio', () => {
    const charts = runCharts(behaviourRun('both'));
    expect(charts.map(({ title, series }) => [title, series[0]!.values[7]])).toEqual([
      ['Loss', 5],
      ['Behaviour loss', 3],
      ['Token loss', 2],
      ['Exact answers', undefined],
      ['Norm ratio of deviations', 0.5],
      ['Gradient norm', expect.any(Number)],
      ['Learning rate', expect.any(Number)],
    ]);
    expect(charts[2]!.lines).toEqual([{ label: 'the mean adapter', value: 1 }]);
  });

  test('show each loss and no sum where steps minimise one after the other', () => {
    const inTurn = behaviourRun('both', { tokenSteps: 4 });
    expect(runCharts(inTurn).map(({ title }) => title)).toEqual([
      ...['Behaviour loss', 'Token loss', 'Exact answers', 'Norm ratio of deviations'],
      ...['Gradient norm', 'Learning rate'],
    ]);
    const [trained] = taskCharts(inTurn, ['arc-c']);
    expect(labels(trained!.loss)?.[0]).toBe('training, smoothed: token loss, then behaviour loss');
  });

  test('show the responses of each task, and what was answered last', () => {
    const tasks = tasksOf(behaviourRun('behaviour'));
    expect(tasks.map(({ name, last, responses }) => [name, last, responses?.exactMatch])).toEqual([
      ['boolq', null, expect.closeTo(0.289, 3)],
      ['arc-c', null, expect.closeTo(0.487, 3)],
      [HOSTILE, null, undefined],
    ]);
    const [heldOut, trained] = taskCharts(behaviourRun('behaviour'), ['boolq', 'arc-c']);
    expect(labels(heldOut!.loss)).toEqual(['responses, held-out tasks']);
    expect(labels(trained!.loss)).toEqual(['training, smoothed', 'responses, tasks trained on']);
    expect([heldOut!.fit, trained!.fit]).toEqual([null, null]);
    expect([heldOut!.responses, trained!.responses]).toEqual([null, null]);
  });

  test('show the divergence from predictions with checkpoints apart from the likelihood of responses', () => {
    const taught = behaviourRun('behaviour', { behaviourTarget: 'checkpoints' });
    const charts = runCharts(taught);
    expect(charts.slice(0, 3).map(({ title, axis }) => [title, axis])).toEqual([
      ['Behaviour loss', 'KL divergence of a token'],
      ['Response loss', '−ln p of a token'],
      ['Exact answers', 'per cent'],
    ]);
    expect(charts.slice(0, 2).map(labels)).toEqual([
      ['each step', 'training, smoothed'],
      ['held-out tasks', 'tasks trained on'],
    ]);
    const [heldOut, trained] = taskCharts(taught, ['boolq', 'arc-c']);
    expect([labels(heldOut!.loss), labels(trained!.loss)]).toEqual([undefined, ['training, smoothed']]);
    expect([labels(heldOut!.responses), labels(trained!.responses)]).toEqual([
      ['responses, held-out tasks'],
      ['responses, tasks trained on'],
    ]);
  });

  test('say which loss of a task is which where there are two', () => {
    const both = { ...behaviourRun('both'), evaluations: [50, 100].map(exampleEvaluation) };
    const answers = { ...both, evaluations: [...both.evaluations, behaviourEvaluation(100)] };
    const [heldOut, trained] = taskCharts(answers, ['boolq', 'arc-c']);
    expect(labels(heldOut!.loss)).toEqual(['held-out tasks: token loss']);
    expect(labels(trained!.loss)).toEqual(['training, smoothed: weighted sum', 'held-out checkpoints: token loss']);
    expect([labels(heldOut!.responses), labels(heldOut!.fit)]).toEqual([
      ['responses, held-out tasks'],
      ['norm ratio', 'cosine'],
    ]);
  });
});

describe('the tasks', () => {
  test('come held-out ones first, with counts of run.json and what was measured last', () => {
    const tasks = tasksOf(run());
    expect(tasks.map(({ name }) => name)).toEqual(['boolq', 'arc-c', HOSTILE]);
    expect(tasks[0]).toMatchObject({ heldOut: true, checkpoints: 24, trainingLoss: null, last: { heldOut: 'task' } });
    expect(tasks[1]).toMatchObject({ heldOut: false, trainingLoss: exampleStep(400).loss });
  });

  test('are known by their metrics where run.json does not name them, whatever their names', () => {
    const odd = { ...run(2), steps: [exampleStep(1, { taskLosses: JSON.parse('{"__proto__":1,"constructor":2}') })] };
    const added = tasksOf(odd).slice(3);
    expect(added.map(({ name, trainingLoss, prompts }) => [name, trainingLoss, prompts])).toEqual([
      ['__proto__', 1, null],
      ['constructor', 2, null],
    ]);
    expect(taskCharts(odd, ['__proto__', 'toString']).map(({ loss }) => labels(loss))).toEqual([
      ['training, smoothed'],
      undefined,
    ]);
  });

  test('have the training loss of the steps they were in, and each evaluation, on axes that all share', () => {
    const [heldOut, trained] = taskCharts(run(), ['boolq', 'arc-c']);
    expect(labels(heldOut!.loss)).toEqual(['held-out tasks']);
    expect(labels(trained!.loss)).toEqual(['training, smoothed', 'held-out checkpoints']);
    expect(trained!.loss!.series[0]!.steps.every((step) => step % 2 === 0)).toBe(true);
    expect(labels(trained!.fit)).toEqual(['norm ratio', 'cosine']);
    expect(heldOut!.loss!.range).toEqual(trained!.loss!.range);
    expect(heldOut!.fit!.range).toEqual(trained!.fit!.range);
  });
});

describe('heat maps', () => {
  test('have a cell for each layer and module, in the order of the layers and modules', () => {
    const evaluation = exampleEvaluation(100);
    evaluation.cells.reverse();
    const { layers, tasks } = heatMapsOf(evaluation);
    expect(layers.map(({ quantity }) => quantity)).toEqual(['normRatio', 'cosine']);
    expect(layers[0]).toMatchObject({ rows: ['0', '1'] });
    expect(layers[0]!.columns).toEqual(['q_proj', 'k_proj', 'v_proj', 'o_proj', 'up_proj', 'gate_proj', 'down_proj']);
    const cell = evaluation.cells.find(({ layer, module }) => layer === 1 && module === 'k_proj')!;
    expect([layers[0]!.valueAt(1, 1), layers[1]!.valueAt(1, 1)]).toEqual([cell.normRatio, cell.cosine]);
    expect(tasks[1]).toMatchObject({ rows: ['arc-c', HOSTILE, 'boolq'] });
    expect(tasks[1]!.valueAt(2, 0)).toBe(evaluation.tasks[2]!.modules.q_proj!.cosine);
  });

  test('say what was not measured', () => {
    const evaluation = exampleEvaluation(100);
    evaluation.cells = evaluation.cells.filter(({ layer, module }) => layer !== 1 || module !== 'v_proj');
    expect(heatMapsOf(evaluation).layers[0]!.valueAt(1, 2)).toBeNaN();
    expect(heatMapHtml(heatMapsOf(evaluation).layers[0]!)).toContain('title="layer 1, v_proj: not measured"');
    expect(heatMapsOf({ ...evaluation, cells: [], tasks: [] })).toEqual({ layers: [], tasks: [] });
  });

  test('tell each value as text and in a title, with a legend', () => {
    const map: HeatMap = {
      title: 'T',
      quantity: 'cosine',
      of: 'layer',
      rows: ['3'],
      columns: ['q_proj'],
      valueAt: () => -0.254,
    };
    const html = heatMapHtml(map);
    expect(html).toContain('title="layer 3, q_proj: cosine -0.254">-0.25</td>');
    expect(html).toContain('1, the same direction');
  });

  test('a half and a double are shaded alike, on either side; a cosine by its size', () => {
    expect(shadeOf(0.5, 'normRatio')).toEqual({ side: 'low', strength: 0.5 });
    expect(shadeOf(2, 'normRatio')).toEqual({ side: 'high', strength: 0.5 });
    expect(shadeOf(1, 'normRatio').strength).toBe(0);
    expect(shadeOf(0, 'normRatio')).toEqual({ side: 'low', strength: 1 });
    expect(shadeOf(-0.3, 'cosine')).toEqual({ side: 'low', strength: 0.3 });
  });
});
