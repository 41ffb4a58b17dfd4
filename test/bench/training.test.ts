import { AdapterLayout, baseModelFromConfig } from '../../src/adapter/index.js';
import { exampleResults } from './example.js';
import { exampleTraining } from './training-example.js';

const { figuresOf } = require('../../bench/report/figures.cjs');
const { marksOf, tables: markTables } = require('../../bench/report/marks.cjs');
const { renderPage } = require('../../bench/report/page/render.cjs');
const { trainingCharts } = require('../../bench/report/page/training-charts.cjs');
const { tables } = require('../../bench/report/training.cjs');
const { decodersOf } = require('../../bench/measure/training/decoders.cjs');
const { randomBatch } = require('../../bench/measure/training/batch.cjs');

type Table = { title: string; headings: string[]; rows: (string | number | null)[][]; notes?: string[] };
type Mark = { name: string; asked: number; measured: number | null; met: boolean | null };
type Chart = { kind: string; labels: string[]; series: { label: string; points: ({ median: number } | null)[] }[] };

function tableOf(training: object, pattern: RegExp): Table {
  const found = tables(training).find(({ title }: Table) => pattern.test(title));
  if (!found) throw new Error(`no table like ${pattern}`);
  return found;
}

const cell = ({ headings, rows }: Table, row: number, heading: string) => rows[row]![headings.indexOf(heading)];
const trainingMarks = (training: object): Mark[] =>
  marksOf({ ...exampleResults(), training }).filter(({ name }: Mark) => name.startsWith('training'));

describe('the tables of training', () => {
  test('have the step of each batch beside the peer’s, which is named', () => {
    const table = tableOf(exampleTraining(), /^training step, middle/);
    expect(table.rows.map(([batch]) => batch)).toEqual([1, 8]);
    expect(cell(table, 1, 'ours')).toBe('1.00 s (0.90–1.10) ×5');
    expect(cell(table, 1, 'ratio')).toBe('6.00×');
    expect(cell(table, 1, 'GFLOP/s')).toBe('24');
    expect(table.notes).toEqual([
      'the peer is PyTorch in the fastest of its settings, as published: as published 1 s, channels last 2 s',
      expect.stringMatching(/losses differ by 2\.0e-6 relative to the peer, gradient norms by 3\.0e-6 \(≤ 0\.0001\)/),
      expect.stringMatching(/8-bit moments: losses differ by 1\.0e-3/),
    ]);
  });

  test('have the peer with bfloat16 products, and what it loses', () => {
    const table = tableOf(exampleTraining(), /the peer with bfloat16 products$/);
    expect(table.rows[1]).toEqual([
      'middle',
      ...['1.00 s (0.90–1.10) ×5', '6.00 s (5.40–6.60) ×5', '4.00 s (3.60–4.40) ×5', '4.00×'],
      ...['2.0e-3', '3.0e-2'],
    ]);
    expect(table.notes).toContainEqual(
      expect.stringMatching(
        /^middle: .*, autocast: autocast 500 ms, autocast, compiled \(RuntimeError: no compiler\)$/,
      ),
    );
  });

  test('tell what forward, backward and optimiser take', () => {
    const table = tableOf(exampleTraining(), /^parts of our training step, middle/);
    expect(cell(table, 1, 'of forward alone')).toBe('3.00×');
    expect(cell(table, 1, 'of the step')).toBe('10 %');
  });

  test('compare whole processes, and what they take over idle ones', () => {
    const table = tableOf(exampleTraining(), /peak memory/);
    expect(table.rows[0]).toEqual([
      'small, batch 8',
      ...['0.25 GB', '0.20 GB', '0.20 GB', '0.15 GB', '0.70 GB', '0.30 GB'],
      ...['2.80×', '1.50×'],
    ]);
  });

  test('say how much of a step is waiting for data', () => {
    const table = tableOf(exampleTraining(), /data path/);
    expect(cell(table, 1, 'of the step')).toBe('1.00 %');
    expect(cell(table, 1, 'JavaScript’s thread busy')).toBe('2.00 %');
  });

  test('are there without a peer', () => {
    const training = exampleTraining();
    const alone = {
      ...training,
      decoders: training.decoders.map(({ peerSettings, batches, ...rest }) => ({
        ...rest,
        batches: batches.map((row) => ({
          ...row,
          ...{ peer: undefined, peerBfloat16: undefined, peerForward: undefined },
          relativeErrors: { moments: 1e-3 },
        })),
      })),
      memory: training.memory.map(({ peer, ...row }) => row),
    };
    expect(cell(tableOf(alone, /^training step, small/), 1, 'peer')).toBeNull();
    expect(cell(tableOf(alone, /peak memory/), 0, 'peer’s to ours')).toBeNull();
    expect(trainingMarks(alone).filter(({ met }) => met !== null)).toHaveLength(2);
  });
});

describe('the marks of training', () => {
  test('ask five and a half and twelve times the peer, less memory than its, and little waiting', () => {
    const marks = trainingMarks(exampleTraining());
    expect(marks.map(({ measured, met }) => [measured, met])).toEqual([
      [expect.closeTo(6), true],
      [2.8, true],
      [1.5, true],
      [0.06, false],
      [expect.closeTo(6), false],
      [2.8, true],
      [1.5, true],
      [0.01, true],
    ]);
    const [{ rows }] = markTables(marks) as [Table];
    expect(rows[3]).toEqual(['training step, small decoder, batch 8: waiting for data', '≤ 5.0 %', '6.0 %', 'NO']);
  });

  test('are not measured by a run without training, or of other decoders', () => {
    const tiny = { ...exampleTraining(), decoders: [{ ...exampleTraining().decoders[0]!, name: 'tiny' }] };
    for (const training of [undefined as never, { ...tiny, memory: [], data: [] }])
      expect(trainingMarks(training).map(({ met }) => met)).toEqual(Array(8).fill(null));
  });
});

describe('the charts of training', () => {
  const [parameters, batches, parts] = trainingCharts(exampleTraining()) as [Chart, Chart, Chart];

  test('show the step against parameters and against the batch', () => {
    expect(parameters.labels).toEqual(['small, 2.2 M', 'middle, 20.8 M']);
    expect(parameters.series.map(({ label, points }) => [label, points.map((point) => point?.median)])).toEqual([
      ['ours', [0.1, 1]],
      ['ours, 8-bit moments', [expect.closeTo(0.11), expect.closeTo(1.1)]],
      ['PyTorch', [expect.closeTo(0.6), 6]],
    ]);
    expect([batches.labels, batches.series[0]!.points.map((point) => point?.median)]).toEqual([
      ['1', '8'],
      [0.0125, 0.1],
    ]);
  });

  test('stack the parts of our step up to its time', () => {
    expect(parts.kind).toBe('stacks');
    const height = parts.series.reduce((sum, { points }) => sum + points[1]!.median, 0);
    expect(height).toBeCloseTo(0.1);
  });

  test('stand on the page, with the tables', () => {
    const page: string = renderPage({ ...exampleResults(), training: exampleTraining() });
    expect(page).toContain('<h2>Training</h2>');
    expect(page.match(/"kind":"(lines|stacks)"/g)).toHaveLength(3 + 5);
    expect(page).toContain('training step, middle');
    expect(renderPage(exampleResults())).not.toContain('<h2>Training</h2>');
  });
});

test('figures of training have names of their own', () => {
  const names = [...figuresOf({ training: exampleTraining() }).keys()];
  expect(names).toContain('training › decoders › middle › batch 8 › peer');
  expect(names).toHaveLength(2 * (1 + 2 * 8) + 2 * 2);
  expect(new Set(names).size).toBe(names.length);
});

test('a random batch has gaps in its targets and no two tasks alike', () => {
  const { condition, target, importance, shapes } = randomBatch(
    {
      features: [
        [2, 3, 5],
        [4, 3, 6],
      ],
    },
    2,
  );
  expect(shapes).toEqual({ condition: [2, 2, 3, 5], target: [2, 4, 3, 6], importance: [4] });
  expect([...target].filter(Number.isNaN)).toHaveLength(144 / 16);
  expect([...importance].every((value: number) => value >= 0.5 && value <= 1.5)).toBe(true);
  expect(condition.subarray(0, 30)).not.toEqual(condition.subarray(30));
});

test('decoders that train on pairs end with the weight tokens of their base', () => {
  const trained = [...decodersOf(false), ...decodersOf(true)].filter(({ base }) => base);
  expect(trained.map(({ name }) => name)).toEqual(['small', 'middle', 'tiny']);
  for (const { base, rank, chunk, features } of trained) {
    const layout = new AdapterLayout({ base: baseModelFromConfig(base, 'the benchmark'), rank, chunk });
    expect([layout.tokenCount, layout.tokenHeight, layout.tokenWidth]).toEqual(features.at(-1));
  }
});
